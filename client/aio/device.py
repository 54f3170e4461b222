"""One device, seen through an asyncio connection that others share.

Strategy: a view, not a copy: it adds the device to every request and holds nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol

from ..core import calls
from ..core.retry import Retry
from ..core.subscription import WATCH_TTL, WatchEvent


class Requester(Protocol):
    """What a `BoundDevice` needs of a connection."""

    async def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        key: str | None = None,
        token: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks a device for an action, and returns its result."""
        ...

    def watch(
        self,
        device: str | int,
        tags: str | Sequence[str],
        *,
        interval: float | None = None,
        deadband: Mapping[str, float] | None = None,
        ttl: float = WATCH_TTL,
    ) -> AsyncGenerator[WatchEvent, None]:
        """The values of tags, and then what changes."""
        ...


class BoundDevice:
    """One device, seen through a connection that others share. Closing is the connection's business."""

    def __init__(self, connection: Requester, device: str | int, token: str | None = None) -> None:
        """`token`: of the lock that the connection holds on the device."""
        self.connection = connection
        self.device = device
        self.token = token

    def __repr__(self) -> str:
        return f"<BoundDevice {self.device!r} of {self.connection!r}>"

    async def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        key: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks this device for an action, as `AsyncConnection.request`."""
        return await self.connection.request(
            action, rqargs, device=self.device, timeout=timeout, key=key, token=self.token, retry=retry
        )

    async def read(self, *tags: str, max_age: float | None = None) -> Any:
        """The value of one tag, or a map of several, as `AsyncConnection.read`."""
        return calls.read_result(tags, await self.request("read", calls.read_args(tags, max_age)))

    async def write(self, values: Mapping[str, Any], verify: bool | None = None) -> None:
        """Writes tags, as `AsyncConnection.write`."""
        await self.request("write", calls.write_args(values, verify))

    def watch(
        self,
        tags: str | Sequence[str],
        *,
        interval: float | None = None,
        deadband: Mapping[str, float] | None = None,
        ttl: float = WATCH_TTL,
    ) -> AsyncGenerator[WatchEvent, None]:
        """The values of tags, and then what changes, as `AsyncConnection.watch`."""
        return self.connection.watch(self.device, tags, interval=interval, deadband=deadband, ttl=ttl)

    async def describe(self) -> Any:
        """What the device can do."""
        return await self.request("describe")

    async def status(self) -> Any:
        """How the device is."""
        return await self.request("status")
