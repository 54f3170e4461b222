"""Actions: the steps of a declared command, and the code of a Python one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from .tags import Scalar, Value


@dataclass(frozen=True, slots=True)
class ArgRef:
    """`$name` in a step: the value of one of the action's arguments."""

    name: str


Operand = Value | ArgRef


@dataclass(frozen=True, slots=True)
class Check:
    """Goes on only if every tag has its value now."""

    conditions: Mapping[str, Operand]


@dataclass(frozen=True, slots=True)
class Write:
    """Writes the tags in the order given."""

    values: Mapping[str, Operand]


@dataclass(frozen=True, slots=True)
class Pulse:
    """Writes true, waits, writes false (1 and 0 for a tag that is no bool)."""

    tag: str
    duration: float = 0.2  # seconds; `for` in a site file


@dataclass(frozen=True, slots=True)
class Wait:
    """Polls until every tag has its value."""

    conditions: Mapping[str, Operand]
    timeout: float = 5.0  # seconds
    poll: float = 0.1  # seconds between two looks
    fail_if: Mapping[str, Operand] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """Reads tags; what is read becomes part of the action's result."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Waits."""

    duration: float  # seconds


@dataclass(frozen=True, slots=True)
class ExpectChange:
    """Waits until a tag (a sequence counter, say) differs from what it was before the first write."""

    tag: str
    timeout: float = 5.0  # seconds
    poll: float = 0.1  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Raw:
    """Sends a PDU of one's own; what comes back becomes `data` in the action's result."""

    function: int
    data: Operand = ""  # hexadecimal text


Step = Raw | Check | Write | Pulse | Wait | Read | Sleep | ExpectChange


class Conductor(Protocol):
    """What the code of a Python action asks for its steps."""

    async def perform(self, step: Step) -> Mapping[str, Value]:
        """Performs a step; what it read, by tag.

        Raises:
            PlcmqError: the step failed, and with it the action.
        """

    async def at_end(self, step: Step) -> None:
        """Has a step performed at the action's end, whatever happens until then."""


Script = Callable[[Conductor, Mapping[str, Value]], Coroutine[object, object, object]]
"""The code of a Python action, ready to run with its arguments; it returns the action's result."""


SPARE_TIME: Final = 5.0  # seconds that a caller waits beyond the waits, pulses and sleeps of an action


@dataclass(frozen=True, slots=True)
class Action:
    """A declared command: arguments, steps, and what to do at the end whatever happened.

    Attributes:
        script: Python code that asks for the steps one by one, instead of `steps`.
        timeout: seconds that a caller waits who does not say; None: it follows from the steps.
        urgent: whether it may start while another action of the device waits or sleeps.
        interrupts: whether it ends the action under way and passes locks: a stop.
        confirm: what a person is asked before it runs; False: nothing; None: left to whoever asks.
    """

    name: str
    args: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # JSON Schema by argument
    steps: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    description: str = ""
    script: Script | None = None
    timeout: float | None = None
    urgent: bool = False
    interrupts: bool = False
    confirm: str | bool | None = None

    @property
    def patience(self) -> float:
        """Seconds that a caller waits for it who does not say how long."""
        if self.timeout is not None:
            return self.timeout
        return sum(map(_duration, self.steps)) + SPARE_TIME


def _duration(step: Step) -> float:
    """Seconds that a step may take by itself."""
    match step:
        case Wait() | ExpectChange():
            return step.timeout
        case Pulse() | Sleep():
            return step.duration
    return 0.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A tag that is written over and over, so that the device knows its owner to be alive.

    Attributes:
        tag: which.
        every: seconds between two writes.
        values: what is written, one after the other, over and over.
        count: whether it is a number that grows by 1, up to the type's end, instead of `values`.
    """

    tag: str
    every: float
    values: tuple[Scalar, ...] = ()
    count: bool = False
