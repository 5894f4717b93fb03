import errno
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import collected
import dump
from dump import Dump
from fake_machine import ROWS


def rows(number):
    return json.dumps(json.loads(ROWS)[:1] * number)


class DumpTest(unittest.TestCase):
    def test_full_disk_leaves_the_file_as_before(self):
        write = dump._write

        def half(file, data):
            if data == dump.END:
                return write(file, data)
            write(file, data[:len(data) // 2])
            raise OSError(errno.ENOSPC, "no space")

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "dump.json"
            fetched = Dump(path)
            for size in [0, 2, 4]:
                with mock.patch.object(dump, "_write", half), self.assertRaises(OSError):
                    fetched.append(rows(2), 0)
                self.assertEqual(fetched.size, size)
                self.assertEqual(path.exists(), size > 0)
                if size:
                    self.assertEqual(len(json.loads(path.read_text())), size)
                fetched.append(rows(2), 0)
                self.assertEqual(len(json.loads(path.read_text())), size + 2)


class CollectedTest(unittest.TestCase):
    def test_deep_nesting_is_a_value_error(self):
        with self.assertRaises(ValueError):
            collected.json_of("[" * 200_000)

    def test_failures_are_printed_without_control_characters(self):
        said = []
        collected.Collected(["a"], said.append).fail("a", "x\x1b[2J\ny")
        self.assertEqual(said, ["a FAILED x\\x1b[2J\\ny"])
