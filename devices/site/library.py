"""The library: profiles of common devices, to copy into a site file.

Strategy: each is a site file of its own with one profile, so that what is shown can be pasted, comments and
all, and is checked as any site is. A site refers to none of them: what a plant relies on stands in its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .definitions.content import Definition
from .load import parse_site

_FOLDER: Final = Path(__file__).parent.parent / "library"


@dataclass(frozen=True, slots=True)
class LibraryProfile:
    """One profile of the library.

    Attributes:
        name: the profile's.
        text: a site file with this profile alone.
        form: its definition.
    """

    name: str
    text: str
    form: Definition

    @property
    def description(self) -> str:
        """What it is, and its source."""
        return str(self.form.get("description", ""))


def library() -> dict[str, LibraryProfile]:
    """All profiles of the library, by name."""
    return {entry.name: entry for entry in map(_read, sorted(_FOLDER.glob("*.yaml")))}


def _read(path: Path) -> LibraryProfile:
    text = path.read_text(encoding="utf-8")
    [(name, form)] = parse_site(text, path.name).profiles.items()
    return LibraryProfile(name, text, form)
