"""The site file to content: read, validated whole, and brought into its one writing.

Strategy: text to data (`document`), data to forms (`structure`), forms against each other (`rules`). The
problems of the last two are collected and sorted by line, so one look at the file settles them all.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path as FilePath

from .definitions.content import SiteContent
from .definitions.document import MAX_BYTES, Document, parse_document
from .definitions.expand import expanded
from .definitions.problems import Problem, SiteError
from .forms.base import canonical
from .forms.schema import SiteForm
from .forms.structure import read_forms
from .whole import check_site


def load_site(path: FilePath) -> SiteContent:
    """The content of a site file.

    Args:
        path: the file, YAML in UTF-8.

    Raises:
        SiteError: the file cannot be read or is not valid; with file, line and path of every problem.
    """
    file = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unreadable(file, f"is larger than {MAX_BYTES // 2**20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(file, f"cannot be read: {error.strerror or error}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SiteError([Problem((), f"is not UTF-8: byte 0x{data[error.start]:02x}", line, file)]) from error
    return parse_site(text, file)


def parse_site(text: str, file: str = "") -> SiteContent:
    """The content of a site file's text.

    Args:
        text: YAML.
        file: the file's name, for messages.

    Raises:
        SiteError: it is not valid; with file, line and path of every problem.
    """
    document = parse_document(text, file)
    content, found = expanded(document.content)
    found += _problems_of(content)
    problems = [*document.problems, *_located(found, document, file)]
    if problems:
        raise SiteError(sorted(problems, key=lambda problem: problem.line or 0))
    return _content_of(content)


def _problems_of(content: object) -> list[Problem]:
    parts, problems = read_forms(content)
    return problems + check_site(parts)


def _content_of(content: object) -> SiteContent:
    form = canonical(SiteForm.model_validate(content))
    return SiteContent(form.get("profiles", {}), tuple(form.get("devices", ())))


def _located(problems: list[Problem], document: Document, file: str) -> list[Problem]:
    return [dataclasses.replace(p, line=document.line_of(p.path), file=file) for p in problems]


def _unreadable(file: str, why: str) -> SiteError:
    return SiteError([Problem((), why, None, file)])
