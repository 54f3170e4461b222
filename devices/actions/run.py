"""The step engine: what a declared action does next.

Strategy: pure. An `ActionRun` is a script (a generator) that asks for one effect after the other: read these
tags, write those, pause. The worker carries it out and says what came of it; the script goes on. It knows
no clock (`now` comes in with every step) and no wire. How one step is done is in `steps`; what an error is
called, and which outcome it carries, is kept in the run's `RunOutcome`.

`finally` undoes what the steps may have done. It runs after success, and after a failure or a cancellation
unless surely nothing has been written: to write then would turn `not_executed` into a lie. It has its own
time, `FINALLY_TIME` beyond the caller's. It stops at its first error, which is told in `details.finally`
and never hides the error that came before.

The steps of a Python action come from its code, one by one: `Resume` lets it run on, and it says which step
it wants. A step that fails has failed the action; its error is raised in the code, and what the code still
asks for then (in a `finally` or `except` block) follows the rules above. Code that does not end by itself
when its time is up is left behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Mapping
from typing import Final

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..model.actions import Action, ArgRef, Check, ExpectChange, Operand, Pulse, Raw, Read, Step, Wait, Write
from ..model.plain import plain_text, sendable
from ..model.tags import Tag, Value
from .effects import (
    Answer,
    AtEnd,
    Effect,
    Failed,
    Finished,
    NextStep,
    Pause,
    Raised,
    ReadTags,
    Resume,
    Returned,
    SendPdu,
    WriteTags,
)
from .outcome import RunOutcome, StepFailed
from .steps import FINALLY_TIME, RESOLUTION, Effects, Performer

__all__ = [
    "FINALLY_TIME",
    "ActionRun",
    "Answer",
    "Effect",
    "Failed",
    "Finished",
    "Pause",
    "ReadTags",
    "Resume",
    "SendPdu",
    "WriteTags",
]

AT_END_SHARE: Final = 0.5
"""Share of FINALLY_TIME reserved for `at_end` steps after Python code has failed."""
PYTHON: Final = "python"  # the kind of step that an error names where code is at work between its steps

_Wanted = Generator[ReadTags | WriteTags | SendPdu | Pause | Resume, Answer, Mapping[str, Value] | PlcmqError]


class ActionRun:
    """One run of an action.

    Args:
        action: what to do.
        args: the caller's arguments, checked and with defaults filled in.
        deadline: when the caller's time is up, in the seconds of `now`.
        tags: the profile's tags, for enums, scaling, and pulses of tags that are no bool.
    """

    def __init__(
        self,
        action: Action,
        args: Mapping[str, Value],
        deadline: float,
        tags: Mapping[str, Tag] | None = None,
    ) -> None:
        self._action = action
        self._args = args
        self._outcome = RunOutcome(action.name)
        self._performer = Performer(self._outcome, args, deadline, {} if tags is None else tags)
        self._result: Mapping[str, object] = self._performer.result
        self._first: PlcmqError | None = None  # of the steps
        self._last: PlcmqError | None = None  # of `finally`
        self._at_end: list[Step] = []  # what the code wants done at the end
        self._noted: dict[str, Value] = {}  # what the code has read last, by tag
        self._last_limit: float | None = None  # when the time of `finally` is up; None before a failure
        self._script = self._whole()
        self._started = False
        self._end: Finished | Failed | None = None

    @property
    def limit(self) -> float:
        """Until when the present effect may take.

        Later than the deadline only in `finally`, and where a pulse that has begun must be ended.
        """
        return self._performer.limit

    @property
    def outcome(self) -> Outcome:
        """What has happened at the device so far."""
        return self._outcome.outcome

    @property
    def done(self) -> list[dict[str, Value]]:
        """What has been written so far, one `{tag: value}` for each value, in order."""
        return list(self._outcome.done)

    def step(self, now: float, answer: Answer = None) -> Effect:
        """What to do next.

        Args:
            now: the time, in seconds of any one clock.
            answer: what came of the last effect: for `ReadTags` the values by tag, for `Resume` what the
                code said, for the others None, or the error that it raised. A write's error must carry the
                true outcome, and may name in `details["written"]` the tags that were written nevertheless.

        Returns:
            An effect to carry out; after `Finished` or `Failed` there is no other.
        """
        self._performer.now = now
        if self._end is None:
            try:
                if self._started:
                    return self._script.send(answer)
                self._started = True
                return next(self._script)
            except StopIteration:
                error = self._outcome.final_error(self._first, self._last, self._result)
                self._end = Finished(self._result) if error is None else Failed(error)
        return self._end

    def interrupt(self, error: PlcmqError) -> None:
        """Makes the next `step` end the action: `finally` first, then `error` with the true outcome.

        A write under way is waited for, and so is the end of a pulse. In `finally` it changes nothing.
        """
        self._performer.interruption = error

    def _whole(self) -> Effects:
        try:
            self._check_args()
            if self._action.script is None:
                yield from self._performer.sequence(self._action.steps)
            else:
                yield from self._scripted()
        except StepFailed as failed:
            self._first = failed.error
        if self._first is not None and self._outcome.is_clean:
            return
        self._outcome.cleaning = True
        self._performer.limit = self._last_limit or self._beyond()
        try:
            yield from self._performer.sequence((*self._action.finally_, *reversed(self._at_end)))
        except StepFailed as failed:
            self._last = self._last or failed.error

    def _beyond(self) -> float:
        """The end of the time that `finally` has, if it begins now."""
        return max(self._performer.limit, self._performer.now) + FINALLY_TIME

    def _check_args(self) -> None:
        for operand in _operands((*self._action.steps, *self._action.finally_)):
            if isinstance(operand, ArgRef) and operand.name not in self._args:
                message = f"{self._action.name}: there is no argument {operand.name!r}, which a step uses"
                raise StepFailed(failure(Code.BAD_ARGS, message, details={"path": operand.name}))

    def _scripted(self) -> Effects:
        """Performs what the code asks for, until it ends."""
        told: Mapping[str, Value] | PlcmqError | None = None
        performer = self._performer
        self._outcome.next_step(PYTHON)
        performer.check_limits()
        self._outcome.index = 0
        while True:
            self._outcome.next_step(PYTHON)
            said = yield Resume(told, max(0.0, performer.limit - performer.now))
            told = None
            match said:
                case NextStep(step):
                    told = yield from self._wanted(step)
                case AtEnd(step):
                    self._outcome.index -= 1
                    self._at_end.append(step)
                    told = {}
                case Returned(result):
                    self._result = result
                    return
                case Raised(error):
                    self._raised(error)
                    return
                case _:  # it is busy
                    if self._outcome.cleaning and performer.limit - performer.now <= RESOLUTION:
                        return
                    told = self._overdue()

    def _wanted(self, step: Step) -> _Wanted:
        """Performs a step that the code wants; gives what it read, or the error to raise in the code."""
        if self._first is not None and self._outcome.is_clean:
            return self._first
        try:
            if isinstance(step, Write | Pulse):
                self._performer.before.update(self._noted)
            elif isinstance(step, ExpectChange):
                self._find_before(step.tag)
            yield from self._performer.perform(step)
        except StepFailed as failed:
            return self._failed(failed.error)
        if isinstance(step, ExpectChange):
            self._noted[step.tag] = self._performer.before[step.tag]
        if isinstance(step, Raw):
            return {"data": self._performer.result["data"]}
        if not isinstance(step, Read):
            return {}
        seen = {tag: self._performer.result[tag] for tag in step.tags}
        self._noted.update(seen)
        # The code may change what it gets; these lists are also in the replies and among the latest values.
        return {tag: [*value] if isinstance(value, list) else value for tag, value in seen.items()}

    def _find_before(self, tag: str) -> None:
        """Code cannot be looked through for what it will expect to change, so it must have read it before."""
        if tag in self._noted:
            self._performer.before.setdefault(tag, self._noted[tag])
        elif tag not in self._performer.before and not self._outcome.is_clean:
            why = f"nobody knows what {tag} was before the write: read it first, or write inside "
            raise self._outcome.failed(f"{why}`async with self.expect_change({tag!r})`")

    def _overdue(self) -> PlcmqError | None:
        """What to tell code that does something of its own: to stop, if it was interrupted or is late."""
        try:
            self._performer.check_limits()
        except StepFailed as failed:
            return self._failed(failed.error)
        self._outcome.index -= 1
        return None

    def _failed(self, error: PlcmqError) -> PlcmqError:
        """A step has failed: from now on the code cleans up."""
        if self._first is not None:
            self._last = self._last or error
            return error
        self._first = error
        self._outcome.cleaning = True
        self._outcome.index = 0
        self._last_limit = self._beyond()
        share = AT_END_SHARE if self._at_end else 0.0
        self._performer.limit = self._last_limit - FINALLY_TIME * share
        return error

    def _raised(self, error: BaseException) -> None:
        """The code ended with an exception: the failure of a step, or one of its own."""
        if error is self._first:
            return
        told = {"type": type(error).__name__, "message": plain_text(str(error))}
        if self._first is not None:
            if isinstance(error, Exception) and error is not self._last:
                details = {**self._first.details, "exception": told}
                self._first = self._outcome.restated(self._first, details)
            return
        why = ": ".join(part for part in told.values() if part)
        failed = self._outcome.failed(why, exception=told).error
        if isinstance(error, PlcmqError):
            with contextlib.suppress(TypeError):  # its details are whatever the code has put there
                failed.details["cause"] = sendable(error.to_map())
        self._first = failed


def _operands(steps: Iterable[Step]) -> Iterable[Operand]:
    for step in steps:
        match step:
            case Check(conditions):
                yield from conditions.values()
            case Raw(_, data):
                yield data
            case Write(values):
                yield from values.values()
            case Wait():
                yield from step.conditions.values()
                yield from step.fail_if.values()
