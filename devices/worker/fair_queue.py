"""A bounded queue of one lane at one device, in which the clients take turns.

Strategy: pure. Every client has a line of its own, and `take` goes round the lines. When the queue is full,
a newcomer takes the place of the last in the longest line, if its own is shorter than that. So a client that
asks for little is served however much another one asks for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

from ..protocol.messages import Job

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """What waits, by client and then by age.

    Attributes:
        limit: how many may wait.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lines: OrderedDict[str, dict[int, Item]] = OrderedDict()  # by client, then by job id
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Item]:
        """All that wait, client by client."""
        return (item for line in self._lines.values() for item in line.values())

    def put(self, job: Job, item: Item) -> Item | None:
        """Lets an item wait at the end of its client's line.

        Returns:
            The evicted item (possibly the new one), or None.
        """
        out = None
        if self._count >= self.limit:
            longest = max(self._lines, key=lambda client: len(self._lines[client]))
            if len(self._lines.get(job.client, ())) + 1 >= len(self._lines[longest]):
                return item
            out = self.remove(next(reversed(self._lines[longest])))
        line = self._lines.get(job.client)
        if line is None:
            line = self._lines[job.client] = {}
        line[job.id] = item
        self._count += 1
        return out

    def take(self) -> Item:
        """The next: the oldest of the client whose turn it is.

        Raises:
            KeyError: nothing waits.
        """
        client, line = next(iter(self._lines.items()), ("", {}))
        item = line.pop(next(iter(line), 0))
        self._count -= 1
        if line:
            self._lines.move_to_end(client)
        else:
            del self._lines[client]
        return item

    def take_all(self) -> dict[int, Item]:
        """All that wait, by job id."""
        found: dict[int, Item] = {}
        for line in self._lines.values():
            found.update(line)
        self._lines.clear()
        self._count = 0
        return found

    def remove(self, job_id: int) -> Item | None:
        """Takes one out, wherever it stands; None if it does not wait here."""
        for client, line in self._lines.items():
            if job_id in line:
                item = line.pop(job_id)
                self._count -= 1
                if not line:
                    del self._lines[client]
                return item
        return None
