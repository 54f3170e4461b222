"""The errors that the broker gives by itself, without a host's word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...client.protocol.errors import Code, PlcmqError, failure

RETRY_AFTER: Final = 0.5  # seconds
RETRY_AFTER_SHUTDOWN: Final = 2.0  # seconds


def unknown_action(action: str, known: Iterable[str]) -> PlcmqError:
    """The broker itself has no such action."""
    message = (
        f"the broker has no action {action!r}; it has {', '.join(known)}. "
        "An action of a device needs the field `device`"
    )
    return failure(Code.UNKNOWN_ACTION, message, details={"action": action})


def busy(pending: int, share: int) -> PlcmqError:
    """Too many requests are on their way: of all clients, and of this one with its share of what is free."""
    message = f"{pending} requests are on their way, and one client may have {share} of its own by now"
    return failure(Code.BUSY, message, details={"retry_after": RETRY_AFTER, "limit": share})


def shutting_down() -> PlcmqError:
    """The broker is draining."""
    details = {"retry_after": RETRY_AFTER_SHUTDOWN}
    return failure(Code.SHUTTING_DOWN, "the broker is shutting down", details=details)


def no_host(device: str) -> PlcmqError:
    """No host serves the device."""
    message = f"no device host serves {device} now; is `plcmq host` running?"
    return failure(Code.NO_HOST, message, details={"retry_after": RETRY_AFTER})


def host_lost(device: str, *, is_read: bool) -> PlcmqError:
    """The host was lost while it had the request."""
    if is_read:
        message = f"the device host of {device} was lost before it answered; nothing was changed"
        return failure(Code.NO_HOST, message, details={"retry_after": RETRY_AFTER})
    message = f"the device host of {device} was lost with this command in hand; look at the machine"
    return failure(Code.OUTCOME_UNKNOWN, message)


def host_silent(device: str, *, is_read: bool) -> PlcmqError:
    """The host has not answered in time."""
    if is_read:
        return failure(Code.TIMEOUT, f"the device host of {device} did not answer in time")
    message = f"the device host of {device} did not tell in time what became of this command"
    return failure(Code.OUTCOME_UNKNOWN, message)


def in_progress() -> PlcmqError:
    """The same command, with the same key, is still under way."""
    message = "the first request with this key is still under way; ask again with the key for its reply"
    return failure(Code.IN_PROGRESS, message, details={"retry_after": RETRY_AFTER})


def expired(device: str) -> PlcmqError:
    """The caller's time was up before the request could go to its host."""
    return failure(Code.EXPIRED, f"{device}: the request's time was up before it reached the device")


def cancelled() -> PlcmqError:
    """The caller took the request back before a host had it."""
    return failure(Code.CANCELLED, "cancelled by its caller before it reached a device host")
