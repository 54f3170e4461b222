"""What a running action asks of the worker, what it hears in return, and how it ends.

Strategy: plain data between the pure step engine, which decides, and the worker, which acts. Python code is
to the engine one more thing that the worker does: `Resume` lets it run on, and the answer says which step
it wants next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...client.protocol.errors import PlcmqError
from ..model.actions import Step
from ..model.tags import Value


@dataclass(frozen=True, slots=True)
class ReadTags:
    """Read these tags now; the answer is their values by name."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteTags:
    """Write these values in this order; the answer is None once all are confirmed."""

    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class SendPdu:
    """Send a PDU of one's own; the answer has the reply in `data`, as hexadecimal text like the request."""

    function: int
    data: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Come back after this time, or at once when the action is interrupted."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Resume:
    """Let the action's Python code run on until it wants a step or ends; the answer is what it `Said`.

    Attributes:
        told: what came of its last step, or the error to raise in it, wherever it is; None: nothing yet.
        seconds: how long it may take; then, or when the action is interrupted, the answer is `StillRunning`.
    """

    told: Mapping[str, Value] | PlcmqError | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The action is done; `result` has what its `read` steps read, or what its code returned."""

    result: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Failed:
    """The action has ended with an error, which carries the true outcome."""

    error: PlcmqError


Effect = ReadTags | WriteTags | SendPdu | Pause | Resume | Finished | Failed


@dataclass(frozen=True, slots=True)
class NextStep:
    """The code wants this step now."""

    step: Step


@dataclass(frozen=True, slots=True)
class AtEnd:
    """The code wants this step at the end, whatever happens until then."""

    step: Step


@dataclass(frozen=True, slots=True)
class Returned:
    """The code has ended."""

    result: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Raised:
    """The code has ended with an exception."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The code is not ready: it waits for something of its own, or works."""


Said = NextStep | AtEnd | Returned | Raised | StillRunning
Answer = Mapping[str, Value] | PlcmqError | Said | None
"""What came of an effect: the values of `ReadTags`, None for writes and pauses, what the code `Said`, or the
error that the effect raised."""
