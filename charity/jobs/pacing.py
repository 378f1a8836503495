"""How many steps fit into one transaction, learnt from the ones before. Pure but for a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Pace:
    """The size of the next chunk: what took the time aimed at, as fast as the last one went.

    Attributes:
        size: steps of the next chunk, least…most.
    """

    def __init__(self, *, most: int, least: int, aim_ms: int) -> None:
        """Begin with the least.

        Args:
            most: steps of a chunk at the most.
            least: steps that are worth a transaction of their own: it costs what it costs, and
                ever smaller chunks would only add to that.
            aim_ms: milliseconds a chunk is to take.
        """
        self._most, self._least, self._aim_ns = most, least, aim_ms * 1_000_000
        self.size = least

    def learn(self, steps: int, took_ns: int) -> None:
        """Take in how long a chunk took; the next is at most twice as large.

        Args:
            steps: of the chunk, at least one.
            took_ns: nanoseconds.
        """
        fitting = steps * self._aim_ns // max(1, took_ns)
        self.size = max(self._least, min(self._most, 2 * max(steps, self.size), fitting))

    @contextmanager
    def timed(self, steps: int) -> Iterator[None]:
        """Measure a chunk, inside its transaction: waiting for others' locks at its begin is no work."""
        began = time.perf_counter_ns()
        yield
        self.learn(steps, time.perf_counter_ns() - began)
