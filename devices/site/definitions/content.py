"""What a site file and a registry hold: definitions as plain data.

Strategy: a definition is the canonical form that `schema.canonical` makes: maps, lists and scalars that go
through JSON and MessagePack unchanged, without anything that equals its default. Such data is what the
registry stores, what hosts receive, and what is compared; it has been validated before it comes into being.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_PYTHON_CLASS: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

Definition = Mapping[str, Any]
"""One profile or device, as JSON has it."""


@dataclass(frozen=True, slots=True)
class SiteContent:
    """The definitions of one site, in canonical form."""

    profiles: Mapping[str, Definition] = field(default_factory=dict)  # by name
    devices: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot(SiteContent):
    """What a registry held at one moment. It grows its revision with every change."""

    revision: int = 0


def is_python_class(profile: str) -> bool:
    """Whether a device's profile names a Python class, `module:Class`."""
    return _PYTHON_CLASS.fullmatch(profile) is not None
