"""The round-trip times of the last transactions, and their percentiles.

Strategy: a ring of fixed size; noting a time costs a list assignment, sorting is paid by who asks.
"""

from __future__ import annotations

from typing import Final

SIZE: Final = 512


class Latency:
    """Remembers the last times, in seconds."""

    __slots__ = ("_count", "_times")

    def __init__(self) -> None:
        self._times = [0.0] * SIZE
        self._count = 0

    def note(self, seconds: float) -> None:
        """Adds one."""
        self._times[self._count % SIZE] = seconds
        self._count += 1

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
