"""What the agent has printed and fetched, for all instances."""

import json
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Set

import merge


class Collected:
    """One for all instances of a run. The keys of its tables are the instances' names."""

    def __init__(self, names: Iterable[str], say: Callable[[str], None] = print):
        self.lines: List[str] = []
        """All that was printed."""
        self.statistics: Dict[str, dict] = {}
        """The last output of `--stats`."""
        self.plots: Dict[str, List[Path]] = {}
        self.dumps: Dict[str, Path] = {}
        """The fetched observations, complete or not."""
        self.whole: Set[str] = set()
        """Instances whose dump is complete: it was fetched once more before they were stopped."""
        self.failures: Dict[str, List[str]] = {}
        """What went wrong; empty if nothing did."""
        self.final: Optional[dict] = None
        """The statistics of all dumps together, with the median; set at the end."""
        self._say = say
        self._present = set(names)
        self._observed: Set[str] = set()
        self._awaited = set(self._present)
        self._instances = len(self._present)

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._say(line)

    def fail(self, name: str, what: str) -> None:
        self.failures.setdefault(name, []).append(what)
        self.say(f"{name} FAILED {_shown(what)}")

    def started(self, name: str) -> None:
        self._observed.add(name)
        self.say(f"{name} started")

    def forgive(self, name: str) -> None:
        """The instance starts again, on another provider."""
        self.failures.pop(name, None)

    def report(self, name: str, statistics: dict) -> None:
        self.statistics[name] = statistics
        self.say(f"{name} {json.dumps(statistics)}")

    def looked(self, name: str) -> None:
        """An instance was looked at, with or without success. After all have been, their
        merged statistics are reported."""
        self._awaited.discard(name)
        if not self._awaited and self._present:
            self._awaited = set(self._present)
            self._report_merged()

    def left(self, name: str) -> None:
        """An instance has ended: the others do not wait for it."""
        if name in self._present:
            self._present.discard(name)
            self.looked(name)

    def lost(self, name: str) -> None:
        """An instance has ended. If it was observed and its dump is not whole, that is a
        failure, whatever else has failed before."""
        if name in self._present & self._observed and name not in self.whole:
            self.fail(name, "has ended before its last observations were fetched")
        self.left(name)

    def _report_merged(self) -> None:
        summaries = [merge.of_statistics(each) for each in self.statistics.values()]
        merged = merge.as_statistics(merge.merged(summaries))
        self.say(f"all ({len(summaries)} of {self._instances}) {json.dumps(merged)}")

    def conclude(self) -> None:
        """Reports the statistics of all dumps together."""
        values = {name: values_of_dump(path.read_text()) for name, path in self.dumps.items()}
        final = merge.as_statistics(merge.merged(merge.of_values(each) for each in values.values()))
        final["median"] = merge.median([value for each in values.values() for value in each])
        order = ("min", "max", "median", "mean", "variance", "std dev", "size")
        self.final = {key: final[key] for key in order}
        dumps = f"{len(self.dumps)} of {self._instances}"
        self.say(f"dumps ({dumps}) {json.dumps(self.final)}")


def values_of_dump(text: str) -> List[float]:
    """The values in the output of `--dump`, in order.

    Raises ValueError if it is incomplete, or is something else.
    """
    rows = json_of(text)
    if not isinstance(rows, list):
        raise ValueError("not an array of observations")
    try:
        return [merge.number(row["val"]) for row in rows]
    except (TypeError, KeyError, OverflowError):
        raise ValueError("not an array of observations") from None


def json_of(text: Optional[str]) -> object:
    """Also raises ValueError if nothing was printed, and for Python's NaN and Infinity."""
    if not text:
        raise ValueError("printed nothing")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
