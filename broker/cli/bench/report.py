"""What `bench` shows for people: what it is about to do, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from ....client.load.schedule import Load, OpenLoop
from ..terminal import render


def print_begin(load: Load) -> None:
    """What is asked of whom for how long; at a terminal only, for nothing else is shown until the end."""
    if not render.stdout().is_terminal:
        return
    devices, schedule = load.mix.devices, load.schedule
    way = (
        f"{schedule.rate:,g} requests/s"
        if isinstance(schedule, OpenLoop)
        else f"{schedule.in_flight:,} in flight"
    )
    whom = ", ".join(map(str, devices)) if len(devices) <= 4 else f"{len(devices)} devices"
    render.remark(f"{whom}: {way} for {load.end:g} s; Ctrl-C ends it and reports")


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
