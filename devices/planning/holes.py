"""What to ask after a refusal: a failed request is cut in two until it is known which addresses refuse."""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum

from .reads import Hole, Span, Want, _by_address, _span_of


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


class Answer(Enum):
    """How a device answered a read."""

    DATA = "data"
    NO_ADDRESS = "no address"  # exception 2
    REFUSED = "refused"  # exception 1, 3 or 4


class HoleHunt:
    """Reads what can be read of a request that the device refused, and learns why.

    The worker begins one when a planned request is refused, and follows it:

        hunt = HoleHunt(span, Answer.NO_ADDRESS)
        while (part := hunt.part) is not None:
            hunt.report(answer)      # how `part` was answered
        holes = hunt.holes

    It delivers the wants of each part that it could read. What no part delivered is what `unreadable` names
    once the holes are known. The holes are stored with the device and go into `plan_reads` from then on. Any
    other failure ends the hunt: nothing is learned from a time-out.

    A value that alone is answered with exception 2 is a hole. One that is refused otherwise is none: it is
    read apart from others from then on (a gap over itself), so that it spoils their reads no more, unless
    nothing at all could be read, which says nothing about single values.

    A failed request is cut in two, and so on, so that a single bad value among n costs about 2 * log2(n)
    more requests, once. If both halves can be read, the fault lies in what joined them: a gap with an
    address that does not exist, or two objects that the device reads one at a time. If a part of a failed
    request explains its failure, nothing else is concluded from it; a second fault that hides behind the
    first is found by the next hunt.

    Attributes:
        part: what to read next; None at the end.
    """

    __slots__ = ("_apart", "_holes", "_hunt", "_some_data", "part")

    def __init__(self, span: Span, answer: Answer) -> None:
        self._holes: list[Hole] = []
        self._apart: list[Hole] = []  # values that are refused, but not with exception 2
        self._some_data = False
        self._hunt = self._split(span, answer)
        self.part: Span | None = next(self._hunt, None)

    @property
    def holes(self) -> list[Hole]:
        """What has been learned so far."""
        return self._holes + (self._apart if self._some_data else [])

    def report(self, answer: Answer) -> None:
        """Says how `part` was answered."""
        self._some_data |= answer is Answer.DATA
        try:
            self.part = self._hunt.send(answer)
        except StopIteration:
            self.part = None

    def _split(self, span: Span, answer: Answer) -> Generator[Span, Answer, None]:
        """Hunts in a span that has just failed."""
        halves = bisect(span)
        if not halves:
            illegal = answer is Answer.NO_ADDRESS
            holes = self._holes if illegal else self._apart
            holes.append(Hole(span.table, span.address, span.count, gap=not illegal))
            return
        both = True
        for half in halves:
            # One value may reach over the whole span: then its half has failed already.
            same = half.address == span.address and half.count == span.count
            found = answer if same else (yield half)
            if found is not Answer.DATA:
                both = False
                yield from self._split(half, found)
        if both:
            self._holes.append(_joint(span, *halves))


def apart(span: Span) -> list[Span]:
    """A request for each value that one request wanted, by address; equal ranges stay together."""
    groups: dict[tuple[int, int], list[Want]] = {}
    for want in sorted(span.wants, key=_by_address):
        groups.setdefault((want.address, want.width), []).append(want)
    return [_span_of(wants) for wants in groups.values()]


def _joint(span: Span, left: Span, right: Span) -> Hole:
    """What joined two readable parts of a span that as a whole is not: at least two registers or bits."""
    end = left.address + left.count
    if end > right.address:
        return Hole(span.table, span.address, span.count, gap=True)
    if end == right.address:
        return Hole(span.table, end - 1, 2, gap=True)
    return Hole(span.table, end, right.address - end, gap=True)
