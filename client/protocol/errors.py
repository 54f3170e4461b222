"""Every error that plcmq reports, as one table and one tree.

Strategy: the table `MEANINGS` is the error table of the protocol, and the only place that knows it.
Broker, hosts, clients and the HTTP mapping all read it. The tree has one branch for each thing that a
caller can do about an error:

    PlcmqError
    ├── Rejected            change the request; as it stands it will never succeed
    ├── Unavailable         try again later; `retry_after` may say when
    │   └── BrokerUnreachable   no broker answered where the client tried
    ├── Failed              the device was asked and it went wrong; look at `details`
    └── OutcomeUnknown      look at the machine before doing anything; never repeat blindly
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What happened at the device."""

    NOT_EXECUTED = "not_executed"
    EXECUTED = "executed"
    UNKNOWN = "unknown"


class Code(StrEnum):
    """The error codes of protocol version 1."""

    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    FORBIDDEN = "forbidden"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_ACTION = "unknown_action"
    UNKNOWN_TAG = "unknown_tag"
    BAD_ARGS = "bad_args"
    KEY_CONFLICT = "key_conflict"
    IN_PROGRESS = "in_progress"
    BUSY = "busy"
    EXPIRED = "expired"
    DEVICE_DOWN = "device_down"
    NO_HOST = "no_host"
    SHUTTING_DOWN = "shutting_down"
    DEVICE_ERROR = "device_error"
    LOCKED = "locked"
    ACTION_FAILED = "action_failed"
    VERIFY_FAILED = "verify_failed"
    TIMEOUT = "timeout"
    BAD_REPLY = "bad_reply"
    OUTCOME_UNKNOWN = "outcome_unknown"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class PlcmqError(Exception):
    """Base of all errors that plcmq reports.

    Attributes:
        code: what went wrong.
        message: one sentence for people: what happened, and what to do where that is known.
        outcome: what happened at the device.
        retryable: whether the same request may succeed later, and may be sent again safely.
        details: facts by name, such as `retry_after` in seconds; see the protocol.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        meaning = MEANINGS[code]
        super().__init__(message)
        self.code = code
        self.message = message
        self.outcome = meaning.outcome if outcome is None else outcome
        self.retryable = meaning.retryable if retryable is None else retryable
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        return PlcmqError.from_map, (self.to_map(),)

    @property
    def http_status(self) -> int:
        """The HTTP status that tells this error best."""
        return MEANINGS[self.code].http

    @property
    def retry_after(self) -> float | None:
        """Seconds until a new attempt is worth while, where that is known."""
        after = self.details.get("retry_after")
        return float(after) if isinstance(after, int | float) else None

    def to_map(self) -> dict[str, Any]:
        """The error as the map that goes into a reply."""
        error: dict[str, Any] = {
            "code": str(self.code),
            "message": self.message,
            "outcome": str(self.outcome),
            "retryable": self.retryable,
        }
        if self.details:
            error["details"] = self.details
        return error

    @classmethod
    def from_map(cls, error: Mapping[str, Any]) -> PlcmqError:
        """The typed error for a reply's `error` map. A code unknown to this version becomes `internal`."""
        try:
            code, outcome = Code(error["code"]), Outcome(error["outcome"])
        except (KeyError, ValueError):
            code, outcome = Code.INTERNAL, Outcome.UNKNOWN
        details = error.get("details")
        return failure(
            code,
            str(error.get("message", "")),
            outcome=outcome,
            retryable=bool(error.get("retryable", MEANINGS[code].retryable)),
            details=details if isinstance(details, Mapping) else None,
        )


class Rejected(PlcmqError):
    """The request cannot succeed as it stands: change it."""


class Unavailable(PlcmqError):
    """Not possible now; the same request may succeed later."""


class Failed(PlcmqError):
    """The device was asked, and what it did is known: `outcome` and `details` tell."""


class OutcomeUnknown(PlcmqError):
    """Nobody can say whether the device did it. Look before acting; do not repeat blindly."""


class BrokerUnreachable(Unavailable):
    """No broker answered within the connect timeout.

    Attributes:
        endpoint: where the client tried.
    """

    def __init__(self, endpoint: str, waited: float) -> None:
        super().__init__(
            Code.NO_HOST,
            f"no plcmq broker answered at {endpoint} within {waited:g} s; "
            "is `plcmq serve` running there, and is this its client address?",
        )
        self.endpoint = endpoint
        self.waited = waited

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.endpoint, self.waited)


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of the protocol's error table."""

    outcome: Outcome
    retryable: bool
    http: int
    kind: type[PlcmqError]


_NOT, _DONE, _UNKNOWN = Outcome.NOT_EXECUTED, Outcome.EXECUTED, Outcome.UNKNOWN

MEANINGS: Mapping[Code, Meaning] = {
    Code.BAD_REQUEST: Meaning(_NOT, False, 400, Rejected),
    Code.TOO_LARGE: Meaning(_NOT, False, 413, Rejected),
    Code.FORBIDDEN: Meaning(_NOT, False, 403, Rejected),
    Code.UNKNOWN_DEVICE: Meaning(_NOT, False, 404, Rejected),
    Code.UNKNOWN_ACTION: Meaning(_NOT, False, 404, Rejected),
    Code.UNKNOWN_TAG: Meaning(_NOT, False, 404, Rejected),
    Code.BAD_ARGS: Meaning(_NOT, False, 422, Rejected),
    Code.KEY_CONFLICT: Meaning(_NOT, False, 409, Rejected),
    Code.IN_PROGRESS: Meaning(_UNKNOWN, True, 409, Unavailable),
    Code.BUSY: Meaning(_NOT, True, 429, Unavailable),
    Code.EXPIRED: Meaning(_NOT, True, 504, Unavailable),
    Code.DEVICE_DOWN: Meaning(_NOT, True, 503, Unavailable),
    Code.NO_HOST: Meaning(_NOT, True, 503, Unavailable),
    Code.SHUTTING_DOWN: Meaning(_NOT, True, 503, Unavailable),
    Code.DEVICE_ERROR: Meaning(_NOT, False, 502, Failed),
    Code.LOCKED: Meaning(_NOT, True, 423, Unavailable),
    Code.ACTION_FAILED: Meaning(_DONE, False, 502, Failed),
    Code.VERIFY_FAILED: Meaning(_DONE, False, 502, Failed),
    Code.TIMEOUT: Meaning(_NOT, True, 504, Unavailable),
    Code.BAD_REPLY: Meaning(_NOT, False, 502, Failed),
    Code.OUTCOME_UNKNOWN: Meaning(_UNKNOWN, False, 504, OutcomeUnknown),
    Code.CANCELLED: Meaning(_NOT, False, 409, Failed),
    Code.INTERNAL: Meaning(_UNKNOWN, False, 500, OutcomeUnknown),
}


def failure(
    code: Code,
    message: str,
    *,
    outcome: Outcome | None = None,
    retryable: bool | None = None,
    details: Mapping[str, Any] | None = None,
) -> PlcmqError:
    """The error of the right class: whatever leaves the outcome unknown for good is `OutcomeUnknown`."""
    meaning = MEANINGS[code]
    outcome = meaning.outcome if outcome is None else outcome
    retryable = meaning.retryable if retryable is None else retryable
    kind = meaning.kind
    if outcome is Outcome.UNKNOWN and not retryable:
        kind = OutcomeUnknown
    elif kind is OutcomeUnknown:
        kind = Failed
    return kind(code, message, outcome=outcome, retryable=retryable, details=details)
