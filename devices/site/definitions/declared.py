"""Declared profiles, as site files have them, to the frozen model.

Strategy: a plain walk over plain data, without pydantic; see `compile`. Each kind of step has a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...model.actions import (
    Action,
    ArgRef,
    Check,
    ExpectChange,
    Heartbeat,
    Operand,
    Pulse,
    Raw,
    Read,
    Sleep,
    Step,
    Wait,
    Write,
)
from ...model.comparison import as_read
from ...model.devices import Profile
from ...model.numbers import as_raw, sunspec_no_value
from ...model.tags import Access, Order, Tag, Type, Verify
from .address import parse_address
from .content import Definition


def declared_profile(name: str, form: Definition) -> Profile:
    """The model of a profile.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the definition does not fit.
    """
    word_order = Order(form.get("word_order", Order.BIG))
    byte_order = Order(form.get("byte_order", Order.BIG))
    tags = {
        tag: compile_tag(tag, fields, word_order, byte_order) for tag, fields in form.get("tags", {}).items()
    }
    actions = {action: _action(action, fields, tags) for action, fields in form.get("actions", {}).items()}
    return Profile(
        name,
        tags,
        actions,
        form.get("description", ""),
        on_connect=_steps(form.get("on_connect", ()), tags),
        heartbeats=tuple(map(_heartbeat, form.get("heartbeat", ()))),
    )


def compile_tag(
    name: str, form: Definition, word_order: Order = Order.BIG, byte_order: Order = Order.BIG
) -> Tag:
    """The model of one tag.

    Args:
        name: the tag's.
        form: its definition.
        word_order: its profile's.
        byte_order: its profile's.
    """
    table, number = parse_address(form["address"])
    enum, flags, verify = form.get("enum"), form.get("flags"), form.get("verify")
    tag = Tag(
        name=name,
        table=table,
        address=number,
        type=Type(form["type"]),
        access=Access(form.get("access", Access.RO)),
        count=form.get("count"),
        length=form.get("length") or 0,
        bit=form.get("bit"),
        scale=float(form.get("scale", 1.0)),
        offset=float(form.get("offset", 0.0)),
        word_order=Order(form.get("word_order") or word_order),
        byte_order=Order(form.get("byte_order") or byte_order),
        unit=form.get("unit", ""),
        min=form.get("min"),
        max=form.get("max"),
        enum={int(raw): text for raw, text in enum.items()} if enum else None,
        verify=Verify(**({} if verify is True else verify)) if verify else None,
        description=form.get("description", ""),
        urgent=form.get("urgent", False),
        order=form.get("order") or "",
        byte=form.get("byte") or "",
        bits=(form["bits"][0], form["bits"][1]) if form.get("bits") else None,
        flags={int(bit): text for bit, text in flags.items()} if flags else None,
        scale_exponent=form.get("scale_exponent"),
        precision=form.get("precision"),
        strict=form.get("strict", False),
        pad=form.get("pad") or "\0",
        encoding=form.get("encoding") or "utf-8",
        chars=form.get("chars") or "",
        header=form.get("header") or "",
        write_function=form.get("write_function"),
        alone=form.get("alone", False),
    )
    given = form.get("no_value")
    return tag if given is None else replace(tag, no_value=_no_value(tag, given))


def _no_value(tag: Tag, given: str | list[int]) -> frozenset[int]:
    """The raw numbers that mean "there is none", as the tag has them."""
    if not isinstance(given, str):
        return frozenset(as_raw(tag, number) for number in given)
    number = sunspec_no_value(tag.type)
    return frozenset() if number is None else frozenset({number})


def operand(value: Any) -> Operand:
    """What stands in a step: a value, `$name` for an argument, or `$$text` for text that begins with `$`."""
    if isinstance(value, str) and value.startswith("$"):
        return value[1:] if value.startswith("$$") else ArgRef(value[1:])
    return value if not isinstance(value, tuple) else list(value)


def _action(name: str, form: Definition, tags: Mapping[str, Tag]) -> Action:
    return Action(
        name=name,
        args={arg: dict(schema) for arg, schema in form.get("args", {}).items()},
        steps=_steps(form["steps"], tags),
        finally_=_steps(form.get("finally", ()), tags),
        description=form.get("description", ""),
        timeout=form.get("timeout"),
        urgent=form.get("urgent", False),
        interrupts=form.get("interrupts", False),
        confirm=form.get("confirm"),
    )


def _heartbeat(form: Definition) -> Heartbeat:
    values = form.get("values") or ([form["value"]] if "value" in form else [])
    return Heartbeat(form["tag"], float(form.get("every", 1.0)), tuple(values), form.get("count", False))


def _steps(forms: Iterable[Definition], tags: Mapping[str, Tag]) -> tuple[Step, ...]:
    return tuple(_step(form, tags) for form in forms)


def _step(form: Definition, tags: Mapping[str, Tag]) -> Step:
    [(kind, fields)] = form.items()
    if kind not in _STEPS:
        raise ValueError(f"there is no step `{kind}`")
    return _STEPS[kind](fields, tags)


def _check(fields: Any, tags: Mapping[str, Tag]) -> Step:
    return Check(_conditions(fields, tags))


def _write(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    return Write({tag: operand(value) for tag, value in fields.items()})


def _pulse(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    fields = {"tag": fields} if isinstance(fields, str) else fields
    return Pulse(fields["tag"], float(fields.get("for", 0.2)))


def _wait(fields: Any, tags: Mapping[str, Tag]) -> Step:
    conditions = {tag: value for tag, value in fields.items() if tag not in ("timeout", "poll", "fail_if")}
    return Wait(
        conditions=_conditions(conditions, tags),
        timeout=float(fields.get("timeout", 5.0)),
        poll=float(fields.get("poll", 0.1)),
        fail_if=_conditions(fields.get("fail_if", {}), tags),
    )


def _read(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    return Read((fields,) if isinstance(fields, str) else tuple(fields))


def _sleep(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    return Sleep(float(fields))


def _expect_change(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    fields = {"tag": fields} if isinstance(fields, str) else fields
    return ExpectChange(fields["tag"], float(fields.get("timeout", 5.0)), float(fields.get("poll", 0.1)))


def _raw(fields: Any, _tags: Mapping[str, Tag]) -> Step:
    return Raw(fields["function"], operand(fields.get("data", "")))


_STEPS: Mapping[str, Callable[[Any, Mapping[str, Tag]], Step]] = {
    "check": _check,
    "write": _write,
    "pulse": _pulse,
    "wait": _wait,
    "read": _read,
    "sleep": _sleep,
    "expect_change": _expect_change,
    "raw": _raw,
}


def _conditions(fields: Definition, tags: Mapping[str, Tag]) -> dict[str, Operand]:
    return {tag: as_read(operand(value), tags.get(tag)) for tag, value in fields.items()}
