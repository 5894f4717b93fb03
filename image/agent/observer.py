"""The work with one instance, from its start to its stop.

`Observer` has the hooks of a yapapi `Service` and is inherited together with it. Of the
SDK it uses only `self._ctx`: `new_script`, and of a script `run`, `download_file` and
`upload_bytes`, whose results are futures. So all of it also runs on a stand-in.

The SDK throws a script's error into the hook, at its `yield`. An error thrown into an
outer generator would not reach an inner one, so every `yield` is in a hook.
"""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

import merge
from collected import Collected, json_of
from dump import Dump

SERVICE = "/golem/run/simple_service.py"
CONTROL = "/golem/run/simulate_observations_ctl.py"
PLOTS = ("dist", "time")
LOOK_INTERVAL_S = 10.0
# Without a limit the SDK would ask without end for an answer that does not come.
COMMAND_TIMEOUT = timedelta(minutes=1)
# New observations come in one answer. After rounds that failed there may be many.
DUMP_TIMEOUT = timedelta(minutes=5)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Asked(NamedTuple):
    """A command of a script, in words, and its result."""

    words: Tuple[str, ...]
    result: "asyncio.Future"

    def stdout(self) -> Optional[str]:
        """Its output; the SDK gives None if there is none."""
        return self.result.result().stdout


class Observer:
    """Starts an instance, looks at it at every interval, and stops it.

    Each look fetches the new observations: if an instance vanishes, those of one interval
    are lost. A failed look is reported, and the next one is made: the instance may recover.
    """

    def __init__(self, *, name: str, out: Path, collected: Collected,
                 interval_s: float = LOOK_INTERVAL_S, looks_most: Optional[int] = None):
        super().__init__()
        self.name = name
        self._out = out.resolve()
        self._collected = collected
        self._interval_s = interval_s
        self._looks_most = looks_most
        self._looks = 0
        self._dump = Dump(self._out / f"{name}-dump.json")

    async def start(self):
        async for script in super().start():
            try:
                yield script
            except Exception as error:
                self._collected.fail(self.name, f"to be deployed: {_outcome(error)}")
                raise
        script, asked = self._script([(CONTROL, "--start")])
        try:
            yield script
        except Exception as error:
            self._blame(asked, error)
            raise
        self._collected.started(self.name)

    async def run(self):
        clock = asyncio.get_running_loop().time
        due = clock()
        while self._looks != self._looks_most:
            # A look that took longer than the interval is followed by the next at once.
            due = max(due + self._interval_s, clock())
            await asyncio.sleep(due - clock())
            self._looks += 1
            script, asked = self._script([(SERVICE, "--stats"), self._new()], DUMP_TIMEOUT)
            try:
                yield script
            except Exception as error:
                self._blame(asked, error)
            self._take_statistics(asked[0])
            self._take_observations(asked[1])
            script, asked = self._script([(SERVICE, "--plot", kind) for kind in PLOTS])
            try:
                yield script
            except Exception as error:
                self._blame(asked, error)
            script, downloads = self._downloads(asked)
            if downloads:
                emptied = self._emptied(script, downloads)
                try:
                    yield script
                except Exception as error:
                    self._blame([*downloads, *emptied], error)
                self._take_plots(downloads)
            self._collected.looked(self.name)

    async def shutdown(self):
        script, asked = self._script([self._new()], DUMP_TIMEOUT)
        try:
            yield script
        except Exception as error:
            self._blame(asked, error)
        if self._take_observations(asked[0]):
            self._collected.whole.add(self.name)
        if self.name in self._collected.dumps:
            self._collected.say(f"{self.name} {self._dump.path}")
        script, asked = self._script([(CONTROL, "--stop")])
        try:
            yield script
        except Exception as error:
            self._blame(asked, error)
        else:
            self._collected.say(f"{self.name} stopped")
        self._collected.left(self.name)

    def _new(self) -> Tuple[str, ...]:
        """The command for the observations that were not fetched yet."""
        return (SERVICE, "--dump", "--from", str(self._dump.size))

    def _script(self, commands: List[Tuple[str, ...]], timeout: timedelta = COMMAND_TIMEOUT):
        script = self._ctx.new_script(timeout=timeout)
        return script, [Asked(words, script.run(*words)) for words in commands]

    def _downloads(self, plots: List[Asked]):
        script = self._ctx.new_script(timeout=COMMAND_TIMEOUT)
        downloads = []
        for kind, asked in zip(PLOTS, plots):
            if not asked.result.done():
                continue
            try:
                source = json_of(asked.stdout())
                if not isinstance(source, str) or not source.startswith("/"):
                    raise ValueError(f"{source!r} is no path")
                source.encode()  # a lone surrogate is a ValueError
            except ValueError as error:
                self._refuse(asked, error)
                continue
            # The name is ours: a path from the provider must not be written to.
            target = str(self._out / f"{self.name}-{kind}-{self._looks:04}.png")
            words = ("download", source, target)
            downloads.append(Asked(words, script.download_file(source, target)))
        return script, downloads

    @staticmethod
    def _emptied(script, downloads: List[Asked]) -> List[Asked]:
        """Replaces downloaded plots by empty files: no command removes one, and a long run
        would fill the volume."""
        sources = [asked.words[1] for asked in downloads]
        return [Asked(("empty", each), script.upload_bytes(b"", each)) for each in sources]

    def _take_statistics(self, asked: Asked) -> None:
        if not asked.result.done():
            return
        try:
            statistics = json_of(asked.stdout())
            merge.of_statistics(statistics)
        except ValueError as error:
            self._refuse(asked, error)
        else:
            self._collected.report(self.name, statistics)

    def _take_plots(self, downloads: List[Asked]) -> None:
        for asked in (asked for asked in downloads if asked.result.done()):
            path = Path(asked.words[-1])
            try:
                with path.open("rb") as file:
                    if file.read(len(PNG_SIGNATURE)) != PNG_SIGNATURE:
                        raise ValueError("not a PNG")
            except (OSError, ValueError) as error:
                self._refuse(asked, error)
            else:
                self._collected.plots.setdefault(self.name, []).append(path)
                self._collected.say(f"{self.name} {path}")

    def _take_observations(self, asked: Asked) -> bool:
        """Returns whether nothing is missing."""
        if not asked.result.done():
            return False
        known = self._collected.statistics.get(self.name, {"size": 0})["size"]
        try:
            self._dump.append(asked.stdout(), known)
        except (OSError, ValueError) as error:
            self._refuse(asked, error)
            return False
        self._collected.dumps[self.name] = self._dump.path
        return True

    def _blame(self, asked: List[Asked], error: Exception) -> None:
        """A script ends at the first command that fails."""
        culprit = next((each for each in asked if not each.result.done()), asked[-1])
        self._collected.fail(self.name, f"{' '.join(culprit.words)}: {_outcome(error)}")

    def _refuse(self, asked: Asked, error: Exception) -> None:
        self._collected.fail(self.name, f"{' '.join(asked.words)}: {error}")


def _outcome(error: Exception) -> str:
    """The exit status and stderr of a command, or whatever else happened. Only the message
    has the exit status: exe-unit/src/error.rs of yagna, CommandExitCodeError."""
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    code = re.search(r"exited with code (-?\d+)", message)
    outcome = f"exit status {code.group(1)}" if code else message
    stderr = (getattr(error, "stderr", None) or "").strip()
    return f"{outcome}: {stderr}" if stderr else outcome
