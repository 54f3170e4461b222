"""The site file to content: read, validated whole, and brought into its one writing.

Strategy: files to data (`files`), data to forms (`structure`), forms against each other (`rules`). All
problems are collected and sorted by file and line, so one look at the files settles them all.
"""

from __future__ import annotations

from pathlib import Path as FilePath

from .definitions.content import SiteContent
from .definitions.expand import expanded
from .definitions.files import SiteText, read_files
from .definitions.problems import Problem, SiteError
from .forms.base import canonical
from .forms.schema import SiteForm
from .forms.structure import read_forms
from .whole import check_site


def load_site(*paths: FilePath) -> SiteContent:
    """The content of site files and of folders of them, as one site.

    Args:
        paths: files, YAML in UTF-8, and folders, of which all `*.yaml` are read.

    Raises:
        SiteError: a file cannot be read or is not valid; with file, line and path of every problem.
    """
    return _content_of(read_files(paths))


def parse_site(text: str, file: str = "") -> SiteContent:
    """The content of a site file's text.

    Args:
        text: YAML.
        file: the file's name, for messages.

    Raises:
        SiteError: it is not valid; with file, line and path of every problem.
    """
    site = SiteText()
    site.add(text, file)
    return _content_of(site)


def _content_of(site: SiteText) -> SiteContent:
    content, found = expanded(site.content)
    parts, problems = read_forms(content)
    found += problems + check_site(parts)
    wrong = [*site.problems, *map(site.located, found)]
    if wrong:
        raise SiteError(sorted(wrong, key=_place))
    form = canonical(SiteForm.model_validate(content))
    return SiteContent(form.get("profiles", {}), tuple(form.get("devices", ())))


def _place(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line or 0
