"""Whether a device may be given several requests at once: tried out on each connection, never believed.

Strategy: pure. A connection begins with one request at a time. Once a read has been answered, reads of
different lengths around it are made one at a time and all together, in turns (`trial.py`); `Comparison` tells
whether that makes a difference. A difference, or later a reply that does not fit, sends the device back to
one request at a time until its setting changes. The lengths differ because many servers mix up what they are
asked at once: pymodbus's own answers with the values of other requests (3.16.1, tried), which nothing but the
length gives away.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Sequence

from ..modbus.limits import ADDRESSES
from ..modbus.pdu import Transaction, read, span_of
from .turns import Turns

Reply = bytes | int
"""The payload of a read's reply, or the code of the exception that was one."""

logger = logging.getLogger(__name__)


class Pipelining:
    """How many requests at once a device is trusted with; keeps the window of the turns.

    Attributes:
        wanted: as many as the settings allow.
        is_due: whether more than one is wanted, and this connection is still to be tried out.
        reason: why fewer are used than wanted, for people.
    """

    def __init__(self, endpoint: str, wanted: int, turns: Turns[Future[None]]) -> None:
        self._endpoint = endpoint
        self._turns = turns
        self.configure(wanted)

    @property
    def used(self) -> int:
        """How many requests may be in flight now."""
        return self._turns.window

    def configure(self, wanted: int) -> None:
        """The setting has changed: whatever was found out before counts no more."""
        self.wanted = wanted
        self._refuted = False
        self.connected()

    def connected(self) -> None:
        """There is a new connection: nothing is known of it, but what a device has failed once stays."""
        self._turns.window = 1
        self.is_due = self.wanted > 1 and not self._refuted
        if self.is_due:
            self.reason = "not tried out yet on this connection"
        elif not self._refuted:
            self.reason = ""

    def begin(self) -> int:
        """The trial begins; for how many requests at once."""
        self.is_due = False
        return self.wanted

    def ended(self, window: int, difference: str | None) -> None:
        """The trial has ended.

        Args:
            window: as many requests were sent at once.
            difference: what was not as one at a time; empty: nothing; None: it could not be found out.
        """
        if difference and window == self.wanted:
            self._refute(difference)
        elif self.is_due or difference is None or window != self.wanted:
            self.is_due = self.wanted > 1  # settings or connection are others than those tried out
        else:
            self.reason = ""
            self._turns.window = window
            logger.info("%s: %d requests at once are answered well", self._endpoint, window)

    def misfit(self, why: str) -> bool:
        """A reply did not fit. Returns whether several requests at once may be why; they are ended then."""
        if self._turns.window == 1:
            return False
        self._refute(why)
        return True

    def _refute(self, why: str) -> None:
        self._refuted = True
        self.is_due = False
        self._turns.window = 1
        self.reason = f"{why}: one request at a time until the setting `window` changes"
        logger.warning("%s: window %d is not used: %s", self._endpoint, self.wanted, self.reason)

    def status(self) -> dict[str, object]:
        """What the action `status` tells of it."""
        status: dict[str, object] = {"wanted": self.wanted, "used": self.used}
        if self.reason:
            status["reason"] = self.reason
        return status


def trial_reads(answered: Transaction, number: int) -> list[Transaction]:
    """Reads to try several at once with: parts of a read that the device has answered.

    Where that read has one length only, every other one is longer by one; if the device refuses that, its
    exception is as good a reply to compare.

    Args:
        answered: the read.
        number: how many, at least 2.
    """
    table, address, count = span_of(answered)
    step = 8 if table.is_bits else 1  # the least that makes a reply longer
    lengths = list(range(count, 0, -step))
    if len(lengths) == 1:
        lengths.append(count + step)
    reads = []
    for i in range(number):
        length = lengths[i % len(lengths)]
        start = address + max(0, count - length)
        reads.append(read(table, min(start, ADDRESSES - length), length))
    return reads


class Comparison:
    """Replies to the same reads, made one at a time and all together.

    A device goes on working meanwhile. So a byte counts only if it stood still whenever it was read alone.
    """

    def __init__(self) -> None:
        self._alone: list[Sequence[Reply]] = []
        self._together: list[Sequence[Reply]] = []

    def add_alone(self, replies: Sequence[Reply]) -> None:
        """One reply to each read, made one at a time."""
        self._alone.append(replies)

    def add_together(self, replies: Sequence[Reply]) -> None:
        """One reply to each read, all made at once."""
        self._together.append(replies)

    def difference(self) -> str:
        """What was different when all were made at once; empty: nothing."""
        kinds = {reply if isinstance(reply, int) else (len(reply),) for reply in self._alone[0]}
        if len(kinds) == 1:
            return "no replies of different lengths to compare"
        for i, together in ((i, reply) for replies in self._together for i, reply in enumerate(replies)):
            alone = [replies[i] for replies in self._alone]
            if isinstance(together, int):
                if together not in alone:
                    return f"Modbus exception {together} came only when several requests were sent at once"
            elif _differs(together, [reply for reply in alone if not isinstance(reply, int)]):
                return "several requests sent at once got other values than one at a time"
        return ""


def _differs(together: bytes, alone: list[bytes]) -> bool:
    """Whether a byte that stood still in all replies got alone is another one in this."""
    if not alone:
        return True
    return any(
        len(set(still)) == 1 and still[0] != byte for byte, *still in zip(together, *alone, strict=True)
    )
