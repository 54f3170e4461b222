"""The errors that a worker gives by itself, without having asked the device."""

from __future__ import annotations

from typing import Final

from ..client.errors import Code, PlcmqError, failure

RETRY_AFTER_BUSY: Final = 0.5  # seconds


def busy(device: str, what: str, limit: int) -> PlcmqError:
    """The queue is full."""
    message = f"{device}: {limit} {what} wait already; try again in {RETRY_AFTER_BUSY:g} s"
    return failure(Code.BUSY, message, details={"retry_after": RETRY_AFTER_BUSY, "limit": limit})


def expired(device: str) -> PlcmqError:
    """The caller's time was up before the request reached the device."""
    return failure(Code.EXPIRED, f"{device}: the request's time was up before it reached the device")


def no_answer(device: str) -> PlcmqError:
    """The caller's time was up while the device was being read."""
    return failure(Code.TIMEOUT, f"{device}: no answer within the request's time; nothing was changed")


def cancelled(device: str) -> PlcmqError:
    """The caller took the request back before anything was done."""
    return failure(Code.CANCELLED, f"{device}: cancelled by its caller before it reached the device")


def leaving(device: str) -> PlcmqError:
    """The worker ends: its device is redefined, removed or handed over, or its host stops."""
    message = f"{device} is being redefined or handed over; try again in a moment"
    return failure(Code.SHUTTING_DOWN, message, details={"retry_after": RETRY_AFTER_BUSY})
