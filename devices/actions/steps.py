"""The performance of one step: which effects it takes, and when it has failed.

Strategy: pure. Each step is a generator that asks for effects and is sent what came of them; it returns when
the step is done and raises `StepFailed` when it is not. `ActionRun` says which steps, in which order, and
what becomes of a failure; it is the same for steps of a site file and for those that Python code asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Final

from ...client.protocol.errors import PlcmqError
from ..model.actions import ArgRef, Check, ExpectChange, Operand, Pulse, Raw, Read, Sleep, Step, Wait, Write
from ..model.comparison import matches
from ..model.tags import Tag, Type, Value
from .effects import Answer, Pause, ReadTags, Resume, SendPdu, WriteTags
from .outcome import RunOutcome, StepFailed, Unmet

FINALLY_TIME: Final = 1.0  # seconds beyond the caller's deadline, for `finally` and for the end of a pulse
RESOLUTION: Final = 1e-6  # seconds; what is nearer than this is now

Effects = Generator[ReadTags | WriteTags | SendPdu | Pause | Resume, Answer, None]
"""Asks for effects, is sent what came of them, and ends."""

_KINDS: Final[dict[type[Step], str]] = {
    Check: "check",
    Write: "write",
    Pulse: "pulse",
    Wait: "wait",
    Read: "read",
    Sleep: "sleep",
    ExpectChange: "expect_change",
    Raw: "raw",
}


class Performer:
    """Performs the steps of one run.

    Args:
        outcome: what has been done, and where it stands.
        args: the caller's arguments.
        limit: until when a step may take, in the seconds of `now`.
        tags: the profile's tags.

    Attributes:
        now: the time, set before each effect's answer is sent.
        result: what `read` steps have read.
        before: tags that shall change, as they were before the first write.
        interruption: what the action shall end with, at the next occasion.
    """

    def __init__(
        self, outcome: RunOutcome, args: Mapping[str, Value], limit: float, tags: Mapping[str, Tag]
    ) -> None:
        self.outcome = outcome
        self.limit = limit
        self.now = 0.0
        self.result: dict[str, Value] = {}
        self.before: dict[str, Value] = {}
        self.interruption: PlcmqError | None = None
        self._args = args
        self._tags = tags

    def sequence(self, steps: Iterable[Step]) -> Effects:
        """Performs steps one after the other."""
        steps = tuple(steps)
        to_change = tuple(dict.fromkeys(step.tag for step in steps if isinstance(step, ExpectChange)))
        self.outcome.index = 0
        for step in steps:
            self.outcome.next_step(_KINDS[type(step)])
            if to_change and isinstance(step, Write | Pulse):
                yield from self._read(to_change, self.before)
                to_change = ()
            yield from self.perform(step)

    def perform(self, step: Step) -> Effects:
        """Performs one step; an interruption ends it, or comes right after it.

        Raises:
            StepFailed: it could not be done, or the action was interrupted.
        """
        self.outcome.kind = _KINDS[type(step)]
        yield from self._perform(step)
        self.stop_if_interrupted()

    def check_limits(self) -> None:
        """Raises `StepFailed` if the action was interrupted or its time is up."""
        self.stop_if_interrupted()
        if self.limit - self.now <= RESOLUTION:
            raise self.outcome.out_of_time()

    def stop_if_interrupted(self) -> None:
        """Raises `StepFailed` if the action was interrupted; never while it cleans up."""
        if self.interruption is not None and not self.outcome.cleaning:
            raise self.outcome.interrupted(self.interruption)

    def _perform(self, step: Step) -> Effects:
        self.check_limits()
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
                yield from self._read(tags, self.result)
            case Raw(function, data):
                yield from self._raw(function, str(self._value(data)))
            case Sleep(duration):
                yield from self._pause_until(self.now + duration)
            case ExpectChange():
                yield from self._expect_change(step)

    def _check(self, conditions: Mapping[str, Operand]) -> Effects:
        seen: dict[str, Value] = {}
        yield from self._read(tuple(conditions), seen)
        unmet = self._first_unmet(conditions, seen)
        if unmet is not None:
            raise self.outcome.failed(f"refused: {unmet}", unmet)

    def _pulse(self, tag: str, duration: float) -> Effects:
        """True; and once that may have arrived, in any case false again."""
        known = self._tags.get(tag)
        on, off = (True, False) if known is None or known.type is Type.BOOL else (1, 0)
        if self.now + duration > self.limit:
            raise self.outcome.out_of_time(f"no time is left for a pulse of {duration:g} s")
        try:
            yield from self._write({tag: on})
        except StepFailed as failed:
            if failed.reached:
                yield from self._release(tag, off, failed.error)
            raise
        end = self.now + duration
        for _ in range(2):  # an interruption cuts a pause short once
            if end - self.now > RESOLUTION:
                yield Pause(end - self.now)
        yield from self._write({tag: off}, late=True)

    def _release(self, tag: str, off: Value, error: PlcmqError) -> Effects:
        try:
            yield from self._write({tag: off}, late=True)
        except StepFailed as failed:
            error.details["release"] = failed.error.to_map()

    def _wait(self, step: Wait) -> Effects:
        def look(seen: Mapping[str, Value]) -> Unmet | None:
            for tag, operand in step.fail_if.items():
                value = self._value(operand)
                if matches(seen[tag], value, self._tags.get(tag)):
                    unmet = Unmet(tag, {"not": value}, seen[tag])
                    raise self.outcome.failed(f"`fail_if` came true: {unmet}", unmet)
            return self._first_unmet(step.conditions, seen)

        yield from self._until(look, (*step.conditions, *step.fail_if), step.timeout, step.poll)

    def _expect_change(self, step: ExpectChange) -> Effects:
        """Another change of the same tag, later in the action, counts from what it changed to."""
        tag = step.tag

        def look(seen: Mapping[str, Value]) -> Unmet | None:
            value = seen[tag]
            before = self.before.setdefault(tag, value)
            if value == before or (value != value and before != before):  # NaN has not changed either
                return Unmet(tag, {"not": before}, value)
            self.before[tag] = value
            return None

        yield from self._until(look, (tag,), step.timeout, step.poll)

    def _until(
        self,
        look: Callable[[Mapping[str, Value]], Unmet | None],
        tags: Iterable[str],
        timeout: float,
        poll: float,
    ) -> Effects:
        """Reads the tags until `look` misses nothing; the last look is when the time is up."""
        wanted, end = tuple(dict.fromkeys(tags)), self.now + timeout
        seen: dict[str, Value] = {}
        while True:
            yield from self._read(wanted, seen)
            unmet = self.outcome.unmet = look(seen)
            if unmet is None:
                return
            if end - self.now <= RESOLUTION:
                raise self.outcome.failed(f"{unmet}, after {timeout:g} s", unmet)
            yield from self._pause_until(min(self.now + poll, end))

    def _read(self, tags: tuple[str, ...], into: dict[str, Value]) -> Effects:
        """Reads tags into a map; what the answer does not have is None."""
        self.check_limits()
        if not tags:
            return
        answer = yield ReadTags(tags)
        self.stop_if_interrupted()
        if isinstance(answer, PlcmqError):
            raise self.outcome.failure_from(answer)
        known = answer if isinstance(answer, Mapping) else {}
        into.update({tag: known.get(tag) for tag in tags})

    def _write(self, values: dict[str, Value], *, late: bool = False) -> Effects:
        limit = self.limit
        if late:
            self.limit = max(limit, self.now + FINALLY_TIME)
        else:
            self.check_limits()
        answer = yield WriteTags(values)
        self.limit = limit
        if isinstance(answer, PlcmqError):
            raise self.outcome.write_failed(values, answer)
        self.outcome.wrote(values)

    def _raw(self, function: int, data: str) -> Effects:
        """A PDU of one's own may change anything, so it counts as a write."""
        self.check_limits()
        sent: dict[str, Value] = {"function": function, "data": data}
        answer = yield SendPdu(function, data)
        if isinstance(answer, PlcmqError):
            raise self.outcome.write_failed(sent, answer)
        self.outcome.wrote(sent)
        if isinstance(answer, Mapping):
            self.result["data"] = answer["data"]

    def _pause_until(self, end: float) -> Effects:
        for _ in range(2):  # an interruption cuts a pause short once
            self.check_limits()
            if end - self.now > RESOLUTION:
                yield Pause(min(end, self.limit) - self.now)
        self.check_limits()

    def _value(self, operand: Operand) -> Value:
        return self._args[operand.name] if isinstance(operand, ArgRef) else operand

    def _first_unmet(self, conditions: Mapping[str, Operand], seen: Mapping[str, Value]) -> Unmet | None:
        for tag, operand in conditions.items():
            expected = self._value(operand)
            if not matches(seen[tag], expected, self._tags.get(tag)):
                return Unmet(tag, expected, seen[tag])
        return None
