"""The tables: on the terminal, and as Markdown.

Strategy: pure but for `show`. Both tables are made of the same cells, so they cannot differ.
"""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import distributions, version
from pathlib import Path

import plan
import zmq
from measure import Row, find
from rich.console import Console
from rich.table import Table
from targets import Target

HEAD = (
    "",
    "codec",
    "in flight",
    "tags",
    "requests/s",
    "least…most",
    "to floor",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "Modbus/s",
    "PLC",
)
TARGET_HEAD = ("ratio", "target", "measured (least…most)", "")
GROUPS = {plan.FAST: "Fast PLC", plan.SLOW: "5 ms PLC"}


def cells(row: Row, rows: Sequence[Row]) -> list[str]:
    """One line of the table: the columns of `HEAD`."""
    floor = find(rows, plan.FLOOR, plan.NONE, row.window, codec=row.codec) if row.plc != plan.SLOW else None
    has_plc = row.plc != plan.NONE
    return [
        row.contender,
        row.codec,
        f"{row.window:,}",
        str(row.tags),
        f"{row.rate:,.0f}",
        f"{min(row.rates):,.0f}…{max(row.rates):,.0f}",
        f"{row.rate / floor.rate:.2f}" if floor and row.codec != "-" else "",
        milliseconds(row.p50),
        milliseconds(row.p99),
        f"{middle(row.cost) * 1e6:.0f}" if row.cost else "",
        f"{middle(row.modbus):,.0f}" if has_plc else "",
        f"{middle(row.busy):.0%}" if has_plc else "",
    ]


def middle(values: Sequence[float]) -> float:
    """The median, of an odd or even number of rounds one that was measured."""
    return sorted(values)[len(values) // 2]


def milliseconds(seconds: float) -> str:
    """Three digits."""
    return f"{seconds * 1e3:.3f}" if seconds < 0.01 else f"{seconds * 1e3:.1f}"


def grouped(rows: Sequence[Row]) -> dict[str, list[list[str]]]:
    """The lines of the table below their headings; what has no PLC stands with the fast one."""
    groups: dict[str, list[list[str]]] = {title: [] for title in GROUPS.values()}
    for row in rows:
        groups[GROUPS.get(row.plc, GROUPS[plan.FAST])].append(cells(row, rows))
    return groups


def judged(met: Sequence[Target]) -> list[list[str]]:
    """The lines of the table of targets."""
    return [[target.what, target.wanted, str(target.measured), target.verdict] for target in met]


def conditions(rounds: int, seconds: float, peers: Path | None) -> str:
    """Under what the run was made, in one line."""
    versions = [f"Python {platform.python_version()}", f"libzmq {zmq.zmq_version()}"]
    versions += [f"{name} {version(name)}" for name in ("pyzmq", "uvloop", "pymodbus")]
    if peers is not None:
        places = [str(place) for place in peers.glob("lib/python*/site-packages")]
        found = {each.name: each.version for each in distributions(path=places)}
        versions += [f"{name} {found[name]}" for name in ("modbus-proxy", "pyleco")]
    cores = len(os.sched_getaffinity(0))
    rounds_of = f"{rounds} round{'s' if rounds > 1 else ''} of {seconds:g} s"
    return f"{cores} cores, {platform.system()}, {', '.join(versions)}; {rounds_of} for each line."


def show(console: Console, rows: Sequence[Row], met: Sequence[Target], under: str) -> None:
    """Prints the tables."""
    for title, lines in grouped(rows).items():
        _print(console, title, HEAD, lines)
    _print(console, "Ratios", TARGET_HEAD, judged(met))
    console.print(under)


def _print(console, title, head, lines):
    if not lines:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for number, name in enumerate(head):
        is_text = number == 0 or name == "codec"
        table.add_column(name, justify="left" if is_text else "right", no_wrap=head is HEAD)
    for line in lines:
        table.add_row(*line)
    console.print(table, "")


def markdown(rows: Sequence[Row], met: Sequence[Target], under: str) -> str:
    """The tables for a document."""
    parts = [under, ""]
    parts += _table(TARGET_HEAD, judged(met))
    for title, lines in grouped(rows).items():
        if lines:
            parts += [f"**{title}**", "", *_table(HEAD, lines)]
    return "\n".join(parts)


def _table(head, lines):
    align = ["---" if number == 0 else "---:" for number in range(len(head))]
    return [f"| {' | '.join(cells)} |" for cells in (head, align, *lines)] + [""]
