"""Several site files, and folders of them, read as one site.

Strategy: each file is read once, whatever includes it. `profiles` and `devices` of all are put together, and
for each is known which file it stands in, so that every problem is told with file, line and path. A single
file's content is passed on as it is, also where it is no site at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from .document import MAX_BYTES, Document, parse_document
from .problems import Path, Problem, SiteError

PATTERN: Final = "*.yaml"  # of the files of a folder


def read_files(paths: Iterable[FilePath]) -> SiteText:
    """The files, the files of the folders, and what they include, as one text.

    Raises:
        SiteError: one of them cannot be read.
    """
    text = SiteText()
    for path in paths:
        found = sorted(path.glob(PATTERN)) if path.is_dir() else [path]
        if not found:
            raise _unreadable(str(path), f"is a folder without any {PATTERN}")
        for file in found:
            text.add_file(file, ())
    return text


class SiteText:
    """The content of all files, and where each part of it stands.

    Attributes:
        problems: what is wrong with the files as such.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._documents: list[tuple[str, Document]] = []
        self._read: set[FilePath] = set()
        self._profiles: dict[Any, tuple[str, Document]] = {}
        self._devices: list[tuple[str, Document, int]] = []
        self._content: dict[Any, Any] = {}

    @property
    def content(self) -> object:
        """Everything as one site; of a single file just what it holds, but for `include`."""
        if len(self._documents) == 1 and not isinstance(self._documents[0][1].content, dict):
            return self._documents[0][1].content
        return self._content

    def add_file(self, path: FilePath, includers: tuple[FilePath, ...]) -> None:
        """Reads a file and what it includes.

        Raises:
            SiteError: it cannot be read.
        """
        real = path.resolve()
        if real in self._read:
            return
        self._read.add(real)
        document = self.add(text_of(path), str(path))
        content = document.content
        if isinstance(content, dict) and "include" in content:
            self._include(content["include"], document, path, (*includers, real))

    def add(self, text: str, file: str) -> Document:
        """Takes a text.

        Raises:
            SiteError: it cannot be read to its end.
        """
        document = parse_document(text, file)
        self._documents.append((file, document))
        self.problems += document.problems
        if isinstance(document.content, dict):
            self._take(document.content, file, document)
        elif len(self._documents) > 1:
            self._refuse(document, file, (), "a site file is a map with `profiles` and `devices`")
        return document

    def located(self, problem: Problem) -> Problem:
        """A problem of the whole content, with its file and line."""
        path, file, document = problem.path, *self._documents[0]
        match path:
            case ("profiles", name, *_) if name in self._profiles:
                file, document = self._profiles[name]
            case ("devices", int(index), *rest) if index < len(self._devices):
                file, document, own = self._devices[index]
                path = ("devices", own, *rest)
        return dataclasses.replace(problem, path=path, line=document.line_of(path), file=file)

    def _take(self, content: Mapping[Any, Any], file: str, document: Document) -> None:
        for key, value in content.items():
            if key == "include":
                continue
            if key == "profiles" and isinstance(value, Mapping):
                self._take_profiles(value, file, document)
            elif key == "devices" and isinstance(value, list):
                self._content.setdefault("devices", [])
                self._content["devices"] += value
                self._devices += [(file, document, index) for index in range(len(value))]
            else:
                self._content[key] = value

    def _take_profiles(self, profiles: Mapping[Any, Any], file: str, document: Document) -> None:
        known = self._content.setdefault("profiles", {})
        for name, form in profiles.items():
            if name in self._profiles:
                other, elsewhere = self._profiles[name]
                line = elsewhere.line_of(("profiles", name))
                self._refuse(document, file, ("profiles", name), f"stands in {other}:{line} too")
            else:
                self._profiles[name] = file, document
                known[name] = form

    def _include(
        self, wanted: object, document: Document, path: FilePath, includers: tuple[FilePath, ...]
    ) -> None:
        patterns = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            self._refuse(document, str(path), ("include",), "must be a file's name or a list of names")
            return
        for index, pattern in enumerate(patterns):
            place: Path = ("include",) if isinstance(wanted, str) else ("include", index)
            for file in self._matching(document, path, place, pattern):
                if file.resolve() in includers:
                    self._refuse(document, str(path), place, f"{file} includes this file in turn")
                else:
                    self.add_file(file, includers)

    def _matching(self, document: Document, path: FilePath, place: Path, pattern: str) -> list[FilePath]:
        folder = path.parent
        if FilePath(pattern).is_absolute() or ".." in FilePath(pattern).parts or not pattern.strip():
            self._refuse(document, str(path), place, f"`{pattern}` must stay within this file's folder")
            return []
        found = sorted(file for file in folder.glob(pattern) if file.is_file())
        outside = [file for file in found if not file.resolve().is_relative_to(folder.resolve())]
        if outside:
            self._refuse(document, str(path), place, f"{outside[0]} lies outside this file's folder")
        elif not found:
            self._refuse(document, str(path), place, f"there is no file `{pattern}`")
        return [file for file in found if file not in outside]

    def _refuse(self, document: Document, file: str, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message, document.line_of(path), file))


def text_of(path: FilePath) -> str:
    """The text of a file.

    Raises:
        SiteError: it cannot be read, is too large, or is not UTF-8.
    """
    file = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unreadable(file, f"is larger than {MAX_BYTES // 2**20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(file, f"cannot be read: {error.strerror or error}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SiteError([Problem((), f"is not UTF-8: byte 0x{data[error.start]:02x}", line, file)]) from error


def _unreadable(file: str, why: str) -> SiteError:
    return SiteError([Problem((), why, None, file)])
