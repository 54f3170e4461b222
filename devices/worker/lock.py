"""A device's lock: one client's sequence of commands, undisturbed by others.

Strategy: pure bookkeeping. Whoever shows the token is the holder, on whatever connection. The lock dies with
its time. A token whose lock has ended does not admit any more, also while nobody else holds one: its holder
counts on having been alone, and that is no longer so.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ...client.protocol.errors import Code, PlcmqError, failure
from .errors import RETRY_AFTER_BUSY


def random_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_hex(16)


class DeviceLock:
    """The lock of one device; free at first. Times are monotonic seconds.

    Attributes:
        device: its name, for messages.
    """

    def __init__(self, device: str, new_token: Callable[[], str] = random_token) -> None:
        self.device = device
        self._new_token = new_token
        self._token: str | None = None
        self._ends = 0.0

    def take(self, token: str | None, ttl: float, now: float) -> str:
        """Locks the device for `ttl` seconds; with the token of the lock that is held, renews it.

        Returns:
            The token.

        Raises:
            PlcmqError: `locked`: another token's lock is held, or the lock of this one has ended.
        """
        self.admit(token, now)
        self._token = token or self._new_token()
        self._ends = now + ttl
        return self._token

    def admit(self, token: str | None, now: float) -> None:
        """Lets a command pass that shows the token of the lock, or that shows none while the device is free.

        Raises:
            PlcmqError: `locked`.
        """
        left = self.left(now)
        if left is None:
            if token is not None:
                raise self._ended()
        elif token != self._token:
            raise self._held(left)

    def release(self, token: str | None, now: float) -> None:
        """Ends the lock of this token; does nothing where no lock is held any more.

        Raises:
            PlcmqError: `locked`: another token's lock is held.
        """
        left = self.left(now)
        if left is not None and token != self._token:
            raise self._held(left)
        self.end()

    def end(self) -> None:
        """Ends the lock, whoever holds it."""
        self._token = None

    def left(self, now: float) -> float | None:
        """Seconds that the lock will still be held; None while the device is free."""
        if self._token is None or self._ends <= now:
            return None
        return self._ends - now

    def _held(self, left: float) -> PlcmqError:
        message = f"{self.device} is locked by another client, for {left:.1f} s at most"
        return self._refusal(message, {"retry_after": round(min(left, RETRY_AFTER_BUSY), 3), "left": left})

    def _ended(self) -> PlcmqError:
        message = (
            f"{self.device}: the lock of this token has ended (its time was up, it was unlocked, or its "
            "device host let go of the device), so others may have worked here; lock the device again"
        )
        return self._refusal(message, {"retry_after": RETRY_AFTER_BUSY, "left": 0.0})

    @staticmethod
    def _refusal(message: str, details: dict[str, Any]) -> PlcmqError:
        return failure(Code.LOCKED, message, details=details)
