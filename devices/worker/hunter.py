"""Finds out what can be read of a request that failed as a whole, so that no value spoils other reads.

Strategy: what was refused with an exception is cut in two until the refusing values are known, because a
device says the same each time. What met silence is asked for value by value, in the order of the addresses:
each answer tells that the device is alive, and each silence costs its whole time. Only silence beside answers
teaches anything. What was learned stays, whatever ends the search.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ..modbus.errors import ExceptionCode, ExceptionReply, LinkError, NoReply
from ..planning.block import Block
from ..planning.holes import Answer, HoleHunt, apart
from ..planning.reads import Hole
from .plans import ReadPlans

Ask = Callable[[Block], Awaitable[bool]]
"""Reads one block for those who want it; false if by then nobody does any more."""
Fail = Callable[[frozenset[str], ExceptionReply | LinkError], None]
"""Ends the reads of tags with an error."""

TRIES: Final = 2  # of a block that met silence, its values one by one, until it is answered again

_ANSWERS: Final[dict[int, Answer]] = {
    ExceptionCode.ILLEGAL_DATA_ADDRESS: Answer.NO_ADDRESS,
    ExceptionCode.ILLEGAL_FUNCTION: Answer.REFUSED,
    ExceptionCode.ILLEGAL_DATA_VALUE: Answer.REFUSED,
    ExceptionCode.SERVER_DEVICE_FAILURE: Answer.REFUSED,
}
"""What a refusal says of the values; others say nothing of them."""


class Hunter:
    """Searches the failed requests of one device.

    Args:
        plans: makes the requests, and keeps what is learned.
        clock: monotonic seconds.
    """

    def __init__(self, plans: ReadPlans, clock: Callable[[], float]) -> None:
        self._plans = plans
        self._clock = clock

    async def after_failure(
        self, error: ExceptionReply | LinkError, block: Block, ask: Ask, fail: Fail
    ) -> ExceptionReply | LinkError:
        """Reads what can be read of the block; returns why the rest cannot."""
        try:
            if isinstance(error, ExceptionReply):
                answer = _ANSWERS.get(error.code)
                if answer is Answer.NO_ADDRESS or (answer and not block.hunts and block.is_joint):
                    block.hunts += 1
                    await self._cut(block, answer, ask, fail)
            elif _met_silence(error) and block.is_joint and not block.answered and block.hunts < TRIES:
                block.hunts += 1
                await self._ask_apart(block, ask, fail)
        except (ExceptionReply, LinkError) as other:
            return other
        return error

    async def _cut(self, block: Block, answer: Answer, ask: Ask, fail: Fail) -> None:
        hunt = HoleHunt(block.span, answer)
        try:
            while (part := hunt.part) is not None:
                found = await self._ask_part(self._plans.block(part), ask, fail)
                if found is None:
                    return
                hunt.report(found)
        finally:
            self._plans.learned(hunt.holes, block.span, self._clock())

    async def _ask_apart(self, block: Block, ask: Ask, fail: Fail) -> None:
        """Asks for each value of the block by itself.

        If all are answered, the block's reply was lost, or the device does not join these values: the second
        time it is the latter.
        """
        silent: list[Hole] = []
        answered = False
        for span in apart(block.span):
            part = self._plans.block(span)
            try:
                if await self._ask_part(part, ask, fail) is None:
                    break
                answered = True
            except NoReply as error:
                if not _met_silence(error):
                    raise
                fail(part.names, error)
                silent.append(Hole(span.table, span.address, span.count, gap=True))
        if answered and not silent and block.hunts == TRIES:
            silent.append(Hole(block.span.table, block.span.address, block.span.count, gap=True))
        if answered:
            self._plans.learned(silent, block.span, self._clock())

    async def _ask_part(self, part: Block, ask: Ask, fail: Fail) -> Answer | None:
        """Reads a part of a block; None if nobody wants it any more. A refused value fails by itself."""
        try:
            if not await ask(part):
                return None
        except ExceptionReply as reply:
            answer = _ANSWERS.get(reply.code)
            if answer is None:
                raise
            if not part.is_joint:
                fail(part.names, reply)
            return answer
        return Answer.DATA


def _met_silence(error: LinkError) -> bool:
    return isinstance(error, NoReply) and error.timed_out
