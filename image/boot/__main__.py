"""Boots the image in virtual machines of several kinds, and uses it like the programs of
its users. `image/boot-test` calls it, after building everything."""

import argparse
import itertools
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parent.parent / "agent"))

import figures
import squashfs
import stand_in
import steps
from kernel import Kernel, initramfs
from machine import Machine, MachineLost, Unreported

MEMORY_MIB = (128, 512)
PROCESSORS = (1, 2)
STARTS = 50
ROWS = 200_000
MANY = 1_000_000


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="image/boot-test", description=__doc__)
    for name, what in [("kernels", "where kernel packages are unpacked"), ("image", "the image"),
                       ("programs", "where its programs are, for this machine")]:
        parser.add_argument(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--thorough", action="store_true",
                        help="machines of all kinds, 1,000 runs of --stats and 20 dumps on each, "
                             "and the agent at its own pace")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="all of it N times")
    parser.add_argument("--starts", type=int, default=STARTS, metavar="N",
                        help="starts and stops of the daemon on each machine (default: %(default)s)")
    parser.add_argument("--only", choices=["steps", "starts", "figures"],
                        help="only the steps; only the starts and stops, on the least memory; "
                             "or only the times of --stats and an empty program")
    return parser.parse_args()


class Kind(NamedTuple):
    """A kind of machine."""

    kernel: Kernel
    memory_mib: int
    processors: int

    def __str__(self) -> str:
        plural = "s" if self.processors > 1 else ""
        version = ".".join(self.kernel.release.split(".")[:2])
        return f"{version}, {self.memory_mib} MiB, {self.processors} processor{plural}"


def kinds(kernels: list[Kernel], all_of_them: bool) -> list[Kind]:
    """The kinds of machine: all, or half of them, in which each kernel meets each memory and
    each number of processors, and these each other."""
    every = itertools.product(enumerate(kernels), enumerate(MEMORY_MIB), enumerate(PROCESSORS))
    return [Kind(*(part for _, part in each)) for each in every
            if all_of_them or sum(number for number, _ in each) % 2 == 0]


class Bench:
    """What all machines share."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options = options
        self.folder = folder
        self._initrds = {}
        for kernel in map(Kernel, sorted(options.kernels.iterdir())):
            self._initrds[kernel] = folder / f"initrd-{kernel.release}"
            self._initrds[kernel].write_bytes(initramfs(
                kernel, options.programs / "guest-init", options.programs / "guest-empty"))
        self.kernels = list(self._initrds)
        self.kinds = kinds(self.kernels, all_of_them=options.thorough)
        self._machines = itertools.count(1)
        # The numbers from 0 on.
        self.large = self._store("large", range(ROWS))
        drawn = random.Random(1)
        self.largest = {
            "in order": self._store("ordered", range(MANY)),
            "of N(14, 3)": self._store("drawn", (drawn.gauss(14, 3) for _ in range(MANY))),
        }

    def _store(self, name: str, numbers: Iterable[float]) -> Path:
        """Makes a store with these numbers."""
        path = self.folder / name
        subprocess.run(
            [self.options.programs / "gaugelog", "collect", "stdin", "--log", path,
             "--out", self.folder],
            input="".join(f"{number}\n" for number in numbers), text=True, check=True,
            stdout=subprocess.DEVNULL)
        return path

    def boot(self, kind: Kind, folder: Path | None = None) -> Machine:
        """A machine with its own volumes, or with those of another machine."""
        if folder is None:
            folder = self.folder / f"machine-{next(self._machines)}"
        return Machine(kind.kernel.image, self._initrds[kind.kernel], self.options.image, folder,
                       kind.memory_mib, kind.processors)


def run_step(kind: Kind, name: str, step: Callable[..., str], *rest: object) -> None:
    """Runs a step and prints its result."""
    begun = time.monotonic()
    try:
        came = step(*rest)
    except (steps.Failed, MachineLost, Unreported) as error:
        print(f"{kind}: {name}: FAILED\n{error}", flush=True)
        raise SystemExit(1) from None
    print(f"{kind}: {name}: {came} ({time.monotonic() - begun:.1f} s)", flush=True)


def agent(machine: Machine, out: Path, interval_s: float) -> str:
    """The whole of `image/agent`, with a stand-in for its SDK."""
    lines: list[str] = []
    collected = stand_in.rehearse([machine], out, interval_s, 3, lines.append)
    steps.expect(not collected.failures, collected.failures)
    plots = [plot for plots in collected.plots.values() for plot in plots]
    size = collected.final["size"]
    steps.expect(len(plots) == 6 and size > 0, lines)
    left = [each.stat().st_size for each in machine.volume("/golem/out").glob("*.png")]
    steps.expect(left.count(0) == 6, f"plots on the volume: {left} bytes")
    return f"{len(plots)} plots and a dump of {size} fetched"


def one_kind(bench: Bench, kind: Kind) -> None:
    """Every step on a machine of this kind."""
    thorough = bench.options.thorough
    with bench.boot(kind) as machine:
        interval_s = 10 if thorough else 1
        run_step(kind, "as it boots", steps.as_it_boots, machine)
        run_step(kind, "the original agent", steps.original_agent, machine, 3, interval_s)
        run_step(kind, "image/agent", agent, machine, machine.volume("fetched"), interval_s)
        run_step(kind, "--add beside the daemon", steps.adds_beside_the_daemon, machine, 20)
        run_step(kind, "start and stop", steps.starts_and_stops, machine, bench.options.starts)
        run_step(kind, "--stats", steps.no_output_lost, machine, 1000 if thorough else 200)
        run_step(kind, "--dump", steps.large_dumps, machine, bench.large, ROWS,
             20 if thorough else 1)
        run_step(kind, "a store on 9p", steps.on_the_volume, machine, 20)
        run_step(kind, "full memory", steps.full_memory, machine, thorough)
        run_step(kind, "power-off", lambda: machine.power_off() or "at once")
    killed_and_booted_again(bench, kind)


def starts_alone(bench: Bench, kind: Kind) -> None:
    """Only starts and stops of the daemon."""
    with bench.boot(kind) as machine:
        run_step(kind, "start and stop", steps.starts_and_stops, machine, bench.options.starts)


def killed_and_booted_again(bench: Bench, kind: Kind) -> None:
    """Kills the VM during a write."""
    acknowledged = [2000.0 + number for number in range(10)]
    with bench.boot(kind) as machine:
        run_step(kind, "before the kill", steps.on_the_volume, machine, 5)
        run_step(kind, "killed as it writes", steps.killed_while_it_writes, machine, acknowledged,
             random.uniform(0, 0.06))
        folder = machine.volume("/golem/out").parent
    with bench.boot(kind, folder) as again:
        run_step(kind, "booted again", steps.nothing_acknowledged_lost, again, acknowledged, 5)


def in_time(bench: Bench, kind: Kind) -> None:
    """The figures. Each store has its own machine: the least memory has room for one."""
    for what, store in bench.largest.items():
        with bench.boot(kind) as machine:
            run_step(kind, f"in time, {what}", figures.compared_with_nothing, machine, store, MANY)


def main() -> None:
    """All kinds, two at a time, and the figures separately."""
    options = arguments()
    try:
        print(f"the image: {squashfs.described(options.image)}", flush=True)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="gaugelog-boot-") as folder:
        bench = Bench(options, Path(folder))
        small = [kind for kind in kinds(bench.kernels, all_of_them=True)
                 if kind.memory_mib == min(MEMORY_MIB)]
        work = {"steps": (one_kind, bench.kinds), "starts": (starts_alone, small)}
        for _ in range(options.times):
            if options.only != "figures":
                step, on = work[options.only or "steps"]
                with ThreadPoolExecutor(2) as two:
                    list(two.map(lambda kind: step(bench, kind), on))
            if options.only in (None, "figures"):
                in_time(bench, small[-len(PROCESSORS)])
    print("all good")


if __name__ == "__main__":
    main()
