"""Content to the text of a site file, which applies to no change.

Strategy: laid out as people write it: a tag, an argument, a step's fields and a device's link settings stand
on a line of their own in braces, all else is indented. Whatever YAML 1.1 or 1.2 would take for something
other than text is quoted, so that any reader gets back what was there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from .content import Definition, SiteContent
from .document import NUMBER_LIKE

_RARE_BREAK: Final = re.compile("[\r\x85\u2028\u2029]")


class _Inline(dict[Any, Any]):
    """A map that is written in braces."""


class _InlineList(list[Any]):
    """A list that is written in brackets."""


class _Dumper(yaml.SafeDumper):
    """Writes text that any YAML reader takes for text."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Text whose breaks the emitter would fold away stands in double quotes, where they are escapes."""
    style = '"' if _RARE_BREAK.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(
    _Inline,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True),
)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(
    _InlineList,
    lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True),
)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER_LIKE, list("-+.0123456789"))


def site_text(content: SiteContent) -> str:
    """The text of the site file that holds this content."""
    site = {
        "profiles": {name: _profile(form) for name, form in content.profiles.items()},
        "devices": [_device(form) for form in content.devices],
    }
    text: str = yaml.dump(
        site, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110
    )
    return text


def _profile(form: Definition) -> dict[str, Any]:
    profile = dict(form)
    if "tags" in profile:
        profile["tags"] = {name: _tag(tag) for name, tag in profile["tags"].items()}
    if "on_connect" in profile:
        profile["on_connect"] = _steps(profile["on_connect"])
    if "heartbeat" in profile:
        profile["heartbeat"] = [_fields(beat) for beat in profile["heartbeat"]]
    if "actions" in profile:
        profile["actions"] = {name: _action(action) for name, action in profile["actions"].items()}
    return profile


def _tag(form: Definition) -> _Inline:
    tag = _Inline(form)
    if "enum" in tag:
        tag["enum"] = _Inline({int(number): name for number, name in tag["enum"].items()})
    return tag


def _action(form: Definition) -> dict[str, Any]:
    action = dict(form)
    if "args" in action:
        action["args"] = {name: _Inline(schema) for name, schema in action["args"].items()}
    for part in ("steps", "finally"):
        if part in action:
            action[part] = _steps(action[part])
    return action


def _steps(steps: Iterable[Definition]) -> list[dict[str, Any]]:
    return [{kind: _fields(fields) for kind, fields in step.items()} for step in steps]


def _fields(fields: Any) -> Any:
    if isinstance(fields, Mapping):
        return _Inline({name: _fields(value) for name, value in fields.items()})
    return _InlineList(fields) if isinstance(fields, list) else fields


def _device(form: Definition) -> dict[str, Any]:
    device = dict(form)
    if "link" in device:
        device["link"] = _Inline(device["link"])
    return device
