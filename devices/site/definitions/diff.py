"""What lies between two contents of a site, and what applying one to the other makes.

Strategy: pure. A device is known by its id, a profile by its name. Definitions are in their one writing, so
they are the same if they are equal and their maps have the same order, which in a `write` step is the order
on the wire. `enabled` is a switch that people turn: a site that does not mention it leaves it as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .content import Definition, SiteContent
from .hosts import misspelt
from .problems import Problem, SiteError


class DefinitionKind(StrEnum):
    """What has changed."""

    PROFILE = "profile"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """One definition that is added, changed or removed."""

    kind: DefinitionKind
    key: str | int  # a profile's name, a device's id
    name: str
    fields: tuple[str, ...] = ()  # what has changed, as paths within the definition

    def __str__(self) -> str:
        fields = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.kind} {self.name}{fields}"

    def to_map(self) -> dict[str, Any]:
        """For machines."""
        change: dict[str, Any] = {"kind": str(self.kind), "name": self.name}
        if self.kind is DefinitionKind.DEVICE:
            change["id"] = self.key
        if self.fields:
            change["fields"] = list(self.fields)
        return change


@dataclass(frozen=True, slots=True)
class Changes:
    """All that lies between two contents. False where nothing does."""

    added: tuple[DefinitionChange, ...] = ()
    changed: tuple[DefinitionChange, ...] = ()
    removed: tuple[DefinitionChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = (("added", self.added), ("changed", self.changed), ("removed", self.removed))
        lines = [f"{word} {change}" for word, changes in parts for change in changes]
        return "\n".join(lines) or "nothing to change"

    def to_map(self) -> dict[str, Any]:
        """For machines."""
        return {
            "added": [change.to_map() for change in self.added],
            "changed": [change.to_map() for change in self.changed],
            "removed": [change.to_map() for change in self.removed],
        }


def merge(old: SiteContent, site: SiteContent, *, prune: bool = False) -> SiteContent:
    """What a registry holds after a site is applied to it.

    Args:
        old: what it holds now.
        site: what is applied.
        prune: whether to remove what the site does not hold.

    Raises:
        SiteError: a device of the site has the name of another one that stays, or its endpoint in another
            spelling.
    """
    before = {form["id"]: form for form in old.devices}
    after = {form["id"]: _switched(form, before.get(form["id"])) for form in site.devices}
    if prune:
        return SiteContent(dict(site.profiles), tuple(after.values()))
    devices = before | after
    names = {form["name"]: form["id"] for number, form in before.items() if number not in after}
    problems = [
        Problem(
            ("devices", form["name"], "id"),
            f"is {form['id']}, but the registry holds {form['name']!r} with id {names[form['name']]}; "
            "give it that id, remove that device first, or apply with --prune",
        )
        for form in after.values()
        if form["name"] in names
    ]
    problems += [
        Problem(("devices", form["name"], "host"), why)
        for form, why in misspelt(devices.values())
        if form["id"] in after
    ]
    if problems:
        raise SiteError(problems)
    return SiteContent({**old.profiles, **site.profiles}, tuple(devices.values()))


def compare(old: SiteContent, new: SiteContent) -> Changes:
    """What has to be done to make one content into the other."""
    profiles = _compare(DefinitionKind.PROFILE, old.profiles, new.profiles, lambda name, _: str(name))
    devices = _compare(
        DefinitionKind.DEVICE,
        {form["id"]: _switched(form, None) for form in old.devices},
        {form["id"]: _switched(form, None) for form in new.devices},
        lambda _, form: str(form["name"]),
    )
    return Changes(
        profiles.added + devices.added,
        profiles.changed + devices.changed,
        profiles.removed + devices.removed,
    )


def same(old: object, new: object) -> bool:
    """Whether two pieces of definitions are the same, order and types included."""
    if old is new:  # devices share their profile's
        return True
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return list(old) == list(new) and all(same(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(same, old, new))
    return type(old) is type(new) and old == new


def _switched(form: Definition, before: Definition | None) -> Definition:
    """The definition with `enabled` as it will stand: there only where it is false."""
    enabled = form.get("enabled")
    if enabled is None and before is not None:
        enabled = before.get("enabled")
    rest = {key: value for key, value in form.items() if key != "enabled"}
    return {**rest, "enabled": False} if enabled is False else rest


def _compare(
    kind: DefinitionKind,
    old: Mapping[Any, Definition],
    new: Mapping[Any, Definition],
    name_of: Callable[[str | int, Definition], str],
) -> Changes:
    def change(key: str | int, form: Definition, fields: tuple[str, ...] = ()) -> DefinitionChange:
        return DefinitionChange(kind, key, name_of(key, form), fields)

    return Changes(
        added=tuple(change(key, form) for key, form in new.items() if key not in old),
        changed=tuple(
            change(key, form, tuple(_differing(old[key], form)))
            for key, form in new.items()
            if key in old and not same(old[key], form)
        ),
        removed=tuple(change(key, form) for key, form in old.items() if key not in new),
    )


def _differing(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "", depth: int = 3
) -> Iterator[str]:
    """The paths that differ, three names deep at most: `tags.temp.scale`."""
    found = False
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if key in old and key in new and same(before, after):
            continue
        found = True
        if isinstance(before, Mapping) and isinstance(after, Mapping) and depth > 1:
            yield from _differing(before, after, f"{prefix}{key}.", depth - 1)
        else:
            yield f"{prefix}{key}"
    if not found:
        yield f"{prefix.rstrip('.') or 'fields'} (order)"
