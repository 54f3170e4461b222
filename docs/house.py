"""Draws the folders of the sources and who imports whom, from the imports themselves: `docs/house.svg`.

Strategy: a folder stands one floor above the highest folder that it imports. Of the imports only those are
drawn that no longer way implies, so that the picture stays readable. `make docs` writes the picture, and
`tests/test_architecture.py` measures with the same functions and checks that the picture is the present one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("client", "devices", "broker", "gateway")
PICTURE = ROOT / "docs" / "house.svg"
COLOURS = {"client": "#dbeafe", "devices": "#dcfce7", "broker": "#fef3c7", "gateway": "#fae8ff"}
BOX_WIDTH, BOX_HEIGHT, GAP, FLOOR, MARGIN = 168, 30, 16, 66, 24  # pixels

Imports = Mapping[str, frozenset[str]]  # folder -> the folders of ours that its files import


def sources() -> list[Path]:
    """Every source file."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@cache
def imports(path: Path) -> tuple[tuple[str, ...], ...]:
    """The dotted names that a file imports, with the imported name; relative ones as seen from the root."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, ...]]:
    here = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            start = here[: len(here) - node.level + 1] if node.level else ()
            yield from ((*start, *module, alias.name) for alias in node.names)


def folder_of(name: tuple[str, ...]) -> str:
    """The folder of the module that a dotted name of ours leads to."""
    parts = name
    while not (ROOT.joinpath(*parts).with_suffix(".py").is_file() or ROOT.joinpath(*parts).is_dir()):
        parts = parts[:-1]
    return "/".join(parts if ROOT.joinpath(*parts).is_dir() else parts[:-1])


def imported_folders() -> Imports:
    """Who imports whom, by folder; itself not counted."""
    found: dict[str, set[str]] = {}
    for path in sources():
        folder = str(path.parent.relative_to(ROOT))
        names = (name for name in imports(path) if name[0] in PACKAGES)
        found.setdefault(folder, set()).update(folder_of(name) for name in names)
    return {folder: frozenset(targets - {folder}) for folder, targets in sorted(found.items())}


def floors(table: Imports) -> dict[str, int]:
    """How high each folder stands: one above the highest that it imports; the ground is 0."""

    @cache
    def height(folder: str) -> int:
        return max((height(target) + 1 for target in table[folder]), default=0)

    return {folder: height(folder) for folder in table}


def direct(table: Imports) -> list[tuple[str, str]]:
    """The imports that no longer way implies, as (who, whom)."""

    @cache
    def reaches(folder: str) -> frozenset[str]:
        return table[folder].union(*(reaches(target) for target in table[folder]))

    return [
        (folder, target)
        for folder, targets in table.items()
        for target in sorted(targets)
        if not any(target in reaches(other) for other in targets if other != target)
    ]


def picture(table: Imports) -> str:
    """The house as an SVG document."""
    height = floors(table)
    top = max(height.values())
    rows = [[folder for folder in table if height[folder] == floor] for floor in range(top + 1)]
    width = 2 * MARGIN + max(len(row) for row in rows) * (BOX_WIDTH + GAP) - GAP
    corner: dict[str, tuple[float, float]] = {}
    for floor, row in enumerate(rows):
        row.sort(key=lambda folder: (PACKAGES.index(folder.split("/")[0]), folder))
        left = (width - len(row) * (BOX_WIDTH + GAP) + GAP) / 2
        for place, folder in enumerate(row):
            corner[folder] = (left + place * (BOX_WIDTH + GAP), MARGIN + (top - floor) * FLOOR)
    lines = [_arrow(corner[who], corner[whom]) for who, whom in direct(table)]
    boxes = [_box(folder, *corner[folder]) for folder in table]
    depth = 2 * MARGIN + top * FLOOR + BOX_HEIGHT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{depth}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *lines, *boxes, "</svg>", ""])


def _arrow(who: tuple[float, float], whom: tuple[float, float]) -> str:
    """A line from the bottom of who imports to the top of what is imported."""
    x1, y1 = who[0] + BOX_WIDTH / 2, who[1] + BOX_HEIGHT
    x2, y2 = whom[0] + BOX_WIDTH / 2, whom[1]
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:g} {y1:g} C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}" '
        'fill="none" stroke="#9ca3af"/>'
    )


def _box(folder: str, x: float, y: float) -> str:
    colour = COLOURS[folder.split("/")[0]]
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="4" fill="{colour}" '
        f'stroke="#6b7280"/><text x="{x + BOX_WIDTH / 2:g}" y="{y + 19:g}" '
        f'text-anchor="middle">{folder}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(imported_folders()))
