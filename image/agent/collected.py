"""What the agent has printed and fetched, of all instances."""

import json
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Set

import merge


class Collected:
    """One for all instances of a run. Each of its tables goes by the instance's name."""

    def __init__(self, names: Iterable[str], say: Callable[[str], None] = print):
        self.lines: List[str] = []
        """All that was printed."""
        self.statistics: Dict[str, dict] = {}
        """What `--stats` said last."""
        self.plots: Dict[str, List[Path]] = {}
        self.dumps: Dict[str, Path] = {}
        """The observations that were fetched, whether or not they are all."""
        self.whole: Set[str] = set()
        """Those whose dump is whole: fetched once more before they were stopped."""
        self.failures: Dict[str, List[str]] = {}
        """What went wrong; empty where nothing did."""
        self.final: Optional[dict] = None
        """The statistics of all dumps together, with the median, once concluded."""
        self._say = say
        self._present = set(names)
        self._awaited = set(self._present)
        self._instances = len(self._present)

    def say(self, line: str) -> None:
        self.lines.append(line)
        self._say(line)

    def fail(self, name: str, what: str) -> None:
        self.failures.setdefault(name, []).append(what)
        self.say(f"{name} FAILED {what}")

    def forgive(self, name: str) -> None:
        """The instance begins anew, on another provider."""
        self.failures.pop(name, None)

    def tell(self, name: str, statistics: dict) -> None:
        self.statistics[name] = statistics
        self.say(f"{name} {json.dumps(statistics)}")

    def looked(self, name: str) -> None:
        """An instance was looked at, with success or without. Once all have been, they
        are told as one."""
        self._awaited.discard(name)
        if not self._awaited and self._present:
            self._awaited = set(self._present)
            self._tell_merged()

    def left(self, name: str) -> None:
        """An instance has ended: the others do not wait for it."""
        if name in self._present:
            self._present.discard(name)
            self.looked(name)

    def _tell_merged(self) -> None:
        summaries = [merge.of_statistics(told) for told in self.statistics.values()]
        merged = merge.told(merge.merged(summaries))
        self.say(f"all ({len(summaries)} of {self._instances}) {json.dumps(merged)}")

    def conclude(self) -> None:
        """Tells the statistics of all dumps together."""
        values = {name: values_of_dump(path.read_text()) for name, path in self.dumps.items()}
        final = merge.told(merge.merged(merge.of_values(each) for each in values.values()))
        final["median"] = merge.median([value for each in values.values() for value in each])
        order = ("min", "max", "median", "mean", "variance", "std dev", "size")
        self.final = {key: final[key] for key in order}
        dumps = f"{len(self.dumps)} of {self._instances}"
        self.say(f"dumps ({dumps}) {json.dumps(self.final)}")


def values_of_dump(text: str) -> List[float]:
    """The values of what `--dump` prints, in order.

    Raises ValueError where it is not whole, or is something else.
    """
    rows = json_of(text)
    if not isinstance(rows, list):
        raise ValueError("not an array of observations")
    try:
        return [merge.number(row["val"]) for row in rows]
    except (TypeError, KeyError, OverflowError):
        raise ValueError("not an array of observations") from None


def json_of(text: Optional[str]) -> object:
    """Raises ValueError also where nothing was printed, and at Python's NaN and Infinity."""
    if not text:
        raise ValueError("printed nothing")
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
