"""What an endpoint saw of its masters: the judge of nearly every promise that plcmq makes.

Strategy: plain counters that the server raises as it goes, cheap enough for every request, and `wait_until`
for tests that wait on what happened instead of on time. The counters belong to the server's event loop;
another thread takes a `snapshot` through `RunningSimulator`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .registers.functions import READS
from .registers.memory import MemoryChange

Json = Mapping[str, "Json"] | Sequence["Json"] | int | float | str | bool | None
"""What a report is made of."""


class Ending(StrEnum):
    """Who ended a connection, and how."""

    FIN = "fin"  # the master closed it
    RST = "rst"  # the master reset it, or went away
    SERVER = "server"  # the simulated PLC closed or reset it


@dataclass(slots=True)
class Sockets:
    """The TCP connections of an endpoint."""

    open: int = 0
    peak: int = 0  # most at once; one that was turned away after it was accepted counts as well
    opened: int = 0
    turned_away: int = 0  # accepted by the kernel, and closed at once because the PLC was full
    closed: dict[Ending, int] = field(default_factory=lambda: dict.fromkeys(Ending, 0))

    def add(self) -> None:
        """One more is open."""
        self.opened += 1
        self.open += 1
        self.peak = max(self.peak, self.open)

    def remove(self, ending: Ending) -> None:
        """One is closed."""
        self.open -= 1
        self.closed[ending] += 1


class Evidence:
    """The counters of one endpoint.

    Attributes:
        sockets: its TCP connections.
        requests: whole requests that arrived, whatever became of them.
        functions: requests by function code.
        writes: accepted writes, that is: the memory was written.
        written: accepted writes by first address, such as `1/holding:0` (unit/table:address).
        strokes: accepted writes that touched a tag, by `device.tag`.
        rises: those of them that changed it from zero (false) to something else.
        exceptions: exception replies by code.
        shortest_gap: seconds from a reply to the next request of its connection, the least seen.
        outstanding_peak: most requests of one connection that waited for a reply at the same time.
        repeated_transactions: requests with the transaction id of the one before, or of one still waiting.
        framing_errors: connections ended because what came was no Modbus TCP.
        faults: how often a fault has struck, by its name.
    """

    def __init__(self) -> None:
        self.sockets = Sockets()
        self.requests = 0
        self.functions = [0] * 256
        self.writes = 0
        self.written: Counter[str] = Counter()
        self.strokes: Counter[str] = Counter()
        self.rises: Counter[str] = Counter()
        self.exceptions: Counter[int] = Counter()
        self.shortest_gap: float | None = None
        self.outstanding_peak = 0
        self.repeated_transactions = 0
        self.framing_errors = 0
        self.faults: Counter[str] = Counter()
        self.waiters: list[tuple[Callable[[Evidence], bool], asyncio.Future[None]]] = []

    @property
    def reads(self) -> int:
        """Requests that read (function codes 1 to 4 and 23)."""
        return sum(self.functions[function] for function in READS)

    def gap(self, seconds: float) -> None:
        """A request came so long after the reply before it."""
        if self.shortest_gap is None or seconds < self.shortest_gap:
            self.shortest_gap = seconds

    def accepted(self, unit: int, change: MemoryChange) -> None:
        """A write was carried out."""
        self.writes += 1
        self.written[f"{unit}/{change.table}:{change.address}"] += 1

    def stroke(self, tag: str, *, rose: bool) -> None:
        """An accepted write touched a tag."""
        self.strokes[tag] += 1
        if rose:
            self.rises[tag] += 1

    def notify(self) -> None:
        """Something changed: wakes those in `wait_until` whose condition holds now."""
        for waiter in self.waiters[:]:
            condition, future = waiter
            if not future.done() and condition(self):
                future.set_result(None)

    async def wait_until(self, condition: Callable[[Evidence], bool], within: float = 10.0) -> None:
        """Waits until a condition on this evidence holds; looks whenever something happens.

        Args:
            condition: takes this evidence, says whether it is as wanted.
            within: seconds to wait at most.

        Raises:
            TimeoutError: it did not hold in time; the message shows the counters.
        """
        if condition(self):
            return
        waiter = condition, asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        try:
            async with asyncio.timeout(within):
                await waiter[1]
        except TimeoutError:
            raise TimeoutError(f"not so within {within:g} s: {self.snapshot()}") from None
        finally:
            self.waiters.remove(waiter)

    def snapshot(self) -> dict[str, Json]:
        """The counters as plain data, as the report has them."""
        sockets = self.sockets
        return {
            "sockets": {
                "open": sockets.open,
                "peak": sockets.peak,
                "opened": sockets.opened,
                "turned_away": sockets.turned_away,
                "closed": {str(ending): count for ending, count in sockets.closed.items()},
            },
            "requests": self.requests,
            "functions": {str(code): count for code, count in enumerate(self.functions) if count},
            "reads": self.reads,
            "writes": self.writes,
            "written": dict(self.written),
            "strokes": dict(self.strokes),
            "rises": dict(self.rises),
            "exceptions": {str(code): count for code, count in sorted(self.exceptions.items())},
            "shortest_gap": self.shortest_gap,
            "outstanding_peak": self.outstanding_peak,
            "repeated_transactions": self.repeated_transactions,
            "framing_errors": self.framing_errors,
            "faults": dict(self.faults),
        }
