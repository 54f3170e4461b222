"""The errors of a worker: those it gives by itself, and what a failed transaction means for its request.

Strategy: pure, and the only place that turns errors of the link into errors of the protocol. The rule is:
what was never sent was not executed; a write that was sent and not properly answered is unknown, whatever
else one might guess; a read changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..modbus.errors import (
    BadReply,
    Down,
    ExceptionCode,
    ExceptionReply,
    LinkError,
    NoReply,
    TooLate,
    exception_name,
)
from ..model.devices import DeviceDefinition
from ..model.tags import Value

RETRY_AFTER_BUSY: Final = 0.5  # seconds
LEAST_WAIT: Final = 0.1  # seconds: what `retry_after` says while a try is under way
REFUSED: Final = frozenset(
    {
        ExceptionCode.ILLEGAL_FUNCTION,
        ExceptionCode.ILLEGAL_DATA_ADDRESS,
        ExceptionCode.ILLEGAL_DATA_VALUE,
        ExceptionCode.SERVER_DEVICE_BUSY,
        ExceptionCode.GATEWAY_PATH_UNAVAILABLE,
    }
)
"""Exceptions after which nothing has been executed."""
RETRYABLE: Final = frozenset({ExceptionCode.SERVER_DEVICE_BUSY, ExceptionCode.GATEWAY_PATH_UNAVAILABLE})


def busy(device: str, what: str, limit: int) -> PlcmqError:
    """The queue is full."""
    message = f"{device}: {limit} {what} wait already; try again in {RETRY_AFTER_BUSY:g} s"
    return failure(Code.BUSY, message, details={"retry_after": RETRY_AFTER_BUSY, "limit": limit})


def runs_left_behind(device: str, action: str, runs: int) -> PlcmqError:
    """Code of an action blocks: each run of it costs a thread for as long as it does."""
    message = f"{device}: {runs} earlier runs of `{action}` have not ended; its code waits for something"
    return failure(Code.BUSY, message, details={"retry_after": RETRY_AFTER_BUSY, "left_behind": runs})


def expired(device: str) -> PlcmqError:
    """The caller's time was up before the request reached the device."""
    return failure(Code.EXPIRED, f"{device}: the request's time was up before it reached the device")


def no_answer(device: str, values: Mapping[str, Value] | None = None) -> PlcmqError:
    """The caller's time was up while the device was being read; `values` are what had come by then."""
    if not values:
        return failure(Code.TIMEOUT, f"{device}: no answer within the request's time")
    message = f"{device}: the request's time was up when {len(values)} of its tags had been read"
    return failure(Code.TIMEOUT, message, details={"values": dict(values)})


def cancelled(device: str) -> PlcmqError:
    """The caller took the request back."""
    return failure(Code.CANCELLED, f"{device}: cancelled by its caller")


def interrupted(device: str, action: str) -> PlcmqError:
    """Another command ended this one: a stop."""
    return failure(Code.CANCELLED, f"{device}: ended by `{action}`")


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


def as_error(device: DeviceDefinition, error: LinkError | ExceptionReply, *, is_write: bool) -> PlcmqError:
    """The protocol's error for what happened to one transaction with this device.

    Args:
        device: for its name and endpoint.
        error: what `transact`, or waiting for a turn, raised.
        is_write: whether the transaction was to change something.
    """
    if isinstance(error, ExceptionReply):
        return _refused(device, error, is_write=is_write)
    if isinstance(error, Down):
        after = max(LEAST_WAIT, round(error.retry_after, 3))
        return failure(
            Code.DEVICE_DOWN,
            f"{device.name}: {error.reason}; {_next_try(error.retry_after)}",
            details={"retry_after": after},
        )
    if isinstance(error, TooLate):
        return expired(device.name)
    if isinstance(error, NoReply | BadReply):
        return _unanswered(device, error, is_write=is_write)
    return failure(
        Code.DEVICE_DOWN,
        f"{device.name}: nothing was sent to {device.endpoint}: {error.reason}",
        details={"retry_after": LEAST_WAIT},
    )


def _next_try(seconds: float) -> str:
    if seconds < LEAST_WAIT:
        return "trying again now"
    return f"next try in {seconds:.0f} s" if seconds >= 1 else f"next try in {seconds:.1f} s"


def _unanswered(device: DeviceDefinition, error: NoReply | BadReply, *, is_write: bool) -> PlcmqError:
    if isinstance(error, BadReply):
        what = f"{device.name}: the answer from {device.endpoint} does not fit: {error.reason}"
    elif error.timed_out:
        what = f"{device.name}: {error.reason} from {device.endpoint}"
    else:
        what = f"{device.name}: no answer from {device.endpoint}: {error.reason}"
    if isinstance(error, BadReply) and not is_write:
        details = {"reason": error.reason, "hint": error.hint}
        return failure(Code.BAD_REPLY, f"{what}; {error.hint}", details=details)
    if not is_write:
        return failure(Code.TIMEOUT, f"{what}; nothing was changed")
    return failure(
        Code.OUTCOME_UNKNOWN, f"{what}; the write was sent, so look at the machine before repeating it"
    )


def _refused(device: DeviceDefinition, reply: ExceptionReply, *, is_write: bool) -> PlcmqError:
    code = reply.code
    name = exception_name(code)
    unknown = is_write and code not in REFUSED
    return failure(
        Code.DEVICE_ERROR,
        f"{device.name}: the device refused function {reply.function}"
        f" with Modbus exception {code} ({name.replace('_', ' ')})",
        outcome=Outcome.UNKNOWN if unknown else Outcome.NOT_EXECUTED,
        retryable=code in RETRYABLE
        or (code == ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND and not is_write),
        details={"exception": code, "name": name, "function": reply.function} | _hint(reply),
    )


def _hint(reply: ExceptionReply) -> dict[str, str]:
    """Which setting may help, for the details of an error."""
    match reply.code:
        case ExceptionCode.ILLEGAL_FUNCTION:
            return {"hint": f"leave {reply.function} out of `link.functions` if the device lacks it"}
        case ExceptionCode.ILLEGAL_DATA_VALUE:
            return {"hint": "set `link.max_registers` lower if the device takes fewer at once"}
    return {}
