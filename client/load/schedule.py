"""When to ask: the two ways to put load on something. Pure.

Strategy: an open loop asks at times that are fixed beforehand, however long the answers take, as a world
does that does not wait. The time at which a request is due is a closed formula of its number, so nothing
drifts and nothing is left out: a latency that is counted from the due time also holds the wait for a sender
that is late ("coordinated omission" is leaving that out). A closed loop has a fixed number of callers, and
each asks again when it has its answer.

Several processes share a schedule like cards: of `parts` each takes every `parts`-th request or caller,
beginning with its `part`. Together they are exactly the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Requests at a rate, evenly spaced, after a rate that grows evenly from zero.

    Attributes:
        rate: requests a second of all parts together.
        ramp: seconds in which the rate grows to that.
        part: which part of the whole this is, from 0.
        parts: how many there are.
    """

    rate: float
    ramp: float = 0.0
    part: int = 0
    parts: int = 1

    def due(self, number: int) -> float:
        """Seconds from the start at which this part's request of that number, from 0, is due.

        While the rate grows, `rate * t² / (2 * ramp)` requests have been due by the time t.
        """
        overall = self.part + number * self.parts
        if overall < self.rate * self.ramp / 2:
            return math.sqrt(2 * self.ramp * overall / self.rate)
        return overall / self.rate + self.ramp / 2


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A number of callers who ask again as soon as they are answered.

    Attributes:
        in_flight: callers, and so requests in flight, of all parts together.
        ramp: seconds in which the callers begin, one after the other.
        part: which part of the whole this is, from 0.
        parts: how many there are.
    """

    in_flight: int
    ramp: float = 0.0
    part: int = 0
    parts: int = 1

    def begins(self) -> list[float]:
        """Seconds from the start at which each of this part's callers begins."""
        return [
            self.ramp * caller / self.in_flight for caller in range(self.part, self.in_flight, self.parts)
        ]


Schedule = OpenLoop | ClosedLoop
