"""What came of it: latencies in HDR histograms, and errors by code.

Strategy: a latency is kept in microseconds to three significant digits, and is that of a success. A failure
counts under its code: an error that comes at once would make the latencies look better than they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from hdrh.histogram import HdrHistogram

_MICRO: Final = 1e-6
_MOST: Final = 3_700_000_000  # µs: the longest timeout that a request may have, and the grace
_DIGITS: Final = 3


class Latencies:
    """Durations, of which it can tell percentiles.

    Attributes:
        count: how many.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0.0
        self._histogram = HdrHistogram(1, _MOST, _DIGITS)

    def record(self, seconds: float) -> None:
        """Adds a duration; what is below a microsecond counts as one."""
        self.count += 1
        self._sum += seconds
        micros = int(seconds * 1e6 + 0.5)
        self._histogram.record_value(micros if 1 <= micros <= _MOST else min(max(1, micros), _MOST))

    def add(self, other: Latencies) -> None:
        """Adds the durations that others have recorded."""
        self.count += other.count
        self._sum += other._sum
        self._histogram.add(other._histogram)

    def percentile(self, percent: float) -> float | None:
        """Seconds that so many percent took at most; None where there are none."""
        if not self.count:
            return None
        return float(self._histogram.get_value_at_percentile(percent)) * _MICRO

    @property
    def mean(self) -> float | None:
        """The arithmetic mean in seconds."""
        return self._sum / self.count if self.count else None

    @property
    def longest(self) -> float | None:
        """The longest in seconds."""
        return self.percentile(100.0)


@dataclass(slots=True)
class Tally:
    """What came of the requests of one name."""

    latencies: Latencies = field(default_factory=Latencies)  # of those that succeeded
    errors: Counter[str] = field(default_factory=Counter)  # by code
    messages: dict[str, str] = field(default_factory=dict)  # by code, what the first of them said

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.errors.total()


class Meter:
    """What a generator has counted; nothing of the warm-up.

    Attributes:
        lasted: seconds from the start until nothing more was asked, warm-up included.
        cpu: seconds of CPU that the generator's process used in that time.
        due: requests that were due, sent or not.
        in_time: successes that came before the end, whenever they were due.
        lag: how long after it was due each request was sent; empty in a closed loop.
        tallies: by name of the operation.
    """

    def __init__(self) -> None:
        self.lasted = 0.0
        self.cpu = 0.0
        self.due = 0
        self.in_time = 0
        self.lag = Latencies()
        self.tallies: dict[str, Tally] = {}

    def succeeded(self, name: str, seconds: float) -> None:
        """Counts an answer and how long it took."""
        self._tally(name).latencies.record(seconds)

    def failed(self, name: str, code: str, message: str) -> None:
        """Counts an error."""
        tally = self._tally(name)
        tally.errors[code] += 1
        tally.messages.setdefault(code, message)

    def overall(self) -> Tally:
        """The tallies of all names in one."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.latencies.add(tally.latencies)
            whole.errors.update(tally.errors)
            whole.messages = tally.messages | whole.messages
        return whole

    def _tally(self, name: str) -> Tally:
        tally = self.tallies.get(name)
        if tally is None:
            tally = self.tallies[name] = Tally()
        return tally
