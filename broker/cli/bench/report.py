"""What `bench` shows: how the load goes while it goes, and what came of it.

Strategy: at a terminal a few lines are drawn anew four times a second, and make room for the result. A pipe
gets the result alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...client.load.meter import WINDOW, Totals, Window, merged
from ...client.load.plan import Plan
from ...client.load.schedule import OpenLoop
from ...client.load.summary import in_words, slot_width
from .terminal import render

REDRAW = 0.25  # seconds

_BARS = "▁▂▃▄▅▆▇█"
_SPARKS = 60  # windows that the small curve shows
_KEPT = 3 * _SPARKS

Show = Callable[[float], None]


class Board:
    """What is known while the load runs.

    Attributes:
        totals: all that was counted.
    """

    def __init__(self, plan: Plan, processes: int) -> None:
        self.totals = Totals(slot_width(plan.end, WINDOW))
        self._plan = plan
        self._processes = processes
        self._recent: defaultdict[int, list[Window]] = defaultdict(list)  # by number of the half second

    def take(self, window: Window, process: int) -> None:
        """Takes in what a process has counted."""
        self.totals.add(window, process)
        self._recent[round(window.at / WINDOW)].append(window)
        self._recent.pop(round(window.at / WINDOW) - _KEPT, None)

    def drawn(self, since: float) -> Group:
        """The board, so many seconds after the start."""
        plan = self._plan
        way = (
            f"{plan.schedule.rate:,g} requests/s"
            if isinstance(plan.schedule, OpenLoop)
            else f"{plan.schedule.in_flight:,} in flight"
        )
        devices = plan.mix.devices
        whom = ", ".join(map(str, devices)) if len(devices) <= 4 else f"{len(devices)} devices"
        head = Text.assemble((whom, "bold"), f"  {way}  ", ("Ctrl-C ends it and reports", "dim"))
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(
            total=plan.end,
            completed=max(0.0, min(since, plan.end)),
            width=40,
            complete_style="cyan",
            finished_style="green",
        )
        line.add_row(bar, Text(f"{max(0.0, min(since, plan.end)):.0f} of {plan.end:g} s"), self._phase(since))
        return Group(head, line, self._table(), Text(self._spark(), "cyan", no_wrap=True))

    def _phase(self, since: float) -> Text:
        if since < self._plan.warm_up:
            return Text("warming up", "yellow")
        return Text("waiting for the last answers" if since > self._plan.end else "", "dim")

    def _table(self) -> Table:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
        for head in ("", "REQUESTS/S", "P50", "P99", "ERRORS", "IN FLIGHT"):
            table.add_column(head, justify="left" if not head else "right", no_wrap=True)
        number = self._last_whole()
        now = self._recent.get(number, []) if number is not None else []
        packed = [tally[0] for window in now for tally in window.tallies.values()]
        latencies = merged(packed)
        errors = sum(_failures(window) for window in now)
        in_flight = sum(self.totals.in_flight.values())
        table.add_row(
            Text("now", "dim"),
            f"{latencies.count / WINDOW:,.0f}",
            _words(latencies.percentile(50)),
            _words(latencies.percentile(99)),
            Text(f"{errors / WINDOW:,.0f}/s", "red" if errors else ""),
            f"{in_flight:,}",
        )
        whole = self.totals.overall()
        table.add_row(
            Text("measured", "dim"),
            Text(f"{whole.latencies.count:,} in all", "dim"),
            _words(whole.latencies.percentile(50)),
            _words(whole.latencies.percentile(99)),
            Text(f"{whole.failed:,}", "red" if whole.failed else ""),
            "",
        )
        return table

    def _last_whole(self) -> int | None:
        """The last half second that all processes have told of."""
        whole = [number for number, windows in self._recent.items() if len(windows) >= self._processes]
        return max(whole, default=None)

    def _spark(self) -> str:
        last = self._last_whole()
        if last is None:
            return ""
        counts = [
            sum(
                tally[0].count for window in self._recent.get(number, ()) for tally in window.tallies.values()
            )
            for number in range(max(1, last - _SPARKS + 1), last + 1)
        ]
        most = max(counts, default=0) or 1
        return "".join(_BARS[min(len(_BARS) - 1, count * len(_BARS) // most)] for count in counts)


@contextmanager
def showing(board: Board, *, quiet: bool) -> Iterator[Show]:
    """What draws the board, where somebody looks."""
    console = render.stdout()
    if quiet or not console.is_terminal:
        yield lambda _since: None
        return
    drawn_at = 0.0

    def show(since: float) -> None:
        nonlocal drawn_at
        if time.monotonic() - drawn_at >= REDRAW:
            drawn_at = time.monotonic()
            live.update(board.drawn(since), refresh=True)

    with Live(board.drawn(0.0), console=console, auto_refresh=False, transient=True) as live:
        yield show


def print_result(document: Mapping[str, Any]) -> None:
    """The result for people, its warnings on stderr."""
    requests, rate = document["requests"], document["rate"]
    offered = f" of {rate['offered'] or 0:,.0f} offered" if document["load"]["loop"] == "open" else ""
    render.print_line(
        f"[bold]{rate['achieved'] or 0:,.0f} requests/s[/]{offered}: {requests['succeeded']:,} succeeded and "
        f"{requests['failed']:,} failed in {document['seconds']:g} s"
    )
    heads = ("OPERATION", "OK", "FAILED", "P50", "P75", "P90", "P99", "P99.9", "MAX")
    rows = [_row(name, each, each["latency"]) for name, each in document["operations"].items()]
    if len(rows) > 1:
        rows.append(_row("all", requests, document["latency"]))
    if lag := document["generator"]["send_lag"]:
        rows.append(("sent late by", "", "", *_durations(lag)))
    if rows:
        render.print_line("[dim]latencies in ms[/]")
        render.print_table(heads, rows)
    if document["errors"]:
        render.print_line()
        errors = [(code, error["count"], error["example"]) for code, error in document["errors"].items()]
        render.print_table(("ERROR", "COUNT", "FOR EXAMPLE"), errors)
    for warning in document["warnings"]:
        render.stderr().print(Text.assemble(("warning  ", "bold yellow"), warning))


def _row(name: str, counts: Mapping[str, Any], latency: Mapping[str, float | None]) -> tuple[object, ...]:
    return name, counts["succeeded"], counts["failed"], *_durations(latency)


def _durations(latency: Mapping[str, float | None]) -> list[str]:
    """Percentiles in milliseconds: with a unit in each of them the table has no room in 80 columns."""
    found = (latency[name] for name in ("p50", "p75", "p90", "p99", "p99_9", "max"))
    return ["" if seconds is None else _milliseconds(seconds * 1e3) for seconds in found]


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _words(seconds: float | None) -> str:
    return "" if seconds is None else in_words(seconds)


def _failures(window: Window) -> int:
    return sum(sum(tally[1].values()) for tally in window.tallies.values())
