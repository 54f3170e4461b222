"""The report of a load for people: one HTML file that needs nothing else.

Strategy: no script and nothing to be fetched, so that it can be mailed, kept, and opened anywhere; the plots
are inside. It shows what the JSON document holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any, Final

from .plots import latency_over_time, percentile_curve, throughput
from .summary import in_words

_HEADS: Final = {
    "p50": "p50",
    "p75": "p75",
    "p90": "p90",
    "p99": "p99",
    "p99_9": "p99.9",
    "max": "max",
    "mean": "mean",
}

_PAGE: Final = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { margin: 0; background: #f4f6f8; color: #1c2733; line-height: 1.45;
       font: 15px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
.about { color: #5f6b7a; margin: .3rem 0 1.4rem; overflow-wrap: anywhere; }
section { background: #fff; border: 1px solid #dde3ea; border-radius: 8px;
          padding: 1.1rem 1.25rem; margin: 0 0 1rem; overflow-x: auto; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem;
           margin: 0 0 1rem; }
.figures section { margin: 0; padding: .8rem 1rem; }
.figures b { display: block; font-size: 1.55rem; font-weight: 600; white-space: nowrap; }
.figures span { color: #5f6b7a; }
.warning { border-left: 4px solid #d9822b; background: #fff8ef; }
.warning p { margin: .2rem 0; }
.bad { color: #b3261e; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { color: #5f6b7a; font-weight: 500; text-align: right; }
td { text-align: right; white-space: nowrap; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #e6eaef; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.text td, .text th { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.text td:first-child { white-space: nowrap; }
svg { display: block; width: 100%; height: auto; }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="about">$about</p>
$body
</main>
</body>
</html>
""")


def report(document: Mapping[str, Any]) -> str:
    """The report of a result, as `summary.result_of` makes it."""
    load = document["load"]
    about = ", ".join(filter(None, (_what(load), _names(load["devices"]), load["broker"], document["began"])))
    body = [
        _figures(document),
        _warnings(document["warnings"]),
        _section("Throughput and errors", throughput(document["timeline"], load["warm_up"])),
        _section("Latency over time", latency_over_time(document["timeline"], load["warm_up"])),
        _section("Latency by percentile", percentile_curve(document["distribution"])),
        _section("Latencies", _latencies(document)),
        _errors(document["errors"]),
        _section("The load", _settings(document)),
    ]
    return _PAGE.substitute(title="plcmq bench", about=escape(about), body="\n".join(filter(None, body)))


def _what(load: Mapping[str, Any]) -> str:
    if load["loop"] == "open":
        return f"open loop at {load['rate']:,g} requests/s"
    return f"closed loop with {load['in_flight']:,} in flight"


def _names(devices: Sequence[object]) -> str:
    return ", ".join(map(str, devices)) if len(devices) <= 4 else f"{len(devices):,} devices"


def _figures(document: Mapping[str, Any]) -> str:
    latency, requests = document["latency"], document["requests"]
    failed = requests["failed"] + requests["unanswered"]
    figures = [
        (_number(document["rate"]["achieved"]), "requests/s", ""),
        (_duration(latency["p50"]), "p50", ""),
        (_duration(latency["p99"]), "p99", ""),
        (_duration(latency["max"]), "longest", ""),
        (f"{requests['succeeded']:,}", "succeeded", ""),
        (f"{failed:,}", "failed", "bad" if failed else ""),
    ]
    cells = (
        f'<section><b class="{style}">{escape(value)}</b><span>{name}</span></section>'
        for value, name, style in figures
    )
    return f'<div class="figures">{"".join(cells)}</div>'


def _warnings(warnings: Iterable[str]) -> str:
    lines = "".join(f"<p>{escape(_capital(line))}.</p>" for line in warnings)
    return f'<section class="warning">{lines}</section>' if lines else ""


def _latencies(document: Mapping[str, Any]) -> str:
    heads = ["", "succeeded", "failed", *_HEADS.values()]
    rows = [
        [name, f"{operation['succeeded']:,}", f"{operation['failed']:,}", *_cells(operation["latency"])]
        for name, operation in document["operations"].items()
    ]
    requests = document["requests"]
    if len(rows) != 1:
        rows.append(
            ["all", f"{requests['succeeded']:,}", f"{requests['failed']:,}", *_cells(document["latency"])]
        )
    if document["generator"]["send_lag"]:
        rows.append(["sent late by", "", "", *_cells(document["generator"]["send_lag"])])
    return _table(heads, rows)


def _errors(errors: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [[code, f"{error['count']:,}", error["example"]] for code, error in errors.items()]
    return _section("Errors", _table(["code", "count", "for example"], rows, "text")) if rows else ""


def _settings(document: Mapping[str, Any]) -> str:
    load, rate = document["load"], document["rate"]
    rows = [
        ["loop", _what(load)],
        ["offered, achieved", f"{_number(rate['offered'])}, {_number(rate['achieved'])} requests/s"],
        ["broker", load["broker"]],
        ["devices", ", ".join(map(str, load["devices"]))],
        ["operations", "; ".join(load["operations"])],
        ["measured", f"{document['seconds']:g} s after {load['warm_up']:g} s of warm-up"],
        ["ramp", f"{load['ramp']:g} s"],
        ["connections, processes", f"{load['connections']}, {load['processes']}"],
        ["CPU of each process", ", ".join(_share(share) for share in document["generator"]["cpu"])],
        ["codec", load["codec"]],
        ["timeout", f"{load['timeout']:g} s"],
        ["seed", str(load["seed"])],
    ]
    return _table([], rows, "text")


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    head = f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in heads)}</tr>" if heads else ""
    lines = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{style}">{head}{"".join(lines)}</table>'


def _cells(latency: Mapping[str, float | None]) -> list[str]:
    return [_duration(latency[name]) for name in _HEADS]


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else in_words(seconds)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _capital(line: str) -> str:
    return line[:1].upper() + line[1:]
