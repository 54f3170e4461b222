"""The PLC's side of the handshakes that a profile's actions expect, inferred from their steps.

Strategy: an action's last write before a `wait` is the trigger; once it is written, the PLC makes the
wait's conditions come true, moves the counters that the action reads as its result, and some time later goes
back to rest, so that the action can run anew. Nobody has to describe the PLC's program for that. Pure: it
turns a profile into `Handshake`s; `plant` plays them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..model.actions import Action, ArgRef, Check, ExpectChange, Operand, Pulse, Read, Step, Wait, Write
from ..model.devices import Profile
from ..model.numbers import RANGES
from ..model.tags import Access, Tag, Type, Value

ERROR_WORDS = frozenset({"fault", "error", "alarm", "failed", "failure", "emergency", "estop", "aborted"})
"""A PLC in good health never has a state of such a name."""

MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Copy:
    """The value that a condition waits for is whatever the master wrote to a tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Each write of the trigger counts, whatever its value."""


@dataclass(slots=True)
class HandshakeStage:
    """What becomes true together.

    Attributes:
        values: tags and what they become.
        counters: tags that go up by one.
    """

    values: dict[str, Value | Copy] = field(default_factory=dict)
    counters: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Handshake:
    """What the PLC does when a tag is written.

    Attributes:
        action: the action that it was inferred from.
        trigger: the tag; value: what it must be written to.
        stages: what becomes true, one after the other.
        guarded: an action checks one of its tags first, so a trigger while it is at work means nothing.
        clears: the PLC sets the trigger back by itself, since no action does.
        given: what other tags must have been written to before, such as the number of a command, where only
            that tells it from another handshake.
    """

    action: str
    trigger: str
    value: Value | AnyValue
    stages: list[HandshakeStage] = field(default_factory=list)
    guarded: bool = False
    clears: bool = False
    given: dict[str, Value] = field(default_factory=dict)


def handshakes(profile: Profile) -> list[Handshake]:
    """The PLC's side of all actions. Where two have the same trigger and value, the first one counts."""
    found: list[Handshake] = []
    checked = {tag for step in _all_steps(profile) if isinstance(step, Check) for tag in step.conditions}
    written = _written_values(profile)
    inferred = [one for action in profile.actions.values() for one in _of_action(profile, action)]
    for handshake in _told_apart(inferred):
        if any(_same_trigger(handshake, other) for other in found):
            continue
        _join_states(profile, handshake)
        handshake.guarded = any(tag in checked for stage in handshake.stages for tag in stage.values)
        values = written[handshake.trigger]
        handshake.clears = handshake.value is True and all(value is True for value in values)
        found.append(handshake)
    return found


def at_rest(profile: Profile) -> dict[str, Value]:
    """What checked tags must be for actions to start: a tag's first check counts, an error does not."""
    rest: dict[str, Value] = {}
    failures = [
        pair for step in _all_steps(profile) if isinstance(step, Wait) for pair in step.fail_if.items()
    ]
    for step in _all_steps(profile):
        if not isinstance(step, Check):
            continue
        for tag, value in step.conditions.items():
            sick = (tag, value) in failures or str(value).lower() in ERROR_WORDS
            if not isinstance(value, ArgRef) and not sick:
                rest.setdefault(tag, value)
    return rest


def is_counter(tag: Tag) -> bool:
    """Whether a tag can count: a plain whole number that only the PLC writes."""
    return (
        tag.access is Access.RO
        and tag.type in RANGES
        and tag.enum is None
        and tag.count is None
        and not tag.is_scaled
        and not ERROR_WORDS & set(tag.name.lower().split("_"))
    )


def _all_steps(profile: Profile) -> Iterator[Step]:
    for action in profile.actions.values():
        yield from (*action.steps, *action.finally_)


def _written_values(profile: Profile) -> dict[str, list[Operand]]:
    """Everything that actions write, by tag."""
    written: dict[str, list[Operand]] = {}
    for step in _all_steps(profile):
        if isinstance(step, Write):
            for tag, value in step.values.items():
                written.setdefault(tag, []).append(value)
        elif isinstance(step, Pulse):
            written.setdefault(step.tag, []).extend((True, False))
    return written


def _told_apart(inferred: list[Handshake]) -> list[Handshake]:
    """Forgets what was given where the trigger alone says which handshake it is."""
    kept = {}
    for handshake in inferred:
        others = [other for other in inferred if other.trigger == handshake.trigger]
        values = {tag: [other.given.get(tag, MISSING) for other in others] for tag in handshake.given}
        kept[id(handshake)] = {
            tag: value
            for tag, value in handshake.given.items()
            if MISSING not in values[tag] and any(other != value for other in values[tag])
        }
    for handshake in inferred:
        handshake.given = kept[id(handshake)]
    return inferred


def _same_trigger(one: Handshake, other: Handshake) -> bool:
    same = one.value == other.value or AnyValue() in (one.value, other.value)
    return one.trigger == other.trigger and same and one.given == other.given


def _of_action(profile: Profile, action: Action) -> Iterator[Handshake]:
    """The handshakes of one action: each write that a wait follows begins one."""
    current: Handshake | None = None
    sources: dict[str, str] = {}  # tag that an argument was written to
    given: dict[str, Value] = {}  # what was written as it stands
    seen = {tag for step in action.steps for tag in _conditions(step)}
    for step in action.steps:
        if isinstance(step, Write | Pulse):
            if current is not None and current.stages:
                yield current
            current = _begin(profile, action, step, sources, given)
        elif current is None:
            continue
        elif isinstance(step, Wait):
            current.stages.append(HandshakeStage(_resolved(step.conditions, sources)))
        elif isinstance(step, ExpectChange):
            current.stages.append(HandshakeStage(counters=[step.tag]))
        elif isinstance(step, Read) and current.stages:
            counters = current.stages[0].counters
            results = (tag for tag in step.tags if tag not in seen and tag not in counters)
            counters.extend(tag for tag in results if is_counter(profile.tags[tag]))
    if current is not None and current.stages:
        yield current


def _begin(
    profile: Profile,
    action: Action,
    step: Write | Pulse,
    sources: dict[str, str],
    given: dict[str, Value],
) -> Handshake:
    if isinstance(step, Pulse):
        on = True if profile.tags[step.tag].type is Type.BOOL else 1
        return Handshake(action.name, step.tag, on, given=dict(given))
    sources.update({value.name: tag for tag, value in step.values.items() if isinstance(value, ArgRef)})
    tag, value = list(step.values.items())[-1]
    before = {other: constant for other, constant in given.items() if other != tag}
    given.update({name: item for name, item in step.values.items() if not isinstance(item, ArgRef)})
    before |= {name: given[name] for name in step.values if name != tag and name in given}
    return Handshake(action.name, tag, AnyValue() if isinstance(value, ArgRef) else value, given=before)


def _conditions(step: Step) -> Mapping[str, Operand]:
    if isinstance(step, Wait):
        return {**step.fail_if, **step.conditions}
    return step.conditions if isinstance(step, Check) else {}


def _resolved(conditions: Mapping[str, Operand], sources: Mapping[str, str]) -> dict[str, Value | Copy]:
    """A condition on an argument copies the tag that the argument was written to, if there is one."""
    values: dict[str, Value | Copy] = {}
    for tag, value in conditions.items():
        if not isinstance(value, ArgRef):
            values[tag] = value
        elif value.name in sources:
            values[tag] = Copy(sources[value.name])
    return values


def _join_states(profile: Profile, handshake: Handshake) -> None:
    """A state tag that has a name for what becomes true says so as well: running=true, state=running."""
    for stage in handshake.stages:
        for name in [tag for tag, value in stage.values.items() if value is True]:
            for tag in profile.tags.values():
                states = [state for state in (tag.enum or {}).values() if state.lower() == name.lower()]
                if states and tag.access is Access.RO and tag.count is None:
                    stage.values.setdefault(tag.name, states[0])
