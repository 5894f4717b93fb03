"""The rehearsal with the real programs, which are in the folder $GAUGELOG_PROGRAMS."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import stand_in
from fake_machine import LocalMachine

PROGRAMS = os.environ.get("GAUGELOG_PROGRAMS")


@unittest.skipUnless(PROGRAMS, "GAUGELOG_PROGRAMS is not set")
class ProgramsTest(unittest.TestCase):
    def test_two_instances_are_observed(self):
        programs = Path(PROGRAMS).resolve()
        for name in ("simple_service", "simulate_observations", "simulate_observations_ctl"):
            self.assertTrue(os.access(programs / name, os.X_OK), f"{programs / name} is missing")
        with tempfile.TemporaryDirectory() as folder:
            machines = [LocalMachine(programs, Path(folder) / each) for each in ("1", "2")]
            try:
                got = Path(folder) / "got"
                self.check(stand_in.rehearse(machines, got, 1.5, 2, say=lambda line: None))
            finally:
                # If the rehearsal did not complete, the daemon still runs.
                for machine in machines:
                    machine.run("/golem/run/simulate_observations_ctl.py", "--stop")

    def check(self, collected):
        self.assertEqual(collected.failures, {})
        sizes = [each["size"] for each in collected.statistics.values()]
        self.assertEqual(len(sizes), 2)
        self.assertTrue(all(size >= 3 for size in sizes), sizes)
        for paths in collected.plots.values():
            self.assertEqual(len(paths), 4)
        rows = [json.loads(path.read_text()) for path in collected.dumps.values()]
        self.assertEqual(collected.final["size"], sum(map(len, rows)))
        self.assertEqual(sum(line.startswith("all (2 of 2)") for line in collected.lines), 2)


if __name__ == "__main__":
    unittest.main()
