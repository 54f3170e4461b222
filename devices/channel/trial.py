"""The trial on the wire: the same reads one at a time and all at once, beside what callers ask meanwhile.

Strategy: single reads wait for their turns like everybody's. All at once they go out in one turn, while
only one turn is given out, so nobody else's request is among those that a device may mix up. The first time
they leave in one segment, where TCP lets us say so: some servers answer only the first request of a segment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from ..modbus.errors import BadReply, ExceptionReply, LinkError, NoReply, NotSent
from ..modbus.pdu import Transaction
from ..transport.link import Link
from .pipelining import Comparison, Reply, trial_reads

TIMES: Final = 2  # that all are sent at once


class Place(Protocol):
    """Where the trial is made: a channel."""

    def errand(self, unit: int, transaction: Transaction) -> Coroutine[None, None, bytes]:
        """Carries out a request in a turn like everybody else's."""

    def whole_link(self) -> AbstractAsyncContextManager[Link]:
        """The connection for a turn, while nobody else's request is in flight."""


class Mixed(Exception):
    """What came back shows that the device cannot do several requests at once; the text says what."""


async def try_together(place: Place, unit: int, answered: Transaction, window: int, patience: float) -> str:
    """Compares replies to reads sent all at once with those sent one at a time.

    Args:
        place: the channel.
        unit: unit id.
        answered: a read that this unit has answered.
        window: how many to send at once.
        patience: seconds for each reply.

    Returns:
        what was different; empty: nothing.

    Raises:
        Mixed: replies were missing or did not fit; the connection should not be used any further.
        LinkError: nothing was found out, since reads failed one at a time, too.
    """
    reads, comparison = trial_reads(answered, window), Comparison()
    for number in range(TIMES):
        comparison.add_alone([await _alone(place, unit, one) for one in reads])
        async with place.whole_link() as link:
            comparison.add_together(await _together(link, unit, reads, patience, one_segment=number == 0))
    comparison.add_alone([await _alone(place, unit, one) for one in reads])
    return comparison.difference()


async def _alone(place: Place, unit: int, one: Transaction) -> Reply:
    try:
        return await place.errand(unit, one)
    except ExceptionReply as reply:
        return reply.code


async def _together(
    link: Link, unit: int, reads: Sequence[Transaction], patience: float, *, one_segment: bool
) -> list[Reply]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one_of_many(link, unit, one, patience)) for one in reads]
        if one_segment:
            link.cork(on=True)
            await asyncio.sleep(0)  # in which all are written
            link.cork(on=False)
    results = [task.result() for task in tasks]
    for result in results:
        if isinstance(result, BadReply | NoReply):
            raise Mixed(f"of several requests sent at once, one failed ({result.reason})")
    if link.strays:
        raise Mixed("replies came to requests that nobody had made")
    replies = [result for result in results if not isinstance(result, LinkError)]
    if len(replies) < len(results):
        raise NotSent(link.reason)
    return replies


async def _one_of_many(link: Link, unit: int, one: Transaction, patience: float) -> Reply | LinkError:
    try:
        return await link.transact(unit, one, patience)
    except ExceptionReply as reply:
        return reply.code
    except LinkError as error:
        return error
