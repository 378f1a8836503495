"""Measurements: each module has ``run() -> list[Measure]``; ``dev.py bench`` prints one table.

What the product does stands beside a bare variant that checks nothing, measured in the
same run: the ratio says more than the figure, which belongs to one machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table.

    Attributes:
        work: what was done, in words.
        figure: how much of it.
        unit: of what, e.g. ``/s`` or ``ms``.
        floor: the same of the bare variant; None where there is none.
        remark: what to know about it.
    """

    work: str
    figure: float
    unit: str
    floor: float | None = None
    remark: str = ""


def seconds(work: Callable[[], object], *, rounds: int = 5) -> float:
    """Return the median time of one round, after one round that does not count."""
    work()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
