"""Statistics of several instances as one, without their observations.

Means and variances are merged by the pairwise formula of T. F. Chan, G. H. Golub and
R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
Variances", Stanford University, STAN-CS-79-773, 1979. The paper merges sums of squares.
Here population variances are merged, which are those sums divided by n.

A median cannot be merged: it is computed from all the values.
"""

import math
from typing import Dict, Iterable, List, NamedTuple, Optional


class Summary(NamedTuple):
    """What `--stats` reports, without the median. A moment that f64 cannot hold is None.
    Without observations everything except the size is None."""

    size: int = 0
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    mean: Optional[float] = None
    variance: Optional[float] = None


def of_statistics(statistics: Dict[str, Optional[float]]) -> Summary:
    """Reads the object that `--stats` prints.

    Raises ValueError if it is not one: a provider may send anything.
    """
    try:
        size = statistics["size"]
        figures = [_figure(statistics[key]) for key in ("min", "max", "mean", "variance")]
    except (KeyError, TypeError, OverflowError):
        raise ValueError("not an object of statistics") from None
    if type(size) is not int or not 0 <= size < 2**63:
        raise ValueError(f"the size is {size!r}")
    if size and None in figures[:2]:
        raise ValueError(f"{size} observations without a least or a greatest")
    if (figures[3] or 0) < 0:
        raise ValueError("a variance below zero")
    return Summary(size, *figures) if size else Summary()


def _figure(value: Optional[float]) -> Optional[float]:
    return None if value is None else number(value)


def number(value: float) -> float:
    """Raises TypeError or OverflowError if the JSON value is not an f64."""
    # A bool is an int to Python, and 1e999 is an infinity.
    if type(value) not in (int, float):
        raise TypeError
    if math.isinf(value):
        raise OverflowError
    return float(value)


def of_values(values: List[float]) -> Summary:
    """The summary of these values."""
    size = len(values)
    if not size:
        return Summary()
    mean = _mean(values)
    variance = _mean([(value - mean) * (value - mean) for value in values])
    return Summary(size, min(values), max(values), mean, _held(variance))


def _mean(values: List[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def merged(summaries: Iterable[Summary]) -> Summary:
    """The merge of all of them."""
    whole = Summary()
    for summary in summaries:
        whole = _pair(whole, summary)
    return whole


def _pair(a: Summary, b: Summary) -> Summary:
    if not a.size or not b.size:
        return a if a.size else b
    size = a.size + b.size
    mean = variance = None
    if a.mean is not None and b.mean is not None:
        share_a, share_b = a.size / size, b.size / size
        delta = b.mean - a.mean
        # Exact if the means are equal. The difference of two far ends of f64 overflows.
        mean = a.mean + delta * share_b
        if math.isinf(delta):
            mean = a.mean * share_a + b.mean * share_b
        if a.variance is not None and b.variance is not None:
            within = a.variance * share_a + b.variance * share_b
            variance = _held(within + delta * share_a * (delta * share_b))
    return Summary(size, min(a.minimum, b.minimum), max(a.maximum, b.maximum), mean, variance)


def median(values: List[float]) -> Optional[float]:
    """The middle value, or the mean of the two middle ones."""
    if not values:
        return None
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    total = lower + upper
    return lower / 2 + upper / 2 if math.isinf(total) else total / 2


def as_statistics(summary: Summary) -> Dict[str, Optional[float]]:
    """The object that `--stats` would print for it, without the median."""
    deviation = None if summary.variance is None else math.sqrt(summary.variance)
    return {
        "min": summary.minimum, "max": summary.maximum, "mean": summary.mean,
        "variance": summary.variance, "std dev": deviation, "size": summary.size,
    }


def _held(moment: float) -> Optional[float]:
    """The moment, or None if f64 cannot hold it."""
    return moment if math.isfinite(moment) else None
