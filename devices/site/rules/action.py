"""What must hold within one action: its steps name tags and arguments that exist, and values that fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ....client.protocol.errors import PlcmqError
from ....client.protocol.messages import BUILT_IN
from ...model.actions import ArgRef
from ...model.codec import TagCodec
from ...model.tags import Access, Tag, Type
from ..definitions.declared import operand
from ..definitions.problems import Findings, Path, suggestion
from ..forms.schema import StepForm, WaitForm
from ..forms.structure import ActionParts
from .argument import check_argument


def check_action(
    name: str, action: ActionParts, path: Path, codecs: Mapping[str, TagCodec], tag_names: Collection[str]
) -> Findings:
    """Everything that is wrong in one action.

    Args:
        name: the action's.
        action: what is sound in it.
        path: where it stands.
        codecs: of the profile's sound tags.
        tag_names: of all the profile's tags.
    """
    if name in BUILT_IN:
        yield path, f"`{name}` is an action that every device has; choose another name"
    for arg, schema in action.args.items():
        for place, message in check_argument(schema):
            yield (*path, "args", arg, *place), message
    check = _StepCheck(codecs, tag_names, action.args)
    for place, step in action.steps:
        yield from check.step(step, place)


def check_on_connect(
    steps: Iterable[StepForm], path: Path, codecs: Mapping[str, TagCodec], tag_names: Collection[str]
) -> Findings:
    """Everything that is wrong in the steps of `on_connect`, which have no arguments."""
    check = _StepCheck(codecs, tag_names, ())
    for index, step in enumerate(steps):
        yield from check.step(step, (*path, index))


def check_written(codec: TagCodec, value: Any, path: Path) -> Findings:
    """Whether a value may be written to a tag."""
    findings = list(_writable(codec.tag, path))
    yield from findings
    if not findings:
        yield from _fits(codec, value, path)


class _StepCheck:
    """The rules for steps, with what they need to know of profile and action."""

    def __init__(
        self, codecs: Mapping[str, TagCodec], tag_names: Collection[str], args: Collection[str]
    ) -> None:
        self._codecs = codecs
        self._tag_names = tag_names
        self._args = args

    def step(self, step: StepForm, path: Path) -> Findings:
        if step.check is not None:
            yield from self._conditions(step.check, (*path, "check"))
        if step.write is not None:
            for tag, value in step.write.items():
                yield from self._write(tag, value, (*path, "write", tag))
        if step.pulse is not None:
            yield from self._pulse(step.pulse.tag, (*path, "pulse"))
        if step.raw is not None:
            yield from self._raw(step.raw.data, (*path, "raw", "data"))
        if step.wait is not None:
            yield from self._wait(step.wait, (*path, "wait"))
        if step.read is not None:
            for index, tag in enumerate(step.read):
                yield from self._readable(tag, (*path, "read", index))
        if step.expect_change is not None:
            yield from self._readable(step.expect_change.tag, (*path, "expect_change"))

    def _wait(self, wait: WaitForm, path: Path) -> Findings:
        if not wait.conditions:
            yield path, "waits for nothing: give a tag and its value, such as `running: true`"
        yield from self._conditions(wait.conditions, path)
        yield from self._conditions(wait.fail_if, (*path, "fail_if"))

    def _raw(self, data: str, path: Path) -> Findings:
        yield from self._argument(data, path)
        if isinstance(operand(data), ArgRef):
            return
        try:
            bytes.fromhex(data)
        except ValueError:
            yield path, "is hexadecimal text, such as `01ff`, or `$argument`"

    def _known(self, tag: str, path: Path) -> Findings:
        if tag not in self._tag_names:
            hint = suggestion(tag, self._tag_names) or "; it must stand under `tags`"
            yield path, f"unknown tag `{tag}`{hint}"

    def _readable(self, tag: str, path: Path) -> Findings:
        yield from self._known(tag, path)
        codec = self._codecs.get(tag)
        if codec is not None and codec.tag.access is Access.WO:
            yield path, f"tag `{tag}` is only written; it has `access: wo`"

    def _argument(self, value: object, path: Path) -> Findings:
        """Whether the arguments in a value exist."""
        read = operand(value)
        if isinstance(read, ArgRef) and read.name not in self._args:
            hint = suggestion(read.name, self._args) or "; it must stand under `args`"
            yield path, f"unknown argument `${read.name}`{hint}"
        if isinstance(value, list) and any(isinstance(item, str) and item[:1] == "$" for item in value):
            yield path, "an argument cannot stand inside a list; let the argument be the whole list"

    def _write(self, tag: str, value: Any, path: Path) -> Findings:
        yield from self._known(tag, path)
        yield from self._argument(value, path)
        codec = self._codecs.get(tag)
        if codec is None:
            return
        yield from _writable(codec.tag, path)
        if not isinstance(operand(value), ArgRef):
            yield from _fits(codec, operand(value), path)

    def _pulse(self, tag: str, path: Path) -> Findings:
        yield from self._known(tag, path)
        codec = self._codecs.get(tag)
        if codec is None:
            return
        findings = list(_writable(codec.tag, path))
        if not findings and (codec.tag.count is not None or codec.tag.type is Type.STRING):
            findings.append((path, f"`{tag}` cannot be pulsed: it is neither a bool nor a number"))
        yield from findings
        if not findings:
            for value in (True, False) if codec.tag.type is Type.BOOL else (1, 0):
                yield from _fits(codec, value, path)

    def _conditions(self, conditions: Mapping[str, Any], path: Path) -> Findings:
        for tag, value in conditions.items():
            yield from self._readable(tag, (*path, tag))
            yield from self._argument(value, (*path, tag))
            codec = self._codecs.get(tag)
            if codec is not None and not isinstance(operand(value), ArgRef):
                yield from _can_be(codec.tag, operand(value), (*path, tag))


def _writable(tag: Tag, path: Path) -> Findings:
    if not tag.access.is_writable:
        hint = "set `access: rw` there" if tag.table.is_writable else f"table {tag.table} cannot be written"
        yield path, f"tag `{tag.name}` is only read; {hint}"


def _fits(codec: TagCodec, value: Any, path: Path) -> Findings:
    try:
        codec.check(value)
    except PlcmqError as error:
        yield path, error.message.removeprefix(f"{codec.tag.name}: ")


def _can_be(tag: Tag, value: Any, path: Path) -> Findings:
    """Whether a tag could ever read as a value; one that must not be written may still be read."""
    readable = dataclasses.replace(tag, min=None, max=None)
    if tag.enum and isinstance(value, int) and not isinstance(value, bool):
        readable = dataclasses.replace(readable, enum=None)
    if tag.enum and tag.type is Type.BOOL and isinstance(value, bool):
        yield path, f"reads as a name: {' or '.join(_names(tag.enum))}"
        return
    yield from _fits(TagCodec(readable), value, path)


def _names(enum: Mapping[int, str]) -> Iterable[str]:
    return (f"`{name}`" for name in enum.values())
