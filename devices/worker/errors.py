"""The errors that a worker gives by itself, without having asked the device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ...client.protocol.errors import Code, PlcmqError, failure

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
    return failure(Code.TIMEOUT, f"{device}: no answer within the request's time")


def cancelled(device: str) -> PlcmqError:
    """The caller took the request back."""
    return failure(Code.CANCELLED, f"{device}: cancelled by its caller")


def leaving(device: str) -> PlcmqError:
    """The worker ends: its device is redefined, removed or handed over, or its host stops."""
    message = f"{device} is being redefined or handed over; try again in a moment"
    return failure(Code.SHUTTING_DOWN, message, details={"retry_after": RETRY_AFTER_BUSY})


def not_allowed(device: str, what: str, functions: Iterable[int], path: str) -> PlcmqError:
    """It takes a function code that the device does not have, by its settings (`link.functions`)."""
    needed = " or ".join(str(function) for function in functions)
    message = f"{device}: {what} needs function code {needed}, which its `link.functions` do not have"
    return failure(Code.BAD_ARGS, message, details={"path": f"rqargs.{path}"})


def fault(device: str, action: str, reference: str) -> PlcmqError:
    """A fault of our own; `reference` is where the log tells more."""
    message = f"{device}: a fault inside plcmq while carrying out {action!r}; see its log"
    return failure(Code.INTERNAL, message, details={"reference": reference})
