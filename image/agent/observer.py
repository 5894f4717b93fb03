"""What is done with one instance, from its start to its stop.

`Observer` has the hooks of a yapapi `Service` and is inherited beside it. Of the SDK it
knows `self._ctx` alone: `new_script`, and of a script `run` and `download_file`, whose
results are futures. So all of it runs on a stand-in too.

The SDK throws a script's error into the hook, at its `yield`; thrown into an outer
generator it would not reach an inner one. That is why every `yield` stands in a hook.
"""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

import merge
from collected import Collected, json_of, values_of_dump

SERVICE = "/golem/run/simple_service.py"
CONTROL = "/golem/run/simulate_observations_ctl.py"
PLOTS = ("dist", "time")
LOOK_INTERVAL_S = 10.0
# Without a limit the SDK would ask for ever for an answer that does not come.
COMMAND_TIMEOUT = timedelta(minutes=1)
# A dump comes in one answer, however large.
DUMP_TIMEOUT = timedelta(minutes=5)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Asked(NamedTuple):
    """A command of a script, in words, and what becomes of it."""

    words: Tuple[str, ...]
    result: "asyncio.Future"

    def stdout(self) -> Optional[str]:
        """What it printed; the SDK has None for nothing."""
        return self.result.result().stdout


class Observer:
    """Starts an instance, looks at it at every interval, fetches its dump, stops it.

    A look that fails is told, and the next one is made: the instance may recover.
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
        self._collected.say(f"{self.name} started")

    async def run(self):
        clock = asyncio.get_running_loop().time
        due = clock()
        while self._looks != self._looks_most:
            # A look that took longer than the interval is followed by the next at once.
            due = max(due + self._interval_s, clock())
            await asyncio.sleep(due - clock())
            self._looks += 1
            plots = [(SERVICE, "--plot", kind) for kind in PLOTS]
            script, asked = self._script([(SERVICE, "--stats"), *plots])
            try:
                yield script
            except Exception as error:
                self._blame(asked, error)
            self._take_statistics(asked[0])
            script, downloads = self._downloads(asked[1:])
            if downloads:
                try:
                    yield script
                except Exception as error:
                    self._blame(downloads, error)
                self._take_plots(downloads)
            self._collected.looked(self.name)

    async def shutdown(self):
        script, asked = self._script([(SERVICE, "--dump")], DUMP_TIMEOUT)
        try:
            yield script
        except Exception as error:
            self._blame(asked, error)
        self._take_dump(asked[0])
        script, asked = self._script([(CONTROL, "--stop")])
        try:
            yield script
        except Exception as error:
            self._blame(asked, error)
        else:
            self._collected.say(f"{self.name} stopped")
        self._collected.left(self.name)

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
            except ValueError as error:
                self._refuse(asked, error)
                continue
            # The name is ours: what the provider says is no path to write to.
            target = str(self._out / f"{self.name}-{kind}-{self._looks:04}.png")
            words = ("download", source, target)
            downloads.append(Asked(words, script.download_file(source, target)))
        return script, downloads

    def _take_statistics(self, asked: Asked) -> None:
        if not asked.result.done():
            return
        try:
            told = json_of(asked.stdout())
            merge.of_statistics(told)
        except ValueError as error:
            self._refuse(asked, error)
        else:
            self._collected.tell(self.name, told)

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

    def _take_dump(self, asked: Asked) -> None:
        if not asked.result.done():
            return
        path = self._out / f"{self.name}-dump.json"
        known = self._collected.statistics.get(self.name, {"size": 0})["size"]
        try:
            size = len(values_of_dump(asked.stdout()))
            if size < known:
                raise ValueError(f"{size} observations, where --stats had counted {known}")
            path.write_text(asked.stdout())
        except (OSError, ValueError) as error:
            self._refuse(asked, error)
        else:
            self._collected.dumps[self.name] = path
            self._collected.say(f"{self.name} {path}")

    def _blame(self, asked: List[Asked], error: Exception) -> None:
        """A script ends at the first command that fails."""
        culprit = next((each for each in asked if not each.result.done()), asked[-1])
        self._collected.fail(self.name, f"{' '.join(culprit.words)}: {_outcome(error)}")

    def _refuse(self, asked: Asked, error: Exception) -> None:
        self._collected.fail(self.name, f"{' '.join(asked.words)}: {error}")


def _outcome(error: Exception) -> str:
    """The exit status and stderr of a command, or whatever else happened. The exit status
    is told only in the message: exe-unit/src/error.rs of yagna, CommandExitCodeError."""
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    code = re.search(r"exited with code (-?\d+)", message)
    outcome = f"exit status {code.group(1)}" if code else message
    stderr = (getattr(error, "stderr", None) or "").strip()
    return f"{outcome}: {stderr}" if stderr else outcome
