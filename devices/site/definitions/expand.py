"""What a site file says in short, said in full: inherited profiles, and addresses that count from 1.

Strategy: plain data to plain data, before anything is checked, so that what is checked, stored and compared
has one writing. Whatever is not as it should be is left alone here, for the checks behind it to name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .problems import Path, Problem, suggestion

_NUMBERED: Final = re.compile(r"([a-z]+):(0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)", re.ASCII)
_INHERITED_MAPS: Final = ("tags", "actions")

Profiles = Mapping[str, Any]


def expanded(content: object) -> tuple[object, list[Problem]]:
    """The content in full, and what is wrong with what it says in short."""
    if not isinstance(content, Mapping) or not isinstance(content.get("profiles"), Mapping):
        return content, []
    expander = _Expander(content["profiles"])
    profiles = {name: expander.profile(name) for name in content["profiles"]}
    return {**content, "profiles": profiles}, expander.problems


def rebased(profile: Mapping[str, Any]) -> dict[str, Any]:
    """A profile whose addresses count from 0, where its `address_base` is 1."""
    rest = {key: value for key, value in profile.items() if key != "address_base"}
    base, tags = profile.get("address_base"), profile.get("tags")
    if base not in (0, 1) or isinstance(base, bool):
        return dict(profile)
    if base == 1 and isinstance(tags, Mapping):
        rest["tags"] = {name: _lowered(tag) for name, tag in tags.items()}
    return rest


class _Expander:
    """The profiles of one site, each in full once."""

    def __init__(self, profiles: Profiles) -> None:
        self.problems: list[Problem] = []
        self._raw = profiles
        self._done: dict[str, Any] = {}
        self._under_way: list[str] = []

    def profile(self, name: str) -> Any:
        """One profile in full."""
        if name not in self._done:
            raw = self._raw[name]
            self._done[name] = self._in_full(name, raw) if isinstance(raw, Mapping) else raw
        return self._done[name]

    def _in_full(self, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        own = rebased(raw)
        parents = own.pop("extends", None)
        parents = [parents] if isinstance(parents, str) else parents
        if parents is None:
            return own
        path: Path = ("profiles", name, "extends")
        if not isinstance(parents, list):
            self._refuse(path, "must be a profile's name or a list of names")
            return own
        self._under_way.append(name)
        merged: dict[str, Any] = {}
        for parent in parents:
            if parent in self._under_way:
                self._refuse(path, f"`{parent}` extends `{name}` in turn")
            elif not isinstance(parent, str) or parent not in self._raw:
                hint = suggestion(str(parent), map(str, self._raw)) or "; it must stand under `profiles`"
                self._refuse(path, f"unknown profile `{parent}`{hint}")
            elif isinstance(found := self.profile(parent), Mapping):
                merged = _merged(merged, found)
        self._under_way.pop()
        return _merged(merged, own)

    def _refuse(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What is inherited, replaced by what is given, without what is given as null."""
    merged = {**base, **own}
    for key in _INHERITED_MAPS:
        mine, inherited = own.get(key, {}), base.get(key, {})
        if isinstance(mine, Mapping) and isinstance(inherited, Mapping) and (mine or inherited):
            both = {**inherited, **mine}
            merged[key] = {
                name: item for name, item in both.items() if item is not None or name not in inherited
            }
    return merged


def _lowered(tag: Any) -> Any:
    """A tag whose address counts from 0; Modicon notation says by itself where it begins."""
    if not isinstance(tag, Mapping) or not isinstance(tag.get("address"), str):
        return tag
    numbered = _NUMBERED.fullmatch(tag["address"])
    if numbered is None:
        return tag
    number = int(numbered[2], 0)
    if number == 0:
        return {**tag, "address": f"{numbered[1]}:0 (which does not exist with address_base 1)"}
    return {**tag, "address": f"{numbered[1]}:{number - 1}"}
