"""What can be wrong with a site, told to people.

Strategy: a problem is a place and a sentence. All problems of a site are collected into one `SiteError`, so
that a file is put right in one go.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MANY_NAMES: Final = 300  # more are not compared one by one

Path = tuple[str | int, ...]
"""A place in a site: `("profiles", "press", "tags", "temp", "type")`."""

Findings = Iterator[tuple[Path, str]]
"""Places and what is wrong there, as the rules find it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    path: Path
    message: str
    line: int | None = None  # counted from 1; None where there is no file
    file: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, path_text(self.path), self.message) if part)


class SiteError(ValueError):
    """A site that cannot be used as it stands. Nothing has been changed.

    Attributes:
        problems: everything that was found, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[SiteError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def path_text(path: Path) -> str:
    """The path as people write it: `devices[3].link.timeout`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that comes close to a wrong one; None where none does.

    Of very many names only some of about the same length are looked at, as the comparison takes its time.
    """
    names = {name.lower(): name for name in known}
    if len(names) > MANY_NAMES:
        alike = (name for name in names if abs(len(name) - len(wrong)) <= 2)
        names = {name: names[name] for name in itertools.islice(alike, MANY_NAMES)}
    close = difflib.get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing where no known name comes close."""
    close = nearest(wrong, known)
    return "" if close is None else f"; did you mean `{close}`?"


def quoted_list(names: Iterable[object]) -> str:
    """The names for a sentence: `a`, `b`, `c`."""
    return ", ".join(f"`{name}`" for name in names)
