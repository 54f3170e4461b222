"""What is known of one device's holes now, and when each of them is asked again.

Strategy: pure. No verdict about a device is for good: a register that refuses while the PLC boots is there a
minute later. So each hole has a time from which its values are asked again, each in a request of its own,
which spoils no other. As long as the device refuses, the pauses grow; after a reconnect everything is asked
at once. What keeps requests apart without forbidding a value (a `gap`) costs a request and nothing else: it
is forgotten after a longer time, and learned anew if it is still so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .reads import Hole, Span, Want

FIRST_PAUSE: Final = 5.0  # seconds between a refusal and the next time that the value is asked for
LONGEST_PAUSE: Final = 600.0  # seconds
FIRST_GAP_PAUSE: Final = 600.0  # seconds that a gap is kept
LONGEST_GAP_PAUSE: Final = 86400.0  # seconds


@dataclass(slots=True)
class _Doubt:
    """When a hole is asked again.

    Attributes:
        at: seconds of the clock.
        pause: seconds between the last refusal and then; 0: it has been read before, and is asked at once.
    """

    at: float
    pause: float


class KnownHoles:
    """The holes of one device. Times are seconds of one monotonic clock.

    Args:
        holes: known from earlier; their values are asked again at once.
        now: the time.
    """

    def __init__(self, holes: Iterable[Hole] = (), now: float = 0.0) -> None:
        self._doubts: dict[Hole, _Doubt] = {}
        self._gap_pauses: dict[Hole, float] = {}  # of gaps that were forgotten, should they come back
        self.load(holes, now)

    def __len__(self) -> int:
        return len(self._doubts)

    def __iter__(self) -> Iterator[Hole]:
        return iter(self._doubts)

    def load(self, holes: Iterable[Hole], now: float) -> None:
        """Makes these the ones that are known, and no others."""
        before, self._doubts = self._doubts, {}
        for hole in holes:
            fresh = _Doubt(now + FIRST_GAP_PAUSE, FIRST_GAP_PAUSE) if hole.gap else _Doubt(now, 0.0)
            self._doubts[hole] = before.get(hole, fresh)

    def learn(self, found: Iterable[Hole], now: float, *, doubted: bool = False) -> frozenset[Hole]:
        """Notes holes that the device has shown, again or for the first time.

        Args:
            found: the holes.
            now: the time.
            doubted: whether their values have been read before, so that one refusal proves little.

        Returns:
            Those that were not known.
        """
        new = []
        for hole in found:
            known = self._doubts.get(hole)
            if hole.gap:
                pause = self._gap_pauses.pop(hole, 0.0)
                pause = min(max(FIRST_GAP_PAUSE, 2 * pause), LONGEST_GAP_PAUSE)
            elif known is None:
                pause = 0.0 if doubted else FIRST_PAUSE
            else:
                pause = min(max(FIRST_PAUSE, 2 * known.pause), LONGEST_PAUSE)
            if known is None:
                new.append(hole)
            self._doubts[hole] = _Doubt(now + pause, pause)
        return frozenset(new)

    def forbids(self, want: Want) -> bool:
        """Whether a value lies over a hole."""
        return any(_forbids(hole, want) for hole in self._doubts)

    def ask_at(self, want: Want) -> float:
        """From when on a value is asked again that lies over holes; 0 if it lies over none."""
        return max((doubt.at for hole, doubt in self._doubts.items() if _forbids(hole, want)), default=0.0)

    def read(self, span: Span) -> frozenset[Hole]:
        """A request was answered, so no value in it is a hole (any more). Returns those that are gone."""
        end = span.address + span.count
        gone = frozenset(
            hole
            for hole in self._doubts
            if not hole.gap
            and hole.table is span.table
            and span.address <= hole.address
            and hole.address + hole.count <= end
        )
        for hole in gone:
            del self._doubts[hole]
        return gone

    def reconnected(self, now: float) -> None:
        """The connection is a new one: what refused may have been started anew."""
        for hole, doubt in self._doubts.items():
            if not hole.gap:
                doubt.at, doubt.pause = now, 0.0

    def forget_gaps(self, now: float) -> frozenset[Hole]:
        """Forgets the gaps whose time is up, and returns them."""
        gone = frozenset(hole for hole, doubt in self._doubts.items() if hole.gap and doubt.at <= now)
        for hole in gone:
            self._gap_pauses[hole] = self._doubts.pop(hole).pause
        return gone

    def next_gap(self) -> float:
        """When `forget_gaps` has something to do next."""
        return min((doubt.at for hole, doubt in self._doubts.items() if hole.gap), default=float("inf"))


def _forbids(hole: Hole, want: Want) -> bool:
    """Whether a hole lies whole in a value."""
    return (
        not hole.gap
        and hole.table is want.table
        and want.address <= hole.address
        and hole.address + hole.count <= want.address + want.width
    )
