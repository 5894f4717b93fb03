"""Boots the image in virtual machines of several kinds, and does with it what people's
programs do. `image/boot-test` calls it, with what it has built."""

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

sys.path.append(str(Path(__file__).parent.parent / "agent"))

import figures
import stand_in
import steps
from kernel import Kernel, initramfs
from machine import Machine, MachineLost

# Memory in MiB, and processors.
KINDS = [(128, 1), (128, 2), (512, 1), (512, 2)]
ROWS = 200_000
MANY = 1_000_000


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="image/boot-test", description=__doc__)
    for name, what in [("kernel", "where a kernel package is unpacked"), ("image", "the image"),
                       ("programs", "where its programs are, for this machine")]:
        parser.add_argument(f"--{name}", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--thorough", action="store_true",
                        help="1,000 runs of --stats and 20 dumps, and the agent at its own pace")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="all of it N times")
    parser.add_argument("--figures", action="store_true",
                        help="only time --stats beside an empty program")
    return parser.parse_args()


class Bench:
    """What all machines have in common."""

    def __init__(self, options: argparse.Namespace, folder: Path):
        self.options = options
        self.folder = folder
        kernel = Kernel(options.kernel)
        self._kernel = kernel.image
        self._initrd = folder / "initrd"
        self._initrd.write_bytes(initramfs(
            kernel, options.programs / "guest-init", options.programs / "guest-empty"))
        self._machines = itertools.count(1)
        # The numbers from 0 on.
        self.large = self._store("large", range(ROWS))
        drawn = random.Random(1)
        self.largest = {
            "in order": self._store("ordered", range(MANY)),
            "of N(14, 3)": self._store("drawn", (drawn.gauss(14, 3) for _ in range(MANY))),
        }

    def _store(self, name: str, numbers: Iterable[float]) -> Path:
        """A store that holds these."""
        path = self.folder / name
        subprocess.run(
            [self.options.programs / "gaugelog", "collect", "stdin", "--log", path,
             "--out", self.folder],
            input="".join(f"{number}\n" for number in numbers), text=True, check=True,
            stdout=subprocess.DEVNULL)
        return path

    def boot(self, kind: tuple[int, int], folder: Path | None = None) -> Machine:
        """A machine with volumes of its own, or with those of another."""
        if folder is None:
            folder = self.folder / f"machine-{next(self._machines)}"
        return Machine(self._kernel, self._initrd, self.options.image, folder, *kind)


def told(kind: tuple[int, int], name: str, step: Callable[..., str], *rest: object) -> None:
    """Runs a step and prints what came of it."""
    begun = time.monotonic()
    memory, processors = kind
    where = f"{memory} MiB, {processors} processor{'s'[:processors - 1]}"
    try:
        came = step(*rest)
    except (steps.Failed, MachineLost) as error:
        raise SystemExit(f"{where}: {name}: FAILED\n{error}") from None
    print(f"{where}: {name}: {came} ({time.monotonic() - begun:.1f} s)", flush=True)


def agent(machine: Machine, out: Path, interval_s: float) -> str:
    """`image/agent`, whole, over a stand-in for its SDK."""
    lines: list[str] = []
    collected = stand_in.rehearse([machine], out, interval_s, 3, lines.append)
    steps.expect(not collected.failures, collected.failures)
    plots = [plot for plots in collected.plots.values() for plot in plots]
    size = collected.final["size"]
    steps.expect(len(plots) == 6 and size > 0, lines)
    return f"{len(plots)} plots and a dump of {size} fetched"


def one_kind(bench: Bench, kind: tuple[int, int]) -> None:
    """Every step on a machine of this kind."""
    thorough = bench.options.thorough
    with bench.boot(kind) as machine:
        interval_s = 10 if thorough else 1
        told(kind, "as it boots", steps.as_it_boots, machine)
        told(kind, "the original agent", steps.original_agent, machine, 3, interval_s)
        told(kind, "image/agent", agent, machine, machine.volume("fetched"), interval_s)
        told(kind, "--add beside the daemon", steps.adds_beside_the_daemon, machine, 20)
        told(kind, "--stats", steps.no_output_lost, machine, 1000 if thorough else 200)
        told(kind, "--dump", steps.large_dumps, machine, bench.large, ROWS,
             20 if thorough else 1)
        told(kind, "a store on 9p", steps.on_the_volume, machine, 20)
        told(kind, "full memory", steps.full_memory, machine, thorough)
        told(kind, "power-off", lambda: machine.power_off() or "at once")
    killed_and_booted_again(bench, kind)


def killed_and_booted_again(bench: Bench, kind: tuple[int, int]) -> None:
    """The VM killed in the midst of a write."""
    acknowledged = [2000.0 + number for number in range(10)]
    with bench.boot(kind) as machine:
        told(kind, "before the kill", steps.on_the_volume, machine, 5)
        told(kind, "killed as it writes", steps.killed_while_it_writes, machine, acknowledged,
             random.uniform(0, 0.06))
        folder = machine.volume("/golem/out").parent
    with bench.boot(kind, folder) as again:
        told(kind, "booted again", steps.nothing_acknowledged_lost, again, acknowledged, 5)


def main() -> None:
    """All kinds, two at a time, and the figures by themselves."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="gaugelog-boot-") as folder:
        bench = Bench(options, Path(folder))
        for _ in range(options.times):
            if not options.figures:
                with ThreadPoolExecutor(2) as two:
                    list(two.map(lambda kind: one_kind(bench, kind), KINDS))
            for what, store in bench.largest.items():
                # In the least memory, which has room for one of them.
                with bench.boot(KINDS[0]) as machine:
                    told(KINDS[0], f"in time, {what}", figures.beside_nothing, machine, store, MANY)
    print("all good")


if __name__ == "__main__":
    main()
