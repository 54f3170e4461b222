"""A load as data, and when its requests are due. Pure.

Strategy: an open loop asks at times that are fixed beforehand, however long the answers take, as a world
does that does not wait. The time at which a request is due is a closed formula of its number, so nothing
drifts and nothing is left out: a latency that is counted from the due time also holds the wait for a sender
that is late ("coordinated omission" is leaving that out). A closed loop has a fixed number of callers, and
each asks again when it has its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.bodies import Codec
from ..protocol.endpoint import DEFAULT_ENDPOINT
from ..protocol.messages import DEFAULT_TIMEOUT
from .mix import Mix


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Requests at a rate, evenly spaced.

    Attributes:
        rate: requests a second.
    """

    rate: float

    def due(self, number: int) -> float:
        """Seconds from the start at which the request of that number, from 0, is due."""
        return number / self.rate


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """A number of callers who ask again as soon as they are answered.

    Attributes:
        in_flight: callers, and so requests in flight.
    """

    in_flight: int


@dataclass(frozen=True, slots=True)
class Load:
    """All that a generator needs to know.

    Attributes:
        mix: what to ask.
        schedule: when.
        endpoint: the broker's.
        duration: seconds that are measured.
        warm_up: seconds before these, in which the load runs and is not measured.
        connections: connections to the broker, over which the requests are spread.
        codec: how requests are encoded.
        timeout: seconds that a request may take.
        seed: what the random choices begin from.
    """

    mix: Mix
    schedule: OpenLoop | ClosedLoop
    endpoint: str = DEFAULT_ENDPOINT
    duration: float = 10.0
    warm_up: float = 0.0
    connections: int = 1
    codec: Codec = Codec.MSGPACK
    timeout: float = DEFAULT_TIMEOUT
    seed: int = 0

    @property
    def end(self) -> float:
        """Seconds from the start until nothing more is asked."""
        return self.warm_up + self.duration
