"""Asks again what a device was too busy for.

Strategy: exception 6 is the only answer after which the same request is sent again, for it says that nothing
was executed (Modbus Application Protocol V1.1b3, section 7). A few times and with growing pauses, which other
requests can use; then the caller is told, and may try later.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ..modbus.errors import ExceptionCode, ExceptionReply

PAUSES: Final = (0.05, 0.1, 0.2)  # seconds before each further try

Result = TypeVar("Result")


async def while_busy(
    attempt: Callable[[], Awaitable[Result]], clock: Callable[[], float], until: float = math.inf
) -> Result:
    """Makes the attempt, and makes it again while the device says that it is busy.

    Args:
        attempt: takes a turn of its own each time.
        clock: monotonic seconds.
        until: no further try is made at or after this time.

    Raises:
        ExceptionReply: the device is still busy, or refused for another reason.
    """
    for pause in PAUSES:
        try:
            return await attempt()
        except ExceptionReply as reply:
            if reply.code != ExceptionCode.SERVER_DEVICE_BUSY or clock() + pause >= until:
                raise
        await asyncio.sleep(pause)
    return await attempt()
