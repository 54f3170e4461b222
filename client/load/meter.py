"""What came of it: latencies in HDR histograms, errors by code, and both again for each moment.

Strategy: a `Meter` counts in the process that asks, and hands over a `Window` every half second; `Totals`
adds up the windows of all processes. Adding is exact: it does not matter how the requests were spread over
windows and processes. A latency is kept in microseconds to three significant digits.

A latency is that of a success. A failure counts under its code: an error that comes at once would make the
latencies look better than they are. What was due during the warm-up is in the timeline, not in the totals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hdrh.histogram import HdrHistogram

WARM_UP: Final = ""  # the name that what was due during the warm-up is counted under
WINDOW: Final = 0.5  # seconds from one window to the next

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
        self._histogram.record_value(min(max(1, round(seconds / _MICRO)), _MOST))

    def add(self, packed: Packed) -> None:
        """Adds durations from elsewhere."""
        if packed.count:
            self.count += packed.count
            self._sum += packed.sum
            self._histogram.decode_and_add(packed.histogram)

    def pack(self) -> Packed:
        """The same to be sent and kept in little room."""
        return Packed(self.count, self._sum, self._histogram.encode() if self.count else b"")

    def reset(self) -> None:
        """Forgets all."""
        if self.count:
            self.count, self._sum = 0, 0.0
            self._histogram.reset()

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


@dataclass(frozen=True, slots=True)
class Packed:
    """Latencies as data."""

    count: int
    sum: float  # seconds
    histogram: bytes


def merged(parts: Iterable[Packed]) -> Latencies:
    """All the latencies in one."""
    whole = Latencies()
    for part in parts:
        whole.add(part)
    return whole


@dataclass(slots=True)
class Tally:
    """What came of the requests of one name."""

    latencies: Latencies = field(default_factory=Latencies)  # of those that succeeded
    errors: Counter[str] = field(default_factory=Counter)  # by code
    messages: dict[str, str] = field(default_factory=dict)  # by code, what one of them said

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.errors.total()


@dataclass(frozen=True, slots=True)
class Window:
    """What happened in one process since the window before."""

    at: float  # seconds since the start, when it ended
    in_flight: int  # requests without an answer at that time
    due: int  # requests that were due within the measured time, sent or not
    in_time: int  # successes that came within the measured time, whenever they were due
    cpu: float  # seconds of CPU that the process has used
    tallies: Mapping[str, tuple[Packed, Mapping[str, int], Mapping[str, str]]]  # as in `Tally`, by name
    lag: Packed  # how long after it was due a request was sent


class Meter:
    """Counts in one process; see the attributes of `Window` for what it counts."""

    def __init__(self) -> None:
        self.due = 0
        self.in_time = 0
        self.in_flight = 0
        self.lag = Latencies()
        self._tallies: dict[str, Tally] = {}

    def succeeded(self, name: str, seconds: float) -> None:
        """Counts an answer and how long it took."""
        self._tally(name).latencies.record(seconds)

    def failed(self, name: str, code: str, message: str) -> None:
        """Counts an error."""
        tally = self._tally(name)
        tally.errors[code] += 1
        tally.messages.setdefault(code, message)

    def take(self, at: float, cpu: float) -> Window:
        """What was counted since the last time."""
        tallies = {
            name: (tally.latencies.pack(), dict(tally.errors), dict(tally.messages))
            for name, tally in self._tallies.items()
        }
        window = Window(at, self.in_flight, self.due, self.in_time, cpu, tallies, self.lag.pack())
        self.due = self.in_time = 0
        self.lag.reset()
        for tally in self._tallies.values():
            tally.latencies.reset()
            tally.errors.clear()
            tally.messages.clear()
        return window

    def _tally(self, name: str) -> Tally:
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = Tally()
        return tally


@dataclass(slots=True)
class Slot:
    """A moment of the timeline."""

    succeeded: int = 0
    failed: int = 0
    latencies: list[Packed] = field(default_factory=list)


class Totals:
    """What all processes have counted.

    Attributes:
        width: seconds of a slot of the timeline.
        slots: by number; slot n is about the time from n * width on.
        tallies: by name.
        cpu: by process, the seconds of CPU it has used while it asked.
        in_flight: by process, requests without an answer.
    """

    def __init__(self, width: float = WINDOW) -> None:
        self.width = width
        self.due = 0
        self.in_time = 0
        self.lag = Latencies()
        self.tallies: dict[str, Tally] = {}
        self.slots: dict[int, Slot] = {}
        self.cpu: dict[int, float] = {}
        self.in_flight: dict[int, int] = {}

    def add(self, window: Window, process: int = 0) -> None:
        """Adds a window of a process."""
        self.due += window.due
        self.in_time += window.in_time
        self.cpu[process] = self.cpu.get(process, 0.0) + window.cpu
        self.in_flight[process] = window.in_flight
        self.lag.add(window.lag)
        # A window that ends at a slot's end belongs to that slot.
        slot = self.slots.setdefault(max(0, int((window.at - WINDOW / 2) // self.width)), Slot())
        for name, (packed, errors, messages) in window.tallies.items():
            slot.succeeded += packed.count
            slot.failed += sum(errors.values())
            if packed.count:
                slot.latencies.append(packed)
            if name == WARM_UP:
                continue
            tally = self.tallies.setdefault(name, Tally())
            tally.latencies.add(packed)
            tally.errors.update(errors)
            for code, message in messages.items():
                tally.messages.setdefault(code, message)

    def overall(self) -> Tally:
        """The tallies of all names in one."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.latencies.add(tally.latencies.pack())
            whole.errors.update(tally.errors)
            whole.messages = tally.messages | whole.messages
        return whole
