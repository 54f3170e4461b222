"""The step engine: what a declared action does next.

Strategy: pure. An `ActionRun` is a script (a generator) that asks for one effect after the other: read these
tags, write those, pause. The worker carries it out and says what came of it; the script goes on. It knows
no clock (`now` comes in with every step) and no wire. What an error is called, and which outcome it carries,
is kept in its `Account`.

`finally` undoes what the steps may have done. It runs after success, and after a failure or a cancellation
unless surely nothing has been written: to write then would turn `not_executed` into a lie. It has its own
time, `FINALLY_TIME` beyond the caller's. It stops at its first error, which is told in `details.finally`
and never hides the error that came before.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Final

from ..client.errors import Code, Outcome, PlcmqError, failure
from .account import Account, StepFailed, Unmet
from .effects import Answer, Broken, Effect, Finished, Pause, ReadTags, WriteTags
from .matching import matches
from .model import (
    Action,
    ArgRef,
    Check,
    ExpectChange,
    Operand,
    Pulse,
    Read,
    Sleep,
    Step,
    Tag,
    Type,
    Value,
    Wait,
    Write,
)

__all__ = [
    "FINALLY_TIME",
    "ActionRun",
    "Answer",
    "Broken",
    "Effect",
    "Finished",
    "Pause",
    "ReadTags",
    "WriteTags",
]

FINALLY_TIME: Final = 1.0  # seconds that `finally` has beyond the caller's deadline
_RESOLUTION: Final = 1e-6  # seconds; what is nearer than this is now

_Script = Generator[ReadTags | WriteTags | Pause, Answer, None]

_KINDS: Final[dict[type[Step], str]] = {
    Check: "check",
    Write: "write",
    Pulse: "pulse",
    Wait: "wait",
    Read: "read",
    Sleep: "sleep",
    ExpectChange: "expect_change",
}


class ActionRun:
    """One run of an action.

    Args:
        action: what to do.
        args: the caller's arguments, checked and with defaults filled in.
        deadline: when the caller's time is up, in the seconds of `now`.
        tags: the profile's tags, for enums, scaling, and pulses of tags that are no bool.

    Attributes:
        limit: until when the present effect may take; later than `deadline` only in `finally`, and where a
            pulse that has begun must be ended.
    """

    def __init__(
        self,
        action: Action,
        args: Mapping[str, Value],
        deadline: float,
        tags: Mapping[str, Tag] | None = None,
    ) -> None:
        self.limit = deadline
        self._action = action
        self._args = args
        self._tags: Mapping[str, Tag] = {} if tags is None else tags
        self._account = Account(action.name)
        self._result: dict[str, Value] = {}
        self._before: dict[str, Value] = {}  # tags that shall change, as they were before the first write
        self._now = 0.0
        self._interruption: PlcmqError | None = None
        self._first: PlcmqError | None = None  # of the steps
        self._last: PlcmqError | None = None  # of `finally`
        self._script = self._whole()
        self._started = False
        self._end: Finished | Broken | None = None

    @property
    def outcome(self) -> Outcome:
        """What has happened at the device so far."""
        return self._account.outcome

    @property
    def done(self) -> list[dict[str, Value]]:
        """What has been written so far, one `{tag: value}` for each value, in order."""
        return list(self._account.done)

    def step(self, now: float, answer: Answer = None) -> Effect:
        """What to do next.

        Args:
            now: the time, in seconds of any one clock.
            answer: what came of the last effect: for `ReadTags` the values by tag, for the others None, or
                the error that it raised. A write's error must carry the true outcome, and may name in
                `details["written"]` the tags that were written nevertheless.

        Returns:
            An effect to carry out; after `Finished` or `Broken` there is no other.
        """
        self._now = now
        if self._end is None:
            try:
                if self._started:
                    return self._script.send(answer)
                self._started = True
                return next(self._script)
            except StopIteration:
                error = self._account.ending(self._first, self._last, self._result)
                self._end = Finished(self._result) if error is None else Broken(error)
        return self._end

    def interrupt(self, error: PlcmqError) -> None:
        """Makes the next `step` end the action: `finally` first, then `error` with the true outcome.

        A write under way is waited for, and so is the end of a pulse. In `finally` it changes nothing.
        """
        self._interruption = error

    # --- the whole ----------------------------------------------------------------------------------

    def _whole(self) -> _Script:
        try:
            self._check_args()
            yield from self._sequence(self._action.steps)
        except StepFailed as failed:
            self._first = failed.error
        if self._first is not None and self._account.is_clean:
            return
        self._account.cleaning = True
        self.limit = max(self.limit, self._now) + FINALLY_TIME
        try:
            yield from self._sequence(self._action.finally_)
        except StepFailed as failed:
            self._last = failed.error

    def _check_args(self) -> None:
        for operand in _operands((*self._action.steps, *self._action.finally_)):
            if isinstance(operand, ArgRef) and operand.name not in self._args:
                message = f"{self._action.name}: there is no argument {operand.name!r}, which a step uses"
                raise StepFailed(failure(Code.BAD_ARGS, message, details={"path": operand.name}))

    def _sequence(self, steps: tuple[Step, ...]) -> _Script:
        to_change = tuple(dict.fromkeys(step.tag for step in steps if isinstance(step, ExpectChange)))
        for index, step in enumerate(steps, 1):
            self._account.index, self._account.kind = index, _KINDS[type(step)]
            self._account.unmet = None
            if to_change and isinstance(step, Write | Pulse):
                yield from self._read(to_change, self._before)
                to_change = ()
            yield from self._perform(step)
            self._stop_if_interrupted()

    def _perform(self, step: Step) -> _Script:
        self._go_on()
        match step:
            case Check(conditions):
                yield from self._check(conditions)
            case Write(values):
                yield from self._write({tag: self._value(operand) for tag, operand in values.items()})
            case Pulse(tag, duration):
                yield from self._pulse(tag, duration)
            case Wait():
                yield from self._wait(step)
            case Read(tags):
                yield from self._read(tags, self._result)
            case Sleep(duration):
                yield from self._pause_until(self._now + duration)
            case ExpectChange():
                yield from self._expect_change(step)

    # --- the steps ----------------------------------------------------------------------------------

    def _check(self, conditions: Mapping[str, Operand]) -> _Script:
        seen: dict[str, Value] = {}
        yield from self._read(tuple(conditions), seen)
        unmet = self._first_unmet(conditions, seen)
        if unmet is not None:
            raise self._account.failed(f"refused: {unmet}", unmet)

    def _pulse(self, tag: str, duration: float) -> _Script:
        """True; and once that may have arrived, in any case false again."""
        known = self._tags.get(tag)
        on, off = (True, False) if known is None or known.type is Type.BOOL else (1, 0)
        if self._now + duration > self.limit:
            raise self._account.late(f"no time is left for a pulse of {duration:g} s")
        try:
            yield from self._write({tag: on})
        except StepFailed as failed:
            if failed.reached:
                yield from self._release(tag, off, failed.error)
            raise
        end = self._now + duration
        for _ in range(2):  # an interruption cuts a pause short once
            if end - self._now > _RESOLUTION:
                yield Pause(end - self._now)
        yield from self._write({tag: off}, late=True)

    def _release(self, tag: str, off: Value, error: PlcmqError) -> _Script:
        try:
            yield from self._write({tag: off}, late=True)
        except StepFailed as failed:
            error.details["release"] = failed.error.to_map()

    def _wait(self, step: Wait) -> _Script:
        def look(seen: Mapping[str, Value]) -> Unmet | None:
            for tag, operand in step.fail_if.items():
                value = self._value(operand)
                if matches(seen[tag], value, self._tags.get(tag)):
                    unmet = Unmet(tag, {"not": value}, seen[tag])
                    raise self._account.failed(f"`fail_if` came true: {unmet}", unmet)
            return self._first_unmet(step.conditions, seen)

        yield from self._until(look, (*step.conditions, *step.fail_if), step.timeout, step.poll)

    def _expect_change(self, step: ExpectChange) -> _Script:
        """Another change of the same tag, later in the action, counts from what it changed to."""
        tag = step.tag

        def look(seen: Mapping[str, Value]) -> Unmet | None:
            value = seen[tag]
            before = self._before.setdefault(tag, value)
            if value == before or (value != value and before != before):  # NaN has not changed either
                return Unmet(tag, {"not": before}, value)
            self._before[tag] = value
            return None

        yield from self._until(look, (tag,), step.timeout, step.poll)

    def _until(
        self,
        look: Callable[[Mapping[str, Value]], Unmet | None],
        tags: Iterable[str],
        timeout: float,
        poll: float,
    ) -> _Script:
        """Reads the tags until `look` misses nothing; the last look is when the time is up."""
        wanted, end = tuple(dict.fromkeys(tags)), self._now + timeout
        seen: dict[str, Value] = {}
        while True:
            yield from self._read(wanted, seen)
            unmet = self._account.unmet = look(seen)
            if unmet is None:
                return
            if end - self._now <= _RESOLUTION:
                raise self._account.failed(f"{unmet}, after {timeout:g} s", unmet)
            yield from self._pause_until(min(self._now + poll, end))

    # --- effects ------------------------------------------------------------------------------------

    def _read(self, tags: tuple[str, ...], into: dict[str, Value]) -> _Script:
        """Reads tags into a map; what the answer does not have is None."""
        self._go_on()
        if not tags:
            return
        answer = yield ReadTags(tags)
        self._stop_if_interrupted()
        if isinstance(answer, PlcmqError):
            raise self._account.by_cause(answer)
        into.update({tag: answer.get(tag) if answer else None for tag in tags})

    def _write(self, values: dict[str, Value], *, late: bool = False) -> _Script:
        limit = self.limit
        if late:
            self.limit = max(limit, self._now + FINALLY_TIME)
        else:
            self._go_on()
        answer = yield WriteTags(values)
        self.limit = limit
        if isinstance(answer, PlcmqError):
            raise self._account.write_failed(values, answer)
        self._account.wrote(values)

    def _pause_until(self, end: float) -> _Script:
        for _ in range(2):  # an interruption cuts a pause short once
            self._go_on()
            if end - self._now > _RESOLUTION:
                yield Pause(min(end, self.limit) - self._now)
        self._go_on()

    def _go_on(self) -> None:
        """Ends the sequence here if it was interrupted or its time is up."""
        self._stop_if_interrupted()
        if self.limit - self._now <= _RESOLUTION:
            raise self._account.late()

    def _stop_if_interrupted(self) -> None:
        if self._interruption is not None and not self._account.cleaning:
            raise self._account.interrupted(self._interruption)

    # --- values -------------------------------------------------------------------------------------

    def _value(self, operand: Operand) -> Value:
        return self._args[operand.name] if isinstance(operand, ArgRef) else operand

    def _first_unmet(self, conditions: Mapping[str, Operand], seen: Mapping[str, Value]) -> Unmet | None:
        for tag, operand in conditions.items():
            expected = self._value(operand)
            if not matches(seen[tag], expected, self._tags.get(tag)):
                return Unmet(tag, expected, seen[tag])
        return None


def _operands(steps: Iterable[Step]) -> Iterable[Operand]:
    for step in steps:
        match step:
            case Check(conditions):
                yield from conditions.values()
            case Write(values):
                yield from values.values()
            case Wait():
                yield from step.conditions.values()
                yield from step.fail_if.values()
