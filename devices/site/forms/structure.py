"""Plain data to forms, one definition at a time, with a sentence for everything that does not fit.

Strategy: each tag, action and device is checked on its own, so that one mistake hides no other: what is
sound goes on to `rules`, also next to something broken. pydantic finds what is wrong; this file says it in
the words of the site file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ..definitions.problems import Path, Problem, quoted_list, suggestion
from .base import StrictForm
from .schema import ActionForm, DeviceForm, ProfileForm, SiteForm, StepForm
from .tag import TagForm
from .values import Name

F = TypeVar("F", bound=StrictForm)


@dataclass(slots=True)
class ActionParts:
    """What is sound in one action."""

    args: Mapping[str, object] = field(default_factory=dict)
    steps: list[tuple[Path, StepForm]] = field(default_factory=list)  # of both lists, with their places


@dataclass(slots=True)
class ProfileParts:
    """What is sound in one profile."""

    head: ProfileForm | None = None  # without tags and actions
    tags: dict[str, TagForm] = field(default_factory=dict)
    actions: dict[str, ActionParts] = field(default_factory=dict)
    tag_names: frozenset[str] = frozenset()  # also of tags that are not sound


@dataclass(slots=True)
class SiteParts:
    """What is sound in one site."""

    profiles: dict[str, ProfileParts] = field(default_factory=dict)
    profile_names: frozenset[str] = frozenset()  # also of profiles that are not sound
    devices: list[tuple[Mapping[object, object], DeviceForm | None]] = field(default_factory=list)


def read_forms(content: object) -> tuple[SiteParts, list[Problem]]:
    """The forms in the content of a site, and what is wrong with the rest."""
    reader = _Reader()
    return reader.site(content), reader.problems


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def site(self, content: object) -> SiteParts:
        parts = SiteParts()
        if not isinstance(content, Mapping):
            self._refuse((), f"a site file is a map with `profiles` and `devices`, not {_kind(content)}")
            return parts
        self._form(SiteForm, _without(content, "profiles", "devices"), ())
        for name, raw in self._entries(content.get("profiles", {}), ("profiles",)):
            parts.profiles[name] = self._profile(raw, ("profiles", name))
        raws = content.get("profiles")
        parts.profile_names = frozenset(map(str, raws)) if isinstance(raws, Mapping) else frozenset()
        devices = content.get("devices", [])
        if not isinstance(devices, list):
            self._refuse(("devices",), f"must be a list, not {_kind(devices)}")
            return parts
        for index, raw in enumerate(devices):
            form = self._form(DeviceForm, raw, ("devices", index))
            parts.devices.append((raw if isinstance(raw, Mapping) else {}, form))
        return parts

    def _profile(self, raw: object, path: Path) -> ProfileParts:
        parts = ProfileParts()
        if not isinstance(raw, Mapping):
            self._refuse(path, f"must be a map, not {_kind(raw)}")
            return parts
        parts.head = self._form(ProfileForm, _without(raw, "tags", "actions"), path)
        tags = raw.get("tags", {})
        parts.tag_names = frozenset(map(str, tags)) if isinstance(tags, Mapping) else frozenset()
        for name, item in self._entries(tags, (*path, "tags")):
            if (tag := self._form(TagForm, item, (*path, "tags", name))) is not None:
                parts.tags[name] = tag
        for name, item in self._entries(raw.get("actions", {}), (*path, "actions")):
            parts.actions[name] = self._action(item, (*path, "actions", name))
        return parts

    def _action(self, raw: object, path: Path) -> ActionParts:
        self._form(ActionForm, raw, path)
        parts = ActionParts()
        if not isinstance(raw, Mapping):
            return parts
        if isinstance(args := raw.get("args"), Mapping):
            parts.args = {str(name): schema for name, schema in args.items()}
        for part in ("steps", "finally"):
            steps = raw.get(part)
            for index, step in enumerate(steps if isinstance(steps, list) else ()):
                try:
                    parts.steps.append(((*path, part, index), StepForm.model_validate(step)))
                except ValidationError:
                    continue  # `ActionForm` has said why
        return parts

    def _entries(self, raw: object, path: Path) -> Iterator[tuple[str, object]]:
        """What a map of named things holds, where the name is sound."""
        if not isinstance(raw, Mapping):
            self._refuse(path, f"must be a map, not {_kind(raw)}")
            return
        for name, item in raw.items():
            try:
                _NAME.validate_python(name)
            except ValidationError as error:
                place = (*path, name if isinstance(name, str | int) else str(name))
                self._refuse(place, _sentence({**error.errors()[0], "loc": ("[key]",)}, StrictForm))
            else:
                yield name, item

    def _form(self, form: type[F], raw: object, path: Path) -> F | None:
        try:
            return form.model_validate(raw)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                loc = tuple(part for part in details["loc"] if part != "[key]")
                self._refuse((*path, *loc), _sentence(details, form))
            return None

    def _refuse(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))


_NAME = TypeAdapter(Name)


def _without(raw: Mapping[Any, object], *names: str) -> dict[Any, object]:
    return {name: value for name, value in raw.items() if name not in names}


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "list_type": "a list",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def _sentence(details: ErrorDetails, form: type[StrictForm]) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    is_key = bool(details["loc"]) and details["loc"][-1] == "[key]"
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown_field(str(details["loc"][-1]), _form_at(form, details["loc"][:-1]))
    if kind == "value_error":
        return str(context["error"])
    if kind == "enum":
        return _unknown_word(value, details["loc"], form)
    if kind in ("too_short", "too_long"):
        word, limit = ("least", "min_length") if kind == "too_short" else ("most", "max_length")
        return f"must have at {word} {context[limit]} entries, not {context['actual_length']}"
    if kind in _LIMITS:
        word, limit = _LIMITS[kind]
        return f"must be {word} {context[limit]:g}, not {value}"
    if kind in _WANTED:
        return _wrong_type(_WANTED[kind], value, is_key)
    return details["msg"]


def _wrong_type(wanted: str, value: object, is_key: bool) -> str:
    subject = "a name must be text" if is_key and wanted == "text" else f"must be {wanted}"
    sentence = f"{subject}, not {_kind(value)}"
    if wanted == "text" and isinstance(value, bool | int | float):
        return f"{sentence}; put it in quotes"
    if wanted == "true or false" and str(value).lower() in ("yes", "no", "on", "off", "y", "n", "0", "1"):
        return f"{sentence}; write true or false"
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9.]+", value) and "number" in wanted:
        return f"{sentence}; take it out of its quotes"
    return sentence


def _unknown_field(name: str, form: type[StrictForm] | None) -> str:
    known = _fields(form) if form else []
    return f"unknown field `{name}`" + (suggestion(name, known) or f"; known are {quoted_list(known)}")


def _unknown_word(value: object, loc: tuple[int | str, ...], form: type[StrictForm]) -> str:
    holder = _form_at(form, loc[:-1])
    words = _words_of(holder.model_fields[str(loc[-1])].annotation) if holder else []
    close = suggestion(value, words) if isinstance(value, str) else ""
    shown = f"`{value}`" if isinstance(value, str) else _kind(value)
    return f"unknown {str(loc[-1]).replace('_', ' ')} {shown}{close or '; possible are ' + ', '.join(words)}"


def _words_of(annotation: object) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    return [word for part in get_args(annotation) for word in _words_of(part)]


def _fields(form: type[StrictForm]) -> list[str]:
    return [info.alias or name for name, info in form.model_fields.items()]


def _form_at(form: type[StrictForm], loc: tuple[int | str, ...]) -> type[StrictForm] | None:
    """The form that stands at a place inside a form."""
    current, skip = form, 0
    for part in loc:
        if skip:
            skip -= 1
            continue
        info = next(
            (info for name, info in current.model_fields.items() if (info.alias or name) == part), None
        )
        found = _form_within(info.annotation) if info else None
        if found is None:
            return None
        current, skip = found
    return None if skip else current


def _form_within(annotation: object) -> tuple[type[StrictForm], int] | None:
    """The form inside an annotation, and how many containers it lies in."""
    if isinstance(annotation, type) and issubclass(annotation, StrictForm):
        return annotation, 0
    for part in get_args(annotation):
        if (found := _form_within(part)) is not None:
            return found[0], found[1] + (get_origin(annotation) in (dict, list))
    return None


_KINDS = {type(None): "nothing (null)", dict: "a map", list: "a list"}


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < 1e30 else "a huge number"
    if isinstance(value, str):
        return f"text {value!r}" if len(value) <= 40 else f"text {value[:40]!r}…"
    return _KINDS.get(type(value), type(value).__name__)
