"""The interface of the SDK for other machines, to rehearse the work on Golem.

A machine has `run(*words)`, which blocks and returns `status`, `stdout` and `stderr` (as
bytes), and `volume(path)`, the host's directory for a volume of the guest. check_sdk.py
checks this file against the real SDK.
"""

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Callable, List, NamedTuple, Optional

from collected import Collected
from observer import Observer

VOLUMES = ("/golem/in", "/golem/out")


class Failed(Exception):
    """Like the SDK's CommandExecutionError, with the exe-unit's message."""

    def __init__(self, command: str, message: str, stderr: Optional[str] = None):
        super().__init__(f"{command}: {message}")
        self.command = command
        self.message = message
        self.stderr = stderr


class Executed(NamedTuple):
    """The used fields of the SDK's CommandExecuted. Without output they are None."""

    stdout: Optional[str] = None
    stderr: Optional[str] = None


class Context:
    """One machine. One thread runs its commands one after the other."""

    def __init__(self, machine):
        self._machine = machine
        self._thread = ThreadPoolExecutor(max_workers=1)

    def new_script(self, timeout=None) -> "Script":
        """The machine itself limits the time of a command, so `timeout` is unused."""
        return Script(self)

    def close(self) -> None:
        self._thread.shutdown()

    async def execute(self, script: "Script") -> None:
        """Ends with the first command that fails, and raises what the SDK would."""
        loop = asyncio.get_running_loop()
        for command, result in script.commands:
            result.set_result(await loop.run_in_executor(self._thread, command))

    def run(self, *words: str) -> Executed:
        finished = self._machine.run(*words)
        stdout, stderr = (each.decode() or None for each in (finished.stdout, finished.stderr))
        if finished.status != 0:
            message = f"ExeScript command exited with code {finished.status}"
            raise Failed(f"Run {words}", message, stderr)
        return Executed(stdout, stderr)

    def download_file(self, source: str, target: str) -> Executed:
        return self._transfer(f"DownloadFile {source}", source,
                              lambda path: shutil.copyfile(path, target))

    def upload_bytes(self, data: bytes, target: str) -> Executed:
        return self._transfer(f"SendBytes {target}", target, lambda path: path.write_bytes(data))

    def _transfer(self, command: str, inside: str, done: Callable[[Path], object]) -> Executed:
        path = PurePosixPath(inside)
        for volume in VOLUMES:
            if volume in map(str, path.parents) and ".." not in path.parts:
                try:
                    done(self._machine.volume(volume) / path.relative_to(volume))
                except OSError as error:
                    raise Failed(command, f"Transfer error: {error}") from error
                return Executed()
        raise Failed(command, f"Transfer error: path not found in container: {inside}")


class Script:
    """Commands and their results. They are executed after a hook has yielded the script."""

    def __init__(self, context: Context):
        self._context = context
        self.commands: List[tuple] = []

    def run(self, cmd: str, *args: str) -> asyncio.Future:
        return self._add(partial(self._context.run, cmd, *args))

    def download_file(self, src_path: str, dst_path: str) -> asyncio.Future:
        return self._add(partial(self._context.download_file, src_path, dst_path))

    def upload_bytes(self, data: bytes, dst_path: str) -> asyncio.Future:
        return self._add(partial(self._context.upload_bytes, data, dst_path))

    def _add(self, command) -> asyncio.Future:
        result = asyncio.get_running_loop().create_future()
        self.commands.append((command, result))
        return result


class Service:
    """The SDK's base class. Its `start` deploys; here a machine is already running."""

    _ctx: Context

    async def start(self):
        return
        yield


class RehearsedService(Observer, Service):
    """The same as the service on Golem, on a stand-in."""


async def attend(service: RehearsedService, context: Context) -> None:
    """Runs the hooks as the SDK's ServiceRunner does: an instance that did not start is
    given up, and one that fails later is still shut down."""
    service._ctx = context
    try:
        await _drive(service.start(), context)
    except Exception:
        return
    try:
        await _drive(service.run(), context)
    finally:
        await _drive(service.shutdown(), context)


async def _drive(scripts, context: Context) -> None:
    try:
        script = await scripts.__anext__()
        while True:
            try:
                await context.execute(script)
            except Exception as error:
                script = await scripts.athrow(error)
            else:
                script = await scripts.asend(None)
    except StopAsyncIteration:
        pass


def rehearse(machines: list, out: Path, interval_s: float, rounds: int,
             say: Callable[[str], None] = print) -> Collected:
    """Does on all machines at the same time what the requestor does on Golem, with
    `rounds` looks, and writes what it fetches into `out`. Failures are in the result; an
    error of the agent itself is raised."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_rehearse(machines, out, interval_s, rounds, say))


async def _rehearse(machines, out, interval_s, rounds, say) -> Collected:
    contexts = {f"simple-service-{i}": Context(each) for i, each in enumerate(machines, 1)}
    collected = Collected(contexts, say)

    async def one(name: str, context: Context) -> None:
        service = RehearsedService(name=name, out=out, collected=collected,
                                   interval_s=interval_s, looks_most=rounds)
        try:
            await attend(service, context)
        finally:
            collected.left(name)
            context.close()

    await asyncio.gather(*(one(name, context) for name, context in contexts.items()))
    collected.conclude()
    return collected
