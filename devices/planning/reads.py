"""Which Modbus requests read the wanted tags, and which write the given ones.

Strategy: reading is a partition of intervals, and exactly solvable. A want inside another one costs nothing
and is set aside. What remains, sorted by address, has its ends sorted too, and some optimal plan then groups
neighbours only: two requests that interleave can trade wants until they do not, and neither grows by it. So
a plan is a choice of cuts, and a shortest-path recurrence over the cuts finds the best in one pass, because
for each last want the first one that may share its request only moves forward (a sliding-window minimum).

The cost is lexicographic: fewest requests first, then fewest registers read. A request costs a device a
round trip and often a scan cycle; a register costs two bytes. How far that trade may go is the site's to
say, by `max_gap`. docs/decisions/0005 has the reasons.

Writes are never reordered and never merged over a gap or an earlier value: what a PLC sees is what was
written, in that order.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..modbus.limits import MAX_READ_BITS, MAX_READ_REGISTERS
from ..model.tags import Table

_REQUEST: Final = 1 << 32  # the cost of a request; that of a register is 1
_BITS_PER_REGISTER: Final = 16


@dataclass(frozen=True, slots=True)
class Want:
    """A value to read, which lies in one request as a whole."""

    name: str
    table: Table
    address: int
    width: int  # registers, or bits
    alone: bool = False  # whether its own request reads nothing else


@dataclass(slots=True)
class Span:
    """One read request, and what it reads that is wanted. Not frozen, which would make it slow to make."""

    table: Table
    address: int
    count: int  # registers, or bits
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """A range that the device does not read as a whole: no planned request covers all of it.

    A hole that reaches exactly over a value says that this value cannot be read; a smaller value inside it
    still can be, for all that is known. A `gap` was learned from two values that can be read, but not in one
    request: it keeps requests from joining them, and forbids no single value.
    """

    table: Table
    address: int
    count: int
    gap: bool = False


def plan_reads(
    wants: Iterable[Want],
    *,
    max_registers: int = MAX_READ_REGISTERS,
    max_coils: int = MAX_READ_BITS,
    max_gap: int = 8,
    holes: Iterable[Hole] = (),
) -> list[Span]:
    """The fewest requests that read all wants, and among those the ones that read least.

    Args:
        wants: values of any tables, in any order; they may repeat and overlap.
        max_registers: longest read of registers.
        max_coils: longest read of bits.
        max_gap: longest run of unwanted registers, or of 16 times as many bits, inside one request.
        holes: what is known to fail.

    Returns:
        Requests by table and address. A want that no request can read is in none of them: `unreadable` says
        why.
    """
    tables: dict[Table, list[Want]] = {}
    wants = list(wants)
    alone = [want for want in wants if want.alone]
    if alone:
        wants = [want for want in wants if not want.alone]
    for want in wants:
        of_table = tables.get(want.table)
        if of_table is None:
            tables[want.table] = [want]
        else:
            of_table.append(want)
    fences = _fences(holes)
    spans: list[Span] = []
    for table in sorted(tables):
        limit, gap = (max_coils, max_gap * _BITS_PER_REGISTER) if table.is_bits else (max_registers, max_gap)
        blocks = _Blocks(tables[table], limit, fences.get((table, False)))
        spans += blocks.spans(table, blocks.cuts(limit, gap, fences.get((table, True))))
    for want in alone:
        limit = max_coils if want.table.is_bits else max_registers
        fence = fences.get((want.table, False))
        if want.width <= limit and not (fence and fence.inside(want.address, want.address + want.width)):
            spans.append(Span(want.table, want.address, want.width, (want,)))
    return spans


def fences_around(wants: Iterable[Want]) -> list[Hole]:
    """What keeps other requests from reading over any register of values that are read alone."""
    return [
        Hole(want.table, address, 1, gap=True)
        for want in wants
        if want.alone
        for address in range(want.address, want.address + want.width)
    ]


def unreadable(
    wants: Iterable[Want],
    *,
    max_registers: int = MAX_READ_REGISTERS,
    max_coils: int = MAX_READ_BITS,
    holes: Iterable[Hole] = (),
) -> list[tuple[Want, str]]:
    """The wants that `plan_reads` leaves out, each with the reason, for people."""
    fences = _fences(holes)
    refused: list[tuple[Want, str]] = []
    for want in wants:
        limit, unit = (max_coils, "bits") if want.table.is_bits else (max_registers, "registers")
        fence = fences.get((want.table, False))
        if want.width > limit:
            why = f"it has {want.width} {unit}, and the device's settings allow {limit} in one read"
            refused.append((want, why))
        elif fence is not None and fence.inside(want.address, want.address + want.width):
            why = f"the device answered a read of {want.table}:{want.address} with exception 2"
            refused.append((want, f"{why} (illegal data address)"))
    return refused


class _Fences:
    """Ranges of one table that nothing may cover whole, ready for the question whether something does."""

    __slots__ = ("ends", "starts")

    def __init__(self, holes: Iterable[Hole]) -> None:
        self.ends: list[int] = []
        self.starts: list[int] = []  # the highest start of all ranges up to this one
        highest = -1
        for end, start in sorted((hole.address + hole.count, hole.address) for hole in holes):
            highest = max(highest, start)
            self.ends.append(end)
            self.starts.append(highest)

    def barrier(self, end: int) -> int:
        """What ends at `end` must start above this address, or it covers one of the ranges."""
        index = bisect_right(self.ends, end)
        return self.starts[index - 1] if index else -1

    def inside(self, start: int, end: int) -> bool:
        """Whether one of the ranges lies whole between `start` and `end`."""
        return self.barrier(end) >= start


def _fences(holes: Iterable[Hole]) -> dict[tuple[Table, bool], _Fences]:
    """By table: what forbids a value (False), and all that forbids a request of several (True)."""
    groups: dict[tuple[Table, bool], list[Hole]] = {}
    for hole in holes:
        groups.setdefault((hole.table, True), []).append(hole)
        if not hole.gap:
            groups.setdefault((hole.table, False), []).append(hole)
    return {key: _Fences(group) for key, group in groups.items()}


class _Blocks:
    """The readable wants of one table that lie in no other, by address; starts and ends both rise."""

    __slots__ = ("ends", "firsts", "starts", "wants")

    def __init__(self, wants: list[Want], limit: int, fence: _Fences | None) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.wants: list[Want] = []  # each block's want, and after it those inside it
        self.firsts: list[int] = []  # where a block's wants begin among them
        last = -1
        for want in sorted(wants, key=_by_address):
            start, width = want.address, want.width
            end = start + width
            if width > limit or (fence is not None and fence.inside(start, end)):
                continue
            if end > last:
                last = end
                self.starts.append(start)
                self.ends.append(end)
                self.firsts.append(len(self.wants))
            self.wants.append(want)

    def cuts(self, limit: int, max_gap: int, fence: _Fences | None) -> list[int]:
        """Where each request begins, as indices of blocks, for the cheapest plan."""
        starts, ends = self.starts, self.ends
        cost = 0  # of the best plan for all blocks before this one
        first, last = 0, 1 << 30  # the first block that may share a request with this one; the last end
        begins: list[int] = []  # for each block, where its request begins in the best plan up to it
        window: deque[tuple[int, int]] = deque()  # (cost of all before - start, block), cheapest first
        for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if start - last > max_gap:
                first = index
            last = end
            while starts[first] < end - limit:
                first += 1
            if fence is not None:
                barrier = fence.barrier(end)
                while first < index and starts[first] <= barrier:
                    first += 1
            entry = cost - start
            while window and window[-1][0] >= entry:
                window.pop()
            window.append((entry, index))
            while window[0][1] < first:
                window.popleft()
            entry, begin = window[0]
            cost = entry + end + _REQUEST
            begins.append(begin)
        chosen: list[int] = []
        at = len(begins)
        while at:
            at = begins[at - 1]
            chosen.append(at)
        chosen.reverse()
        return chosen

    def spans(self, table: Table, cuts: list[int]) -> list[Span]:
        """The requests that begin at these blocks."""
        starts, ends, wants = self.starts, self.ends, self.wants
        firsts = [*self.firsts, len(wants)]
        return [
            Span(
                table,
                starts[begin],
                ends[stop - 1] - starts[begin],
                tuple(wants[firsts[begin] : firsts[stop]]),
            )
            for begin, stop in itertools.pairwise([*cuts, len(starts)])
        ]


def _by_address(want: Want) -> int:
    """By address; of those that begin together, the longest first."""
    return (want.address << 20) - want.width


def _span_of(wants: Sequence[Want]) -> Span:
    start = min(want.address for want in wants)
    end = max(want.address + want.width for want in wants)
    return Span(wants[0].table, start, end - start, tuple(wants))
