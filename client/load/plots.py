"""The plots of a load's report, as SVG that can stand in an HTML page.

Strategy: matplotlib draws, without a display and without fonts of its own: text stays text. What an SVG file
has around the drawing, and ids that other drawings of the page have as well, are taken away.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from .summary import in_words

BLUE: Final = "#1f5fa8"
ORANGE: Final = "#d9822b"
RED: Final = "#b3261e"
GREY: Final = "#5f6b7a"

_STYLE: Final[dict[Any, Any]] = {  # matplotlib's stubs list every setting of their own version
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.edgecolor": "#c3cad3",
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6eaef",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
_SIZE: Final = (9.6, 3.2)  # inches at 72 dots
_OUTSIDE: Final = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_ID: Final = re.compile(r'(\bid="|href="#|url\(#)')

Slots = Sequence[Mapping[str, Any]]


def throughput(slots: Slots, warm_up: float) -> str:
    """Successes and errors a second, over time."""
    with mpl.rc_context(_STYLE | {"svg.hashsalt": "throughput"}):
        figure, axes = _axes("time in s", "requests/s")
        times, ends = _times(slots)
        for name, color, label in (("rate", BLUE, "succeeded"), ("errors", RED, "failed")):
            values = [slot[name] or 0.0 for slot in slots]
            axes.stairs(values, ends, color=color, label=label, linewidth=1.8, baseline=None)
        axes.set_ylim(bottom=0)
        _finish(axes, times, warm_up)
        return _svg(figure, "throughput")


def latency_over_time(slots: Slots, warm_up: float) -> str:
    """p50, p99 and the longest, over time."""
    with mpl.rc_context(_STYLE | {"svg.hashsalt": "latency"}):
        figure, axes = _axes("time in s", "latency")
        times, _ = _times(slots)
        middles = [slot["at"] + slot["seconds"] / 2 for slot in slots]
        for name, color in (("max", "#9aa5b1"), ("p99", ORANGE), ("p50", BLUE)):
            values = [float("nan") if slot[name] is None else slot[name] for slot in slots]
            marker = "o" if len(slots) < 60 else ""
            axes.plot(middles, values, color=color, label=name, marker=marker, markersize=3)
        _log_seconds(axes, [slot[name] for slot in slots for name in ("p50", "max")])
        _finish(axes, times, warm_up)
        return _svg(figure, "latency")


def percentile_curve(distribution: Sequence[Mapping[str, Any]]) -> str:
    """Latency over the percentile, of which each further nine has the same room."""
    with mpl.rc_context(_STYLE | {"svg.hashsalt": "percentiles"}):
        figure, axes = _axes("percentile", "latency")
        beyond = [100.0 / (100.0 - point["percent"]) for point in distribution]
        latencies = [point["latency"] for point in distribution]
        axes.plot(beyond, latencies, color=BLUE)
        axes.set_xscale("log")
        nines = [1.0, 2.0, 4.0, *(10.0**n for n in range(1, 7))]
        shown = [at for at in nines if at <= max(beyond, default=1.0) * 1.001]
        axes.set_xticks(shown, [f"{100.0 * (1.0 - 1.0 / at):.6g} %" for at in shown])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", which="minor", length=0)
        axes.set_xlim(1.0, max(beyond, default=1.0) * 1.05 + 0.01)
        _log_seconds(axes, latencies)
        return _svg(figure, "percentiles")


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, dpi=72, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_axisbelow(True)
    return figure, axes


def _times(slots: Slots) -> tuple[tuple[float, float], list[float]]:
    """From when to when, and the edges of all slots."""
    edges = [slot["at"] for slot in slots] + ([slots[-1]["at"] + slots[-1]["seconds"]] if slots else [0.0])
    return (edges[0], edges[-1]), edges


def _finish(axes: Axes, times: tuple[float, float], warm_up: float) -> None:
    axes.set_xlim(times[0], max(times[1], times[0] + 0.1))
    if warm_up > 0:
        axes.axvspan(0, min(warm_up, times[1]), color="#eef1f5", zorder=0, label="warm-up")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0)


def _log_seconds(axes: Axes, values: Sequence[float | None]) -> None:
    """A logarithmic scale in words. With room around the values, so that noise does not fill the plot."""
    known = [value for value in values if value]
    if not known:
        axes.set_yticks([])
        return
    axes.set_yscale("log")
    axes.set_ylim(min(known) / 1.5, max(known) * 1.5)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_words(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)


def _svg(figure: Figure, name: str) -> str:
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return _ID.sub(rf"\g<1>{name}-", _OUTSIDE.sub("", drawn.getvalue()))
