"""Round-trip times: percentiles of the last transactions, and counts of all by how long they took.

Strategy: a ring of fixed size and a few buckets; noting a time costs two list assignments, sorting is paid by
who asks.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Final

from ..model.devices import ROUND_TRIP_BOUNDS

SIZE: Final = 512


class Latency:
    """Remembers the last times, in seconds.

    Attributes:
        total: of all times together.
    """

    __slots__ = ("_buckets", "_count", "_times", "total")

    def __init__(self) -> None:
        self._times = [0.0] * SIZE
        self._count = 0
        self._buckets = [0] * (len(ROUND_TRIP_BOUNDS) + 1)
        self.total = 0.0

    def note(self, seconds: float) -> None:
        """Adds one."""
        self._times[self._count % SIZE] = seconds
        self._count += 1
        self._buckets[bisect_left(ROUND_TRIP_BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[int]:
        """How many took at most as long as each of ROUND_TRIP_BOUNDS, and how many there were."""
        return list(accumulate(self._buckets))

    def percentiles(self) -> dict[str, float]:
        """`p50`, `p95`, `p99` and `max` of the last times; empty before the first."""
        times = sorted(self._times[: min(self._count, SIZE)])
        if not times:
            return {}
        last = len(times) - 1
        return {
            "p50": times[round(0.50 * last)],
            "p95": times[round(0.95 * last)],
            "p99": times[round(0.99 * last)],
            "max": times[-1],
        }
