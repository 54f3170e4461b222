"""What to ask after exception 2: a failed request is cut in two until it is known which addresses refuse."""

from __future__ import annotations

from collections.abc import Generator

from .reads import Hole, Span, _by_address, _span_of


def bisect(span: Span) -> list[Span]:
    """Two requests for what one request wanted, cut between values, as near to its middle as that goes.

    Where values overlap, so that there is no place between any two, the two requests overlap as well; equal
    ranges stay together.

    Returns:
        The two, by address; nothing where there is only one value, so that there is nothing to cut.
    """
    wants = sorted(span.wants, key=_by_address)
    middle = 2 * span.address + span.count
    end = wants[0].address + wants[0].width
    candidates: list[tuple[bool, int, int]] = []
    for index in range(1, len(wants)):
        before, after = wants[index - 1], wants[index]
        if (before.address, before.width) != (after.address, after.width):
            candidates.append((end > after.address, abs(end + after.address - middle), index))
        end = max(end, after.address + after.width)
    if not candidates:
        return []
    _overlap, _off, cut = min(candidates)
    return [_span_of(wants[:cut]), _span_of(wants[cut:])]


class HoleHunt:
    """Reads what can be read of a request that the device answered with exception 2, and learns why.

    The worker begins one when a planned request gets exception 2, and follows it:

        hunt = HoleHunt(span)
        while (part := hunt.part) is not None:
            hunt.report(readable)      # after reading `part`: False for exception 2, True for data
        holes = hunt.holes

    It delivers the wants of each part that it could read. What no part delivered is what `unreadable` names
    once the holes are known. The holes are stored with the device and go into `plan_reads` from then on. Any
    other failure ends the hunt: nothing is learned from a time-out.

    A failed request is cut in two, and so on, so that a single bad value among n costs about 2 * log2(n)
    more requests, once. If both halves can be read, the fault lies in what joined them: a gap with an
    address that does not exist, or two objects that the device reads one at a time. If a part of a failed
    request explains its failure, nothing else is concluded from it; a second fault that hides behind the
    first is found by the next hunt.

    Attributes:
        part: what to read next; None at the end.
        holes: what has been learned so far.
    """

    __slots__ = ("_hunt", "holes", "part")

    def __init__(self, span: Span) -> None:
        self.holes: list[Hole] = []
        self._hunt = self._split(span)
        self.part: Span | None = next(self._hunt, None)

    def report(self, readable: bool) -> None:
        """Says how reading `part` went: data (True) or exception 2 (False)."""
        try:
            self.part = self._hunt.send(readable)
        except StopIteration:
            self.part = None

    def _split(self, span: Span) -> Generator[Span, bool, None]:
        """Hunts in a span that has just failed."""
        halves = bisect(span)
        if not halves:
            self.holes.append(Hole(span.table, span.address, span.count))
            return
        both = True
        for half in halves:
            # One value may reach over the whole span: then its half has failed already.
            same = half.address == span.address and half.count == span.count
            readable = False if same else (yield half)
            if not readable:
                both = False
                yield from self._split(half)
        if both:
            self.holes.append(_joint(span, *halves))


def _joint(span: Span, left: Span, right: Span) -> Hole:
    """What joined two readable parts of a span that as a whole is not: at least two registers or bits."""
    end = left.address + left.count
    if end > right.address:
        return Hole(span.table, span.address, span.count, gap=True)
    if end == right.address:
        return Hole(span.table, end - 1, 2, gap=True)
    return Hole(span.table, end, right.address - end, gap=True)
