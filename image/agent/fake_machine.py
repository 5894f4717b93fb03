"""Machines for the tests, with the interface that stand_in.py uses."""

import json
import os
import subprocess
import threading
import time
from functools import partial
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
Answer = Union[bytes, Finished, Exception, Callable[..., bytes]]


def rows_from(first: int) -> bytes:
    """The output of `--dump --from` for these rows."""
    return json.dumps(json.loads(ROWS)[first:]).encode() + b"\n"


class ScriptedMachine:
    """Answers from a table. The keys are a program's name and its arguments; for `--dump`,
    without the number."""

    def __init__(self, folder: Path):
        self._folder = folder
        (folder / "out").mkdir(parents=True)
        self.answers: Dict[Tuple[str, ...], Answer] = {
            STATS: STATISTICS, DUMP: rows_from, START: b"", STOP: b"",
            DIST: partial(self._plot, "dist"), TIME: partial(self._plot, "time"),
        }
        self.ran = []
        self._busy = threading.Lock()

    def volume(self, path: str) -> Path:
        return self._folder / Path(path).name

    def _plot(self, kind: str) -> bytes:
        """Draws a new picture each time."""
        path = f"/golem/out/{kind}-{len(self.ran)}.png"
        (self._folder / "out" / Path(path).name).write_bytes(PNG)
        return json.dumps(path).encode() + b"\n"

    def run(self, *words: str) -> Finished:
        assert self._busy.acquire(blocking=False), "run by two threads at once"
        try:
            folder, name = os.path.split(words[0])
            assert folder == "/golem/run"
            self.ran.append(words[1:])
            asked, numbers = words[1:], ()
            if "--from" in asked:
                asked, numbers = asked[:-2], (int(asked[-1]),)
            answer = self.answers[(name, *asked)]
            if callable(answer):
                answer = answer(*numbers)
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, Finished) else Finished(0, answer, b"", 1)
        finally:
            self._busy.release()


class LocalMachine:
    """Runs the real programs of `programs` on this machine, in a separate folder."""

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
