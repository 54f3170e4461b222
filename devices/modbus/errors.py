"""What can go wrong with one transaction, told apart by what it means for the device.

Strategy: the caller needs two facts: whether anything left this machine, and whether the device answered.

    LinkError
    ├── NotSent        nothing left; it may be sent again
    │   ├── Down       and nothing will for a while: `retry_after`
    │   └── TooLate    and nothing may any more: the caller's time was up
    ├── NoReply        sent, and no answer came; a write may have been executed
    └── BadReply       sent, and the answer is not one; a write may have been executed
    ExceptionReply     no fault of the link: the device refused, and says why
"""

from __future__ import annotations

from enum import IntEnum


class ExceptionCode(IntEnum):
    """Why a device refuses (Modbus Application Protocol V1.1b3, section 7; 7 is from older editions)."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_DATA_ADDRESS = 2
    ILLEGAL_DATA_VALUE = 3
    SERVER_DEVICE_FAILURE = 4
    ACKNOWLEDGE = 5  # accepted, and still at work on it
    SERVER_DEVICE_BUSY = 6  # nothing was executed: the same request may be sent again
    NEGATIVE_ACKNOWLEDGE = 7
    MEMORY_PARITY_ERROR = 8
    GATEWAY_PATH_UNAVAILABLE = 10
    GATEWAY_TARGET_FAILED_TO_RESPOND = 11


def exception_name(code: int) -> str:
    """The specification's name of an exception code; `exception_99` where it has none."""
    try:
        return ExceptionCode(code).name.lower()
    except ValueError:
        return f"exception_{code}"


class LinkError(Exception):
    """A transaction failed on its way.

    Attributes:
        reason: what happened, for people, without the device's name.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(LinkError):
    """Nothing was sent, so nothing was executed."""


class Down(NotSent):
    """The device is known not to answer, so nothing was tried.

    Attributes:
        retry_after: seconds until the channel itself tries again; 0 while it does.
    """

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TooLate(NotSent):
    """The caller's time was up before anything could be sent."""

    def __init__(self) -> None:
        super().__init__("the time was up before anything could be sent")


class NoReply(LinkError):
    """The request was sent and no answer came.

    Attributes:
        timed_out: whether the time passed; otherwise the connection was lost first.
    """

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class BadReply(LinkError):
    """An answer to this very request came, and it does not fit the request.

    Attributes:
        hint: which setting may help, for people.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint or "`plcmq doctor` tries what the device understands"


class ExceptionReply(Exception):
    """The device answered with a Modbus exception.

    Attributes:
        function: function code of the request.
        code: exception code (Modbus Application Protocol V1.1b3, section 7).
    """

    def __init__(self, function: int, code: int) -> None:
        super().__init__(f"Modbus exception {code} to function {function}")
        self.function = function
        self.code = code
