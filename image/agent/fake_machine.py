"""Machines for the tests, with what stand_in.py asks of one."""

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Tuple, Union


class Finished(NamedTuple):
    status: int
    stdout: bytes
    stderr: bytes
    nanoseconds: int


PNG = b"\x89PNG\r\n\x1a\nand so on"
STATS = ("simple_service.py", "--stats")
DIST = ("simple_service.py", "--plot", "dist")
TIME = ("simple_service.py", "--plot", "time")
DUMP = ("simple_service.py", "--dump")
START = ("simulate_observations_ctl.py", "--start")
STOP = ("simulate_observations_ctl.py", "--stop")
STATISTICS = (
    b'{"min": 1.0, "max": 3.0, "median": 2.0, "mean": 2.0, "variance": 1.0, "std dev": 1.0, '
    b'"size": 2}\n')
ROWS = (
    b'[{"val": 1.0, "time_added": "2021-06-01 12:00:00"}, '
    b'{"val": 3.0, "time_added": "2021-06-01 12:00:01"}]\n')
Answer = Union[bytes, Finished, Exception, Callable[[], bytes]]


class ScriptedMachine:
    """Answers from a table, whose keys are a program's name and its arguments."""

    def __init__(self, folder: Path):
        self._folder = folder
        (folder / "out").mkdir(parents=True)
        for kind in ("dist", "time"):
            (folder / "out" / f"{kind}.png").write_bytes(PNG)
        self.answers: Dict[Tuple[str, ...], Answer] = {
            STATS: STATISTICS, DUMP: ROWS, START: b"", STOP: b"",
            DIST: b'"/golem/out/dist.png"\n', TIME: b'"/golem/out/time.png"\n',
        }
        self.ran = []
        self._busy = threading.Lock()

    def volume(self, path: str) -> Path:
        return self._folder / Path(path).name

    def run(self, *words: str) -> Finished:
        assert self._busy.acquire(blocking=False), "run by two threads at once"
        try:
            folder, name = os.path.split(words[0])
            assert folder == "/golem/run"
            self.ran.append(words[1:])
            answer = self.answers[(name, *words[1:])]
            if callable(answer):
                answer = answer()
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Finished) else Finished(0, answer, b"", 1)
        finally:
            self._busy.release()


class LocalMachine:
    """Runs the real programs of `programs` on this machine, in a folder of its own."""

    def __init__(self, programs: Path, folder: Path):
        self._programs = programs
        self._folder = folder
        self._out = folder / "out"
        self._out.mkdir(parents=True)
        made = self.run("/golem/run/simple_service.py", "--init")
        if made.status != 0:
            raise RuntimeError(f"no store could be made: {made}")

    def volume(self, path: str) -> Path:
        return self._folder / Path(path).name

    def run(self, *words: str) -> Finished:
        program = self._programs / Path(words[0]).name.replace(".py", "")
        if not program.exists():
            return Finished(9, b"", b"", 0)
        begun = time.monotonic_ns()
        ended = subprocess.run(
            [program, *words[1:]], cwd=self._out, stdin=subprocess.DEVNULL, capture_output=True,
            env={"SIMPLE_SERVICE_LOG": str(self._folder / "service.log")}, timeout=60)
        # Pictures go into the current directory, where there is no volume.
        stdout = ended.stdout.replace(str(self._out).encode(), b"/golem/out")
        return Finished(ended.returncode, stdout, ended.stderr, time.monotonic_ns() - begun)
