"""What a failed transaction means for the request that it belonged to.

Strategy: pure, and the only place that turns errors of the link into errors of the protocol. The rule is
protocol.md's: what was never sent was not executed; a write that was sent and not properly answered is
unknown, whatever else one might guess; a read changes nothing.
"""

from __future__ import annotations

from typing import Final

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..modbus.errors import BadReply, Down, ExceptionReply, LinkError, NoReply, TooLate
from ..model.devices import DeviceDefinition
from .errors import expired

EXCEPTION_NAMES: Final = {
    1: "illegal_function",
    2: "illegal_data_address",
    3: "illegal_data_value",
    4: "server_device_failure",
    5: "acknowledge",
    6: "server_device_busy",
    7: "negative_acknowledge",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_failed_to_respond",
}
"""Modbus Application Protocol V1.1b3, section 7; 7 is from older editions."""

REFUSED: Final = frozenset({1, 2, 3, 6, 10})
"""Exceptions after which nothing has been executed."""
RETRYABLE: Final = frozenset({6, 10})
GATEWAY_NO_ANSWER: Final = 11
LEAST_WAIT: Final = 0.1  # seconds: what `retry_after` says while a try is under way


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
    if not is_write:
        return failure(Code.TIMEOUT, f"{what}; nothing was changed")
    return failure(
        Code.OUTCOME_UNKNOWN, f"{what}; the write was sent, so look at the machine before repeating it"
    )


def _refused(device: DeviceDefinition, reply: ExceptionReply, *, is_write: bool) -> PlcmqError:
    code = reply.code
    name = EXCEPTION_NAMES.get(code, f"exception_{code}")
    unknown = is_write and code not in REFUSED
    return failure(
        Code.DEVICE_ERROR,
        f"{device.name}: the device refused function {reply.function}"
        f" with Modbus exception {code} ({name.replace('_', ' ')})",
        outcome=Outcome.UNKNOWN if unknown else Outcome.NOT_EXECUTED,
        retryable=code in RETRYABLE or (code == GATEWAY_NO_ANSWER and not is_write),
        details={"exception": code, "name": name, "function": reply.function},
    )
