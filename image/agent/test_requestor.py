import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import requestor

HASH = "1d" * 28


class CommandLineTest(unittest.TestCase):
    def refused(self, *words):
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            with self.assertRaises(SystemExit) as ended:
                requestor.parse(list(words))
        self.assertEqual(ended.exception.code, 2)
        return printed.getvalue()

    def test_hash_is_all_that_is_needed(self):
        options = requestor.parse(["--image-hash", HASH.upper()])
        self.assertEqual((options.image_hash, options.instances, options.running_time),
                         (HASH, 1, 120))
        self.assertTrue(options.out.name.startswith("simple-service-"))
        self.assertIsNone(options.subnet_tag)

    def test_hash_is_a_sha3_224(self):
        self.assertIn("--image-hash", self.refused())
        self.assertIn("56 hexadecimal digits; it has 55", self.refused("--image-hash", HASH[1:]))
        self.assertIn("no SHA3-224", self.refused("--image-hash", "g" * 56))

    def test_payment_network_is_todays_unless_another_is_named(self):
        def network(*words):
            return requestor.parse(["--image-hash", HASH, *words]).payment_network

        with mock.patch.dict(os.environ, {"YAGNA_PAYMENT_NETWORK": ""}):
            self.assertEqual(network(), "hoodi")
            os.environ["YAGNA_PAYMENT_NETWORK"] = "polygon"
            self.assertEqual(network(), "polygon")
            self.assertEqual(network("--payment-network", "holesky"), "holesky")

    def test_help_names_the_payment_network(self):
        with contextlib.redirect_stdout(io.StringIO()) as printed, self.assertRaises(SystemExit):
            requestor.parse(["--help"])
        self.assertIn("hoodi", printed.getvalue())

    def test_numbers_are_above_zero(self):
        for option in ("--instances", "--running-time", "--budget"):
            for value in ("0", "-1", "x", "1e3", ""):
                with self.subTest(option=option, value=value):
                    self.assertIn(option, self.refused("--image-hash", HASH, f"{option}={value}"))

    def test_what_is_missing_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            with mock.patch.dict(os.environ, {"YAGNA_APPKEY": "", "PATH": folder}):
                self.assertIn("YAGNA_APPKEY", requestor.missing())
                os.environ["YAGNA_APPKEY"] = "key"
                self.assertIn("gftp", requestor.missing())
                gftp = Path(folder) / "gftp"
                gftp.touch(0o755)
                self.assertIsNone(requestor.missing())

    def test_missing_sdk_is_reported(self):
        absent = {"on_golem": None}
        words = ["requestor.py", "--image-hash", HASH]
        with mock.patch.dict("sys.modules", absent), mock.patch("sys.argv", words):
            with contextlib.redirect_stderr(io.StringIO()) as printed:
                self.assertEqual(requestor.main(), 1)
        self.assertIn("pip install -r", printed.getvalue())

    def test_dumps_of_an_earlier_run_are_not_overwritten(self):
        with tempfile.TemporaryDirectory() as folder:
            dump = Path(folder) / "simple-service-1-dump.json"
            dump.write_text("[]")
            words = ["requestor.py", "--image-hash", HASH, "--out", folder]
            with mock.patch.dict("sys.modules", {"on_golem": mock.Mock()}), \
                    mock.patch.object(requestor, "missing", return_value=None), \
                    mock.patch("sys.argv", words), \
                    contextlib.redirect_stderr(io.StringIO()) as printed:
                self.assertEqual(requestor.main(), 1)
            self.assertIn("name another folder with --out", printed.getvalue())
            self.assertEqual(dump.read_text(), "[]")


if __name__ == "__main__":
    unittest.main()
