"""YAML text to plain data that remembers its lines.

Strategy: PyYAML's parser gives events, which neither recurse nor construct anything, so no text can run code
or exhaust the stack. Scalars are read as YAML 1.2 reads them (as editors and most other languages do): only
`true` and `false` are booleans, so a tag may be called `on`, and an enum may map 0 to `off`. What YAML 1.1
and 1.2 read as different numbers (`010`), duplicate keys and custom tags are refused. Aliases and merge
keys work, up to a limit on what they expand to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import yaml

from .problems import Path, Problem, SiteError

MAX_DEPTH: Final = 40  # nested containers
MAX_NODES: Final = 2_000_000  # after aliases are expanded
MAX_BYTES: Final = 64 * 1024 * 1024

Key = str | int | float | bool | None

_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE: Final = "tag:yaml.org,2002:"
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_BASED_INT: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_AMBIGUOUS_INT: Final = re.compile(r"[-+]?0[0-9]+", re.ASCII)
NUMBER_LIKE: Final = re.compile(
    "(?:" + "|".join(form.pattern for form in (_INT, _FLOAT, _BASED_INT, _AMBIGUOUS_INT)) + r")\Z", re.ASCII
)
"""Text that needs quotes to stay text here."""
_WORDS: Final[dict[str, Key]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_KINDS: Final[dict[str, type]] = {
    f"{_CORE}int": int,
    f"{_CORE}float": float,
    f"{_CORE}bool": bool,
    f"{_CORE}null": type(None),
}


@dataclass(slots=True)
class Node:
    """A value, and where its parts stand."""

    value: object
    size: int = 1  # values in it, itself counted
    parts: dict[Key, tuple[int, Node]] = field(default_factory=dict)  # line and node, by key or index


class Document:
    """What a text holds: `content`, the line of each part, and `problems` that did not end the reading."""

    def __init__(self, root: Node, line: int, problems: Sequence[Problem] = ()) -> None:
        self._root = root
        self._line = line
        self.content = root.value
        self.problems = tuple(problems)

    def line_of(self, path: Path) -> int:
        """The line, counted from 1, of a part; of what it would stand in where it is missing."""
        line, node = self._line, self._root
        for part in path:
            found = node.parts.get(part)
            if found is None:
                break
            line, node = found
        return line


def parse_document(text: str, file: str) -> Document:
    """The document in a text.

    Args:
        text: YAML.
        file: its name, for messages.

    Raises:
        SiteError: it cannot be read to its end.
    """
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        composer.stop_at(f"not valid YAML: {error.problem or error.context}", line)
    except yaml.YAMLError as error:
        composer.stop_at(f"not valid YAML: {error}", None)
    return composer.document()


@dataclass(slots=True)
class _Open:
    """A container that is being read."""

    node: Node
    line: int
    anchor: str | None
    is_map: bool
    key: Key = None
    key_line: int | None = None  # None where a key, not a value, comes next
    merged: list[Node] = field(default_factory=list)


class _Stop(yaml.YAMLError):
    """Reading on makes no sense; the problem has been noted."""


class _Composer:
    """Builds the node tree, one event at a time, on a stack of its own."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._root_line = 1
        self._stopped = False

    def document(self) -> Document:
        if not self._stopped and (self._root is None or self._root.value is None):
            self.stop_at("the file is empty; it holds `profiles` and `devices`", None)
        if self._stopped or self._root is None:
            raise SiteError(self._problems)
        return Document(self._root, self._root_line, self._problems)

    def stop_at(self, message: str, line: int | None) -> None:
        self.refuse_at((), message, line)
        self._stopped = True

    def refuse_at(self, path: Path, message: str, line: int | None) -> None:
        if not self._stopped:
            self._problems.append(Problem(path, message, line, self._file))

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, line))
            self._remember(event.anchor, node)
            self._add(node, line, is_merge=event.value == "<<" and event.implicit[0])
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._aliased(event.anchor or "", line), line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self._stack.pop()
            self._merge(closed)
            self._remember(closed.anchor, closed.node)
            self._add(closed.node, closed.line)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            self._stop("a second document (`---`) in the file; a site file holds one", line)

    # --- scalars

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Key:
        text: str = event.value
        tag: str | None = event.tag
        if tag in (None, "!", f"{_CORE}str"):
            return self._plain(text, line) if event.implicit[0] and tag is None else text
        value = self._plain(text, line)
        if tag == f"{_CORE}float" and type(value) is int:
            return float(value)
        if type(value) is not _KINDS.get(tag or ""):
            self.refuse_at(self._path(), f"the YAML tag `{_short_tag(tag)}` is not possible here", line)
        return value

    def _plain(self, text: str, line: int) -> Key:
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > 400:
            return text
        if _INT.fullmatch(text):
            return int(text)
        if _AMBIGUOUS_INT.fullmatch(text):
            hint = f"write '{text}' in quotes for text (an address, say), or {int(text)} for the number"
            self.refuse_at(
                self._path(), f"{text} is octal to some YAML readers and decimal to others; {hint}", line
            )
        elif _FLOAT.fullmatch(text):
            return float(text)
        elif _BASED_INT.fullmatch(text):
            return int(text, 0)
        return text

    # --- containers

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> None:
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{_CORE}{'map' if is_map else 'seq'}"):
            self.refuse_at(self._path(), f"the YAML tag `{_short_tag(event.tag)}` is not possible here", line)
        if self._stack and self._stack[-1].is_map and self._stack[-1].key_line is None:
            self._stop("a map or a list cannot be a key", line)
        if len(self._stack) >= MAX_DEPTH:
            self._stop(f"nested more than {MAX_DEPTH} deep", line)
        self._stack.append(_Open(Node({} if is_map else []), line, event.anchor, is_map))

    def _add(self, node: Node, line: int, *, is_merge: bool = False) -> None:
        if not self._stack:
            self._root, self._root_line = node, line
            return
        parent = self._stack[-1]
        if parent.is_map and parent.key_line is None:
            parent.key, parent.key_line = self._as_key(node, line, is_merge), line
            return
        parent.node.size += node.size
        if parent.node.size > MAX_NODES:
            self._stop(f"aliases expand to more than {MAX_NODES} values", line)
        if not parent.is_map:
            values = _list_of(parent.node)
            parent.node.parts[len(values)] = line, node
            values.append(node.value)
            return
        key, key_line = parent.key, parent.key_line or line
        if isinstance(key, _Merge):
            self._collect(parent, node, key_line)
        elif key in parent.node.parts:
            first = parent.node.parts[key][0]
            self.refuse_at(self._path(), f"stands twice in this map; first in line {first}", key_line)
        else:
            parent.node.parts[key] = key_line, node
            _map_of(parent.node)[key] = node.value
        parent.key_line = None

    def _as_key(self, node: Node, line: int, is_merge: bool) -> Key:
        if is_merge:
            return _Merge("<<")
        if isinstance(node.value, dict | list):
            self._stop("a map or a list cannot be a key", line)
        return node.value if isinstance(node.value, str | int | float | bool) else None

    def _collect(self, parent: _Open, node: Node, line: int) -> None:
        sources = [part for _, part in node.parts.values()] if isinstance(node.value, list) else [node]
        if not all(isinstance(source.value, dict) for source in sources):
            self.refuse_at(self._path(), "a merge (`<<`) takes a map or a list of maps", line)
            return
        parent.merged += sources

    def _merge(self, closed: _Open) -> None:
        """What the map itself says goes before what it merges; an earlier source before a later one."""
        for source in closed.merged:
            for key, part in source.parts.items():
                if key not in closed.node.parts:
                    closed.node.parts[key] = part
                    _map_of(closed.node)[key] = part[1].value

    # --- anchors

    def _remember(self, anchor: str | None, node: Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node

    def _aliased(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            self._stop(f"the alias `*{anchor}` stands before, or within, what it names", line)
        return self._anchors[anchor]

    # --- problems

    def _stop(self, message: str, line: int) -> None:
        self.refuse_at(self._path(), message, line)
        self._stopped = True
        raise _Stop(message)

    def _path(self) -> Path:
        return tuple(self._path_parts())

    def _path_parts(self) -> Iterator[str | int]:
        for container in self._stack:
            if not container.is_map:
                yield len(_list_of(container.node))
            elif container.key_line is not None:
                yield container.key if isinstance(container.key, int | str) else str(container.key)


class _Merge(str):
    """The key `<<`, told apart from text that looks like it."""

    __slots__ = ()


def _map_of(node: Node) -> dict[Key, object]:
    assert isinstance(node.value, dict)
    return node.value


def _list_of(node: Node) -> list[object]:
    assert isinstance(node.value, list)
    return node.value


def _short_tag(tag: str | None) -> str:
    return (tag or "").replace(_CORE, "!!")
