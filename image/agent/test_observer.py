import asyncio
import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import stand_in
from collected import Collected
from fake_machine import (DIST, DUMP, PNG, ROWS, START, STATS, STATISTICS, STOP, TIME,
                          Finished, ScriptedMachine)

EMPTY = (b'{"min": null, "max": null, "median": null, "mean": null, "variance": null, '
         b'"std dev": null, "size": 0}\n')


class ObserverTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.machines = [ScriptedMachine(self.folder / str(number)) for number in (1, 2)]
        self.first = self.machines[0].answers

    def rehearse(self, rounds=2, machines=None):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            collected = stand_in.rehearse(
                machines or self.machines, self.folder / "got", 0.01, rounds)
        self.assertEqual(printed.getvalue().splitlines(), collected.lines)
        return collected

    def failures_of_first(self, rounds=1):
        """What went wrong with the first instance; the second one must be unharmed."""
        collected = self.rehearse(rounds)
        self.assertEqual(list(collected.failures), ["simple-service-1"])
        self.assertIn("simple-service-2", collected.dumps)
        self.assertEqual(len(collected.plots["simple-service-2"]), 2 * rounds)
        self.assertEqual(self.machines[1].ran[-1], ("--stop",))
        return collected.failures["simple-service-1"], collected

    def test_everything_is_fetched_and_reported(self):
        collected = self.rehearse()
        self.assertEqual(collected.failures, {})
        self.assertEqual(self.machines[0].ran[0], ("--start",))
        self.assertEqual(self.machines[0].ran[-2:], [("--dump", "--from", "2"), ("--stop",)])
        for name in ("simple-service-1", "simple-service-2"):
            self.assertEqual(collected.statistics[name], json.loads(STATISTICS))
            names = [path.name for path in collected.plots[name]]
            self.assertEqual(names, [f"{name}-{kind}-{look:04}.png"
                                     for look in (1, 2) for kind in ("dist", "time")])
            self.assertTrue(all(path.read_bytes() == PNG for path in collected.plots[name]))
            self.assertEqual(collected.dumps[name].read_bytes(), ROWS)
        self.assertEqual(collected.whole, {"simple-service-1", "simple-service-2"})
        merged = [line for line in collected.lines if line.startswith("all ")]
        self.assertEqual(merged, ['all (2 of 2) {"min": 1.0, "max": 3.0, "mean": 2.0, '
                                  '"variance": 1.0, "std dev": 1.0, "size": 4}'] * 2)
        self.assertEqual(collected.final, {"min": 1.0, "max": 3.0, "median": 2.0, "mean": 2.0,
                                           "variance": 1.0, "std dev": 1.0, "size": 4})

    def test_empty_store_is_reported(self):
        for machine in self.machines:
            machine.answers.update({STATS: EMPTY, DUMP: lambda first: b"[]\n"})
        collected = self.rehearse(1)
        self.assertEqual(collected.failures, {})
        self.assertEqual(collected.final["size"], 0)
        self.assertIn('all (2 of 2) {"min": null, "max": null, "mean": null, "variance": null, '
                      '"std dev": null, "size": 0}', collected.lines)

    def test_lost_instance_is_reported_once_whatever_failed_before(self):
        collected = Collected(["one", "unstarted"], say=lambda line: None)
        collected.started("one")
        collected.fail("one", "--stats: busy")
        for name in ("one", "one", "unstarted"):
            collected.lost(name)
        self.assertEqual(collected.failures, {
            "one": ["--stats: busy", "has ended before its last observations were fetched"]})

    def test_instance_that_ends_after_its_whole_dump_is_no_failure(self):
        collected = Collected(["one"], say=lambda line: None)
        collected.started("one")
        collected.whole.add("one")
        collected.lost("one")
        self.assertEqual(collected.failures, {})

    def test_failed_start_names_command_status_and_stderr(self):
        self.first[START] = Finished(1, b"", b"one already runs\n", 1)
        failures, _ = self.failures_of_first()
        self.assertEqual(failures, ["/golem/run/simulate_observations_ctl.py --start: "
                                    "exit status 1: one already runs"])
        self.assertEqual(self.machines[0].ran, [("--start",)])

    def test_missing_program_is_exit_status_9(self):
        self.first[STATS] = Finished(9, b"", b"", 1)
        failures, collected = self.failures_of_first(2)
        self.assertEqual(failures, ["/golem/run/simple_service.py --stats: exit status 9"] * 2)
        # Looks go on, and what can still be fetched is fetched.
        self.assertIn("simple-service-1", collected.dumps)
        self.assertEqual(self.machines[0].ran[-1], ("--stop",))
        self.assertEqual(sum(line.startswith("all (1 of 2)") for line in collected.lines), 2)

    def test_what_came_before_a_failed_plot_counts(self):
        self.first[TIME] = Finished(1, b"", b"disk full", 1)
        failures, collected = self.failures_of_first()
        self.assertEqual(failures, ["/golem/run/simple_service.py --plot time: "
                                    "exit status 1: disk full"])
        self.assertIn("simple-service-1", collected.statistics)
        self.assertEqual(len(collected.plots["simple-service-1"]), 1)

    def test_lost_output_is_a_failure(self):
        for command in (STATS, DIST, DUMP):
            with self.subTest(command):
                self.setUp()
                self.first[command] = b""
                failures, _ = self.failures_of_first()
                # The dump is asked for in the look and at the end.
                self.assertEqual(len(failures), 2 if command == DUMP else 1)
                self.assertTrue(all(each.endswith("printed nothing") for each in failures), failures)

    def test_cut_dump_is_not_kept(self):
        for cut, why in ((b'[{"val": 1.0, "time_ad', "Unterminated"),
                         (b'[{"val": 1.0}]', "1 observations, where --stats had counted 2"),
                         (b'[{"val": 1e999}, {"val": 2}]', "not an array of observations")):
            with self.subTest(cut):
                self.setUp()
                self.first[DUMP] = cut
                failures, collected = self.failures_of_first()
                self.assertIn(why, failures[0])
                self.assertNotIn("simple-service-1", collected.dumps)
                self.assertTrue(collected.lines[-1].startswith("dumps (1 of 2)"))

    def test_each_round_fetches_what_is_new(self):
        rows = json.loads(ROWS)
        ends = iter([1, 1, 2, 2])
        self.first[DUMP] = lambda first: json.dumps(rows[first:next(ends)]).encode() + b"\n"
        self.first[STATS] = EMPTY
        collected = self.rehearse(3)
        self.assertEqual(collected.failures, {})
        asked = [words[-1] for words in self.machines[0].ran if "--dump" in words]
        self.assertEqual(asked, ["0", "1", "1", "2"])
        self.assertEqual(collected.dumps["simple-service-1"].read_bytes(), ROWS)

    def test_cut_observations_are_fetched_again(self):
        answers = iter([ROWS[:30], ROWS])
        self.first[DUMP] = lambda first: next(answers) if first == 0 else b"[]\n"
        failures, collected = self.failures_of_first()
        self.assertEqual(len(failures), 1)
        self.assertEqual(collected.dumps["simple-service-1"].read_bytes(), ROWS)
        self.assertIn("simple-service-1", collected.whole)

    def test_activity_that_ends_in_the_middle_keeps_what_was_fetched(self):
        def until_it_ends():
            if ("--dump", "--from", "2") in self.machines[0].ran:
                ended = RuntimeError("it has ended")
                self.first.update(dict.fromkeys(self.first, ended))
                raise ended
            return STATISTICS

        self.first[STATS] = until_it_ends
        failures, collected = self.failures_of_first(4)
        self.assertEqual(set(failures), {
            f"/golem/run/{each}: it has ended" for each in
            ("simple_service.py --stats", "simple_service.py --plot dist",
             "simple_service.py --dump --from 2", "simulate_observations_ctl.py --stop")})
        self.assertEqual(collected.dumps["simple-service-1"].read_bytes(), ROWS)
        self.assertEqual(len(collected.plots["simple-service-1"]), 4)
        self.assertEqual((collected.final["size"], collected.whole), (4, {"simple-service-2"}))

    def test_plots_that_were_fetched_are_empty_files(self):
        collected = self.rehearse(3)
        for machine in self.machines:
            left = list(machine.volume("/golem/out").iterdir())
            self.assertEqual([each.read_bytes() for each in left], [b""] * 6)
        self.assertTrue(all(path.read_bytes() == PNG for paths in collected.plots.values()
                            for path in paths))

    def test_plot_that_was_not_fetched_is_left(self):
        self.first[TIME] = b'"/golem/out/none.png"'
        self.failures_of_first()
        left = list(self.machines[0].volume("/golem/out").iterdir())
        self.assertEqual([each.read_bytes() for each in left], [PNG])

    def test_plot_out_of_the_volumes_is_not_found(self):
        for path in ("/golem/run/dist.png", "/golem/out/../x", "/golem/out/none.png", "/golem/out"):
            with self.subTest(path):
                self.setUp()
                self.first[DIST] = json.dumps(path).encode()
                failures, _ = self.failures_of_first()
                self.assertTrue(failures[0].startswith(f"download {path} "), failures)

    def test_lost_machine_does_not_spoil_the_others(self):
        self.first[STATS] = RuntimeError("it has gone")
        self.first[DUMP] = self.first[STOP] = RuntimeError("it has gone")
        failures, _ = self.failures_of_first()
        self.assertEqual(len(failures), 3)
        self.assertTrue(failures[0].endswith("--stats: it has gone"), failures)

    def test_stop_comes_through_while_it_waits(self):
        """The SDK cancels a look that waits, and then shuts down."""
        collected = Collected(["one"], say=lambda line: None)

        async def stopped():
            context = stand_in.Context(self.machines[0])
            service = stand_in.RehearsedService(
                name="one", out=self.folder, collected=collected, interval_s=60)
            service._ctx = context
            task = asyncio.ensure_future(service.run().__anext__())
            await asyncio.sleep(0.01)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await stand_in._drive(service.shutdown(), context)
            context.close()

        asyncio.run(stopped())
        self.assertEqual(self.machines[0].ran, [("--dump", "--from", "0"), ("--stop",)])
        self.assertEqual(collected.failures, {})


if __name__ == "__main__":
    unittest.main()
