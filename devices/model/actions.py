"""Actions: the steps of a declared command, and the code of a Python one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .tags import Value


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


Step = Check | Write | Pulse | Wait | Read | Sleep | ExpectChange


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


@dataclass(frozen=True, slots=True)
class Action:
    """A declared command: arguments, steps, and what to do at the end whatever happened.

    Attributes:
        script: Python code that asks for the steps one by one, instead of `steps`.
    """

    name: str
    args: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # JSON Schema by argument
    steps: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    description: str = ""
    script: Script | None = None
