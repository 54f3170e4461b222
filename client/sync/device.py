"""A device that a blocking connection has locked: its commands go undisturbed by others'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..core import calls
from ..core.calls import LOCK_TTL
from ..core.retry import Retry


class BlockingRequester(Protocol):
    """What a `LockedDevice` needs of a connection."""

    def request(
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


class LockedDevice:
    """A device that a blocking connection has locked. Make one with `Connection.lock`.

    Attributes:
        token: what shows that the lock is ours; another connection may use it.
    """

    def __init__(self, connection: BlockingRequester, device: str | int, token: str) -> None:
        self._connection = connection
        self._device = device
        self.token = token

    def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        key: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks this device for an action, as `Connection.request`.

        Raises:
            PlcmqError: `locked`, if the lock has ended meanwhile.
        """
        return self._connection.request(
            action, rqargs, device=self._device, timeout=timeout, key=key, token=self.token, retry=retry
        )

    def read(self, *tags: str, max_age: float | None = None) -> Any:
        """The value of one tag, or a map of several, as `Connection.read`."""
        return calls.read_result(tags, self.request("read", calls.read_args(tags, max_age)))

    def write(self, values: Mapping[str, Any], verify: bool | None = None) -> None:
        """Writes tags, as `Connection.write`."""
        self.request("write", calls.write_args(values, verify))

    def renew(self, ttl: float = LOCK_TTL) -> None:
        """Lets the lock live for `ttl` seconds from now."""
        self.request("lock", {"ttl": ttl})

    def unlock(self) -> None:
        """Ends the lock; does nothing if it has ended."""
        self.request("unlock")
