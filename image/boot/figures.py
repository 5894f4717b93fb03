"""How long `--stats` takes in the VM, compared with a program that does nothing."""

import shutil
from pathlib import Path
from statistics import median

from machine import Machine
from steps import SERVICE, expect, stats, succeeds

NOTHING = "/tmp/empty"
RUNS = 30


def compared_with_nothing(machine: Machine, many: Path, rows: int) -> str:
    """Medians for 35 observations and for `many`: interleaved, warm, in one boot."""
    few = ("--log", "/tmp/few")
    succeeds(machine.run(SERVICE, "--init", *few))
    for number in range(35):
        succeeds(machine.run(SERVICE, "--add", str(number), *few))
    lots = ("--log", f"/golem/run/{many.name}")
    shutil.copytree(many, machine.volume("/golem/in") / many.name, dirs_exist_ok=True)
    machine.do("copy", f"/golem/in/{many.name}", lots[1])
    expect(stats(machine, *lots)["size"] == rows, "another size")

    commands = [(NOTHING,), (SERVICE, "--stats", *few), (SERVICE, "--stats", *lots)]
    taken: list[list[int]] = [[] for _ in commands]
    for _ in range(RUNS):
        for command, times in zip(commands, taken):
            finished = machine.run(*command)
            succeeds(finished)
            times.append(finished.nanoseconds)
    nothing, with_few, with_lots = (median(times) / 1e6 for times in taken)
    return (f"empty program {nothing:.1f} ms; --stats of 35 {with_few:.1f} ms "
            f"({with_few / nothing:.1f} times), of {rows:,} {with_lots:.1f} ms "
            f"({with_lots / nothing:.1f} times)")
