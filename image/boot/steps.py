"""What users' programs do with the service, step by step, on a booted machine. A step
returns a result to print; if anything is wrong, it fails."""

import json
import shutil
import time
from pathlib import Path

from machine import Finished, Machine, Unreported

SERVICE = "/golem/run/simple_service.py"
CONTROL = "/golem/run/simulate_observations_ctl.py"
KEYS = ["min", "max", "median", "mean", "variance", "std dev", "size"]
PNG = b"\x89PNG\r\n\x1a\n"
# On the volume, so that it outlives the machine.
OUTSIDE = "/golem/out/service.log"


class Failed(Exception):
    """Something is not as it should be."""


def expect(is_so: bool, what: object) -> None:
    """Fails the step unless it is so."""
    if not is_so:
        raise Failed(str(what))


def succeeds(finished: Finished) -> bytes:
    """The output of a command that must succeed without errors."""
    expect((finished.status, finished.stderr) == (0, b""), finished)
    return finished.stdout


def fails(finished: Finished, *parts: str) -> None:
    """One line on stderr that names all of these, exit status 1, no output."""
    text = finished.stderr.decode()
    expect((finished.status, finished.stdout) == (1, b""), finished)
    expect(text.count("\n") == 1 and all(part in text for part in parts), finished)


def stats(machine: Machine, *options: str) -> dict:
    """The metrics, as the original's reader expects them."""
    found = json.loads(succeeds(machine.run(SERVICE, "--stats", *options)))
    expect(list(found) == KEYS, found)
    return found


def dump(machine: Machine, *options: str) -> list:
    """All observations."""
    return json.loads(succeeds(machine.run(SERVICE, "--dump", *options)))


def plot(machine: Machine, kind: str) -> int:
    """Plots, and downloads as the original agent does; returns the size of the picture."""
    said = succeeds(machine.run(SERVICE, "--plot", kind)).decode()
    path = Path(said.strip().strip('"'))
    expect(str(path).startswith("/golem/out/"), said)
    picture = (machine.volume("/golem/out") / path.name).read_bytes()
    expect(picture.startswith(PNG) and picture.endswith(b"IEND\xaeB`\x82"), path)
    return len(picture)


def as_it_boots(machine: Machine) -> str:
    """The store exists and is empty."""
    first = machine.run(SERVICE, "--stats")
    found = json.loads(succeeds(first))
    expect(found == {**dict.fromkeys(KEYS), "size": 0}, found)
    expect(dump(machine) == [], "not empty")
    plot(machine, "dist")
    fails(machine.run(SERVICE, "--init"), "/golem/run/service.log", "already")
    expect(machine.run("/golem/run/none") == Finished(9, b"", b"", 0), "a missing program")
    answer_ms = first.nanoseconds / 1e6
    return f"{machine.boot_s:.1f} s to the root, {answer_ms:.0f} ms to the first answer"


def original_agent(machine: Machine, rounds: int, pause_s: float) -> str:
    """The bare commands of the original agent, in its order."""
    succeeds(machine.run(CONTROL, "--start"))
    sizes = []
    for _ in range(rounds):
        sizes.append(stats(machine)["size"])
        plot(machine, "dist")
        time.sleep(pause_s)
    sizes.append(stats(machine)["size"])
    expect(all(a <= b for a, b in zip(sizes, sizes[1:])) and sizes[-1] > sizes[0], sizes)
    rows = dump(machine)
    expect(len(rows) >= sizes[-1], rows)
    succeeds(machine.run(CONTROL, "--stop"))
    left = stats(machine)["size"]
    time.sleep(1.5)
    expect(stats(machine)["size"] == left, "the daemon goes on")
    fails(machine.run(CONTROL, "--stop"), "not running")
    return f"sizes {sizes}"


def adds_beside_the_daemon(machine: Machine, count: int) -> str:
    """Nothing from either is lost."""
    before = len(dump(machine))
    succeeds(machine.run(CONTROL, "--start"))
    for number in range(count):
        # The simulator's values are far smaller.
        succeeds(machine.run(SERVICE, "--add", str(1000 + number)))
    fails(machine.run(CONTROL, "--start"), "already")
    succeeds(machine.run(CONTROL, "--stop"))
    rows = dump(machine)[before:]
    added = [row["val"] for row in rows if row["val"] >= 1000]
    expect(added == [1000 + number for number in range(count)], added)
    expect(len(rows) > count, "the daemon added nothing")
    return f"{count} added, {len(rows) - count} drawn"


def starts_and_stops(machine: Machine, count: int) -> str:
    """The end of each command is reported, even if the daemon ends at that moment."""
    commands = [(CONTROL, option) for _ in range(count) for option in ("--start", "--stop")]
    unreported = []
    for command in commands:
        try:
            succeeds(machine.run(*command))
        except Unreported:
            unreported.append(command[-1])
    expect(not unreported, f"not reported, of {count}: {', '.join(unreported)}")
    return f"{count} of {count} reported"


def no_output_lost(machine: Machine, count: int) -> str:
    """Every answer is complete."""
    size = stats(machine)["size"]
    for _ in range(count):
        expect(stats(machine)["size"] == size, "another size")
    return f"{count} of {count} answers whole"


def large_dumps(machine: Machine, store: Path, rows: int, count: int) -> str:
    """`store` holds the numbers from 0 to `rows`; each dump has all of them, in order."""
    _put(machine, store)
    for _ in range(count):
        values = [row["val"] for row in dump(machine, "--log", f"/golem/in/{store.name}")]
        expect(values == list(map(float, range(rows))), f"{len(values)} rows")
    return f"{count} of {count} dumps of {rows:,} rows whole"


def on_the_volume(machine: Machine, count: int) -> str:
    """A store on 9p, read through maps if the kernel allows them, and without."""
    log = ("--log", OUTSIDE)
    succeeds(machine.run(SERVICE, "--init", *log))
    for number in range(count):
        succeeds(machine.run(SERVICE, "--add", str(number), *log))
    found = stats(machine, *log)
    expect((found["size"], found["max"], found["median"]) == (count, count - 1, (count - 1) / 2), found)
    expect(stats(machine, *log, "--no-map") == found, "other metrics without maps")
    rows = dump(machine, *log)
    expect([row["val"] for row in rows] == list(map(float, range(count))), rows)
    expect(dump(machine, *log, "--no-map") == rows, "other rows without maps")
    for kind in ("time", "dist"):
        succeeds(machine.run(SERVICE, "--plot", kind, *log, "--no-map"))
    succeeds(machine.run("/golem/run/gaugelog", "verify", OUTSIDE))
    return f"{count} observations"


def full_memory(machine: Machine, to_the_last: bool) -> str:
    """The layer in memory is full: this is reported, nothing is lost, and work resumes
    later. A store has some space written ahead, which takes a while to fill; a new one
    has none."""
    fresh = ("--log", "/golem/run/fresh.log")
    succeeds(machine.run(SERVICE, "--init", *fresh))
    size = stats(machine)["size"]
    machine.do("fill", "/golem/run/ballast")
    fails(machine.run(SERVICE, "--add", "7", *fresh), "No space left", "fresh.log")
    fails(machine.run(SERVICE, "--init", "--log", "/golem/run/another.log"), "No space left")
    fails(machine.run(SERVICE, "--plot", "time", "--out", "/golem/run"), "No space left")
    while to_the_last:
        finished = machine.run(SERVICE, "--add", "7")
        if finished.status != 0:
            fails(finished, "No space left", "service.log")
            break
        size += 1
    expect(stats(machine)["size"] == size, "another size")
    expect(stats(machine, *fresh)["size"] == 0, "what was refused is there")
    plot(machine, "time")
    machine.do("remove", "/golem/run/ballast")
    for log, before in [((), size), (fresh, 0)]:
        succeeds(machine.run(SERVICE, "--add", "8", *log))
        expect(stats(machine, *log)["size"] == before + 1, "another size")
    for name in ("service", "fresh"):
        succeeds(machine.run("/golem/run/gaugelog", "verify", f"/golem/run/{name}.log"))
    return f"reported; {size} observations as before"


def killed_while_it_writes(machine: Machine, values: list[float], moment_s: float) -> str:
    """Adds to a store on the volume, while the daemon runs, and ends the VM during one
    more."""
    log = ("--log", OUTSIDE)
    succeeds(machine.run(CONTROL, "--start", *log))
    begun = stats(machine, *log)["size"]
    expect(begun > 0, "the daemon has begun")
    for value in values:
        succeeds(machine.run(SERVICE, "--add", str(value), *log))
    machine.begin(SERVICE, "--add", str(values[-1] + 1), *log)
    time.sleep(moment_s)
    machine.kill()
    return f"{len(values)} acknowledged, {moment_s * 1000:.0f} ms of one more"


def nothing_acknowledged_lost(machine: Machine, acknowledged: list[float], before: int) -> str:
    """After the VM was killed and booted again: a prefix, with all that was acknowledged."""
    log = ("--log", OUTSIDE)
    size = stats(machine, *log)["size"]
    values = [row["val"] for row in dump(machine, *log)]
    expect(len(values) == size, "another size")
    added = [value for value in values if value >= 2000]
    expect(added[:len(acknowledged)] == acknowledged, added)
    expect(len(added) - len(acknowledged) in (0, 1), added)
    expect(size > before + len(added), "nothing of the daemon's")
    succeeds(machine.run("/golem/run/gaugelog", "verify", OUTSIDE))
    # The killed processes block nothing.
    succeeds(machine.run(CONTROL, "--start", *log))
    succeeds(machine.run(SERVICE, "--add", "14", *log))
    succeeds(machine.run(CONTROL, "--stop", *log))
    return f"{len(acknowledged)} of {len(acknowledged)} there, {size - before} in all"


def _put(machine: Machine, store: Path) -> None:
    shutil.copytree(store, machine.volume("/golem/in") / store.name, dirs_exist_ok=True)
