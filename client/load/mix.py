"""What to ask: a weighted choice of requests to some devices. Pure.

Strategy: the devices have their turns, so that each gets the same share however many operations it has; among
its own operations their weights decide.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, cycle
from typing import Any

from ..core.session import changes_nothing

Device = str | int


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to ask of a device.

    Attributes:
        name: what it is called in the result; operations of one name are counted together.
        action: the action of the request.
        rqargs: its arguments.
        weight: how often, relative to the others of the device.
    """

    name: str
    action: str
    rqargs: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"{self.name}: a weight is a number above 0")

    @property
    def may_change(self) -> bool:
        """Whether a device may be another one afterwards: whatever does not only read."""
        return not changes_nothing({"device": "", "action": self.action})


class Mix:
    """Which request comes next.

    Attributes:
        names: the names of the operations, in the order given.
        devices: whom they go to.
    """

    def __init__(self, operations: Mapping[Device, Sequence[Operation]]) -> None:
        """Makes it from the operations of each device.

        Raises:
            ValueError: there is no device, or a device has no operation.
        """
        if not operations:
            raise ValueError("there is no device to ask")
        for device, own in operations.items():
            if not own:
                raise ValueError(f"there is nothing to ask of {device}")
        self.devices = tuple(operations)
        self.names = tuple(dict.fromkeys(each.name for own in operations.values() for each in own))
        self._choices = [
            (device, own, list(accumulate(each.weight for each in own))) for device, own in operations.items()
        ]

    def choices(self, seed: int) -> Iterator[tuple[Device, Operation]]:
        """Whom to ask for what, without end; the same for the same seed."""
        chance = random.Random(seed).random
        for device, own, sums in cycle(self._choices):
            place = bisect_right(sums, chance() * sums[-1], 0, len(sums) - 1)
            yield device, own[place]


def one_tag_at_a_time(description: Mapping[str, Any]) -> list[Operation]:
    """The reads of a device of which nothing else is known: each of its tags by itself, under one name.

    Args:
        description: the result of `describe`.
    """
    return [Operation("read", "read", {"tags": [tag]}) for tag in description["tags"]]
