"""What a load is, as data that can go to another process. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..protocol.bodies import Codec
from ..protocol.endpoint import DEFAULT_ENDPOINT
from ..protocol.messages import DEFAULT_TIMEOUT
from .mix import Mix
from .schedule import Schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a process needs to know to put its part of a load on a broker.

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
    schedule: Schedule
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

    def parts(self, number: int) -> list[Plan]:
        """The plans of so many processes, which together do what this one says."""
        return [
            dataclasses.replace(
                self,
                schedule=dataclasses.replace(self.schedule, part=part, parts=number),
                connections=len(range(part, self.connections, number)),
            )
            for part in range(number)
        ]
