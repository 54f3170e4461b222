"""What plcmq wants to be beside the others, and what the rows say about it.

Strategy: pure. Each target is a ratio of two lines of one run; where a line is missing, so is its target.
Beside them stand the two figures that tell whether the simulated PLC was a bottleneck.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plan
from measure import Ratio, Row, find, ratio


@dataclass(frozen=True)
class Target:
    """One target and what was measured.

    Attributes:
        what: in words.
        limit: the ratio that is wanted; none where the figure only informs.
        is_least: the limit is the least; else the most.
        measured: the ratio, with the least and the greatest of the rounds.
    """

    what: str
    limit: float | None
    is_least: bool
    measured: Ratio

    @property
    def verdict(self) -> str:
        """`met` or `missed`; nothing where there is no limit."""
        if self.limit is None:
            return ""
        middle = self.measured.middle
        return "met" if (middle >= self.limit if self.is_least else middle <= self.limit) else "missed"

    @property
    def wanted(self) -> str:
        """The limit in words."""
        return "" if self.limit is None else f"{'≥' if self.is_least else '≤'} {self.limit:g}"


def targets(rows: Sequence[Row]) -> list[Target]:
    """All targets whose lines were measured."""
    return [*_rates(rows), *_one_caller(rows), *_bottleneck(rows)]


def _rates(rows):
    fast = find(rows, plan.ONE, plan.FAST, 100)
    many = find(rows, plan.ONE, plan.FAST, 100, tags=100)
    slow = find(rows, plan.ONE, plan.SLOW, 100, tags=100)
    pairs = [
        ("fast PLC, 100 in flight: rate to the C proxy with echo", 1.0, fast, (plan.FLOOR, plan.NONE, 100)),
        ("same, to modbus-proxy with 100 clients", 3.0, fast, (plan.PROXY, plan.FAST, 100)),
        ("same with 100 different tags, to modbus-proxy", None, many, (plan.PROXY, plan.FAST, 100)),
        ("same, to pyleco with 8 clients", 8.0, fast, (plan.PYLECO, plan.NONE, 8)),
    ]
    for what, limit, ours, theirs in pairs:
        other = find(rows, *theirs)
        if ours and other:
            yield Target(what, limit, True, ratio(ours.rates, other.rates))
    proxy = find(rows, plan.PROXY, plan.SLOW, 100, tags=100)
    if slow and proxy:
        what = "5 ms PLC, 100 callers with different tags: rate to modbus-proxy"
        yield Target(what, 40.0, True, ratio(slow.rates, proxy.rates))


def _one_caller(rows):
    ours, floor = find(rows, plan.ONE, plan.FAST, 1), find(rows, plan.FLOOR, plan.NONE, 1)
    for limit, contender, name in ((1.3, plan.PYMODBUS, "pymodbus"), (None, plan.FRAMES, "a bare protocol")):
        direct = find(rows, contender, plan.FAST, 1)
        if ours and floor and direct:
            below = [a + b for a, b in zip(floor.p50s, direct.p50s, strict=True)]
            what = f"one caller: p50 to that of the C proxy and of direct Modbus with {name}"
            yield Target(what, limit, False, ratio(ours.p50s, below))


def _bottleneck(rows) -> Iterator[Target]:
    ceiling = find(rows, plan.CEILING, plan.FAST, plan.CEILING_WINDOW, tags=plan.CEILING_WINDOW)
    client = find(rows, plan.FRAMES, plan.FAST, 100, tags=100)
    fast = [
        row for row in rows if row.plc == plan.FAST and row.contender in (plan.ONE, plan.APART, plan.PROXY)
    ]
    if ceiling and fast:
        best = max(fast, key=lambda row: max(row.modbus))
        what = f"what the PLC can answer, to the most asked of it ({best.contender}, {best.window} callers)"
        yield Target(what, None, True, ratio(ceiling.rates, best.modbus))
    proxy = find(rows, plan.PROXY, plan.FAST, 100)
    if client and proxy:
        what = "modbus-proxy's 100 clients without the proxy between, to with it"
        yield Target(what, None, True, ratio(client.rates, proxy.rates))
