"""A device that this client has locked: its commands go undisturbed by others'.

Strategy: a view that adds device and token to every request. Leaving the `with` block unlocks; should that
fail, the lock dies with its time, so nothing is raised over what the block has done.

    with conn.lock("press-1", ttl=30) as press:
        press.request("load_recipe", {"number": 7})
        press.request("start_batch", {"batch_size": 15})
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from ..core.calls import LOCK_TTL
from ..protocol.errors import PlcmqError
from .device import BoundDevice, Requester


class AsyncLockedDevice(BoundDevice):
    """A device that an asyncio connection has locked. Make one with `AsyncConnection.lock`."""

    def __init__(self, connection: Requester, device: str | int, token: str) -> None:
        super().__init__(connection, device, token)

    async def renew(self, ttl: float = LOCK_TTL) -> None:
        """Lets the lock live for `ttl` seconds from now."""
        await self.request("lock", {"ttl": ttl})

    async def unlock(self) -> None:
        """Ends the lock; does nothing if it has ended."""
        await self.request("unlock")


@asynccontextmanager
async def lock_device(
    connection: Requester, device: str | int, ttl: float, timeout: float | None
) -> AsyncGenerator[AsyncLockedDevice, None]:
    """Locks a device for the time of an `async with` block (see `AsyncConnection.lock`)."""
    asking = connection.request("lock", {"ttl": ttl}, device=device, timeout=timeout, retry=True)
    taking = asyncio.ensure_future(asking)
    try:
        # Whoever is cancelled while he waits may have the lock in the next moment.
        result = await asyncio.shield(taking)
    except asyncio.CancelledError:
        _unwanted.add(giving_back := asyncio.ensure_future(_give_back(connection, device, taking)))
        giving_back.add_done_callback(_unwanted.discard)
        raise
    locked = AsyncLockedDevice(connection, device, result["token"])
    try:
        yield locked
    finally:
        with suppress(PlcmqError):
            await locked.unlock()


_unwanted: Final[set[asyncio.Future[None]]] = set()  # locks that are given back; the loop alone keeps no task


async def _give_back(connection: Requester, device: str | int, taking: asyncio.Future[Any]) -> None:
    """Ends a lock that nobody wants any more, should it be granted."""
    with suppress(PlcmqError):
        await AsyncLockedDevice(connection, device, (await taking)["token"]).unlock()
