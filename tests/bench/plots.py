"""The plots: requests a second by requests in flight, and the distribution of latencies.

Strategy: no display and no style of the user's; each figure as SVG for documents and as PNG. SVGs are made
without dates and random ids, so that the same figures give the same file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import plan
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter
from measure import CURVE, Row

STYLES = {
    plan.FLOOR: ("#888888", "--"),
    plan.ONE: ("#c02020", "-"),
    plan.APART: ("#e08020", "-"),
    plan.PROXY: ("#2060c0", "-"),
    plan.PYLECO: ("#208040", "-"),
    plan.PYMODBUS: ("#8040a0", ":"),
}
BEYOND = 99.995  # where 100 % is drawn, on an axis that never reaches it


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draws all plots into a folder; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    rcParams["svg.hashsalt"] = "plcmq"
    written = []
    for name, figure in (("throughput", throughput(rows)), ("latency", latency(rows))):
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {})):
            path = folder / f"{name}{suffix}"
            figure.savefig(path, dpi=110, metadata=metadata)
            written.append(path)
    return written


def throughput(rows: Sequence[Row]) -> Figure:
    """Requests a second by requests in flight: medians, and bars from the least to the greatest round."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    fast, slow = figure.subplots(1, 2)
    _rates(
        fast, "fast PLC, all callers one tag", (row for row in rows if row.plc != plan.SLOW and row.tags == 1)
    )
    _rates(slow, "5 ms PLC, up to 100 different tags", (row for row in rows if row.plc == plan.SLOW))
    return figure


def _rates(axes: Axes, title: str, rows: Iterator[Row]) -> None:
    by_contender: dict[str, list[Row]] = {}
    for row in rows:
        if row.contender in STYLES and row.codec in ("msgpack", "-"):
            by_contender.setdefault(row.contender, []).append(row)
    for contender, line in by_contender.items():
        line.sort(key=lambda row: row.window)
        color, style = STYLES[contender]
        rates = [row.rate for row in line]
        below = [row.rate - min(row.rates) for row in line]
        above = [max(row.rates) - row.rate for row in line]
        windows = [row.window for row in line]
        axes.errorbar(
            windows,
            rates,
            (below, above),
            color=color,
            linestyle=style,
            marker="o",
            capsize=3,
            label=contender,
        )
    axes.set(title=title, xlabel="requests in flight", ylabel="requests/s", xscale="log", yscale="log")
    axes.set_xticks(plan.WINDOWS, [f"{window:,}" for window in plan.WINDOWS])
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend(fontsize="small")


def latency(rows: Sequence[Row]) -> Figure:
    """The share of requests that took longer, over the time that they took."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    one, hundred = figure.subplots(1, 2)
    _curves(one, "fast PLC, one caller", [row for row in rows if row.window == 1 and row.plc != plan.SLOW])
    many = [row for row in rows if row.window == 100 and row.plc != plan.SLOW and row.tags == 1]
    many += [row for row in rows if row.contender == plan.PYLECO and row.window > 1]
    _curves(hundred, "fast PLC, 100 in flight (pyleco: 8)", many)
    return figure


def _curves(axes: Axes, title: str, rows: Sequence[Row]) -> None:
    for row in rows:
        if row.contender in STYLES and row.codec in ("msgpack", "-"):
            color, style = STYLES[row.contender]
            above = [100 - min(p, BEYOND) for p in CURVE]
            times = [seconds * 1e3 for seconds in row.curve]
            axes.plot(above, times, color=color, linestyle=style, label=row.contender)
    axes.set(title=title, xlabel="percentile", ylabel="ms", xscale="log", yscale="log")
    axes.set_xlim(100, 100 - BEYOND)
    marks = {100: "0", 50: "50", 10: "90", 1: "99", 0.1: "99.9", 0.01: "99.99"}
    axes.set_xticks(list(marks), list(marks.values()))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="both", axis="y", alpha=0.25)
    axes.grid(visible=True, which="major", axis="x", alpha=0.25)
    axes.legend(fontsize="small")
