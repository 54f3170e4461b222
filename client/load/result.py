"""The result of a load, as one document: what `--json` prints and what the report shows. Pure.

Strategy: one map of plain values, in seconds and requests a second, with `null` for what does not exist, such
as a percentile of nothing. Whatever reads a result reads this, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from .meter import Latencies, Tally, Totals, merged
from .plan import Plan
from .schedule import ClosedLoop, OpenLoop

PERCENTILES: Final[Mapping[str, float]] = {"p50": 50, "p75": 75, "p90": 90, "p99": 99, "p99_9": 99.9}
LATE: Final = 0.010  # seconds by which one request in a hundred may be sent late
BUSY: Final = 0.9  # of a core: what a process uses that has nothing left
_SHORT_OF: Final = 0.95  # of the rate offered: less than that is worth a word
_SLOTS: Final = 240  # of a timeline, at most

Document = dict[str, Any]


def slot_width(seconds: float, window: float) -> float:
    """Seconds of a timeline's slot: whole windows, and not more slots than can be told apart in a plot."""
    return window * max(1, math.ceil(seconds / window / _SLOTS))


def result_of(plan: Plan, totals: Totals, lasted: float, processes: int, began: str) -> Document:
    """What came of a load.

    Args:
        plan: the whole load.
        totals: what was counted.
        lasted: seconds that it lasted, warm-up included; less than planned where somebody stopped it.
        processes: how many there were.
        began: the date and time of its start.
    """
    seconds = max(0.0, lasted - plan.warm_up)
    whole = totals.overall()
    answered = whole.latencies.count + whole.failed
    document: Document = {
        "began": began,
        "load": _load(plan, processes),
        "seconds": round(seconds, 3),
        "stopped_early": lasted < plan.end,
        "requests": {
            "due": totals.due,
            "succeeded": whole.latencies.count,
            "failed": whole.failed,
            "unanswered": max(0, totals.due - answered),
        },
        "rate": {"offered": _rate(totals.due, seconds), "achieved": _rate(totals.in_time, seconds)},
        "latency": latency_map(whole.latencies),
        "errors": _errors(whole),
        "operations": {
            name: {
                "succeeded": tally.latencies.count,
                "failed": tally.failed,
                "latency": latency_map(tally.latencies),
            }
            for name, tally in totals.tallies.items()
        },
        "timeline": _timeline(totals, lasted),
        "distribution": _distribution(whole.latencies),
        "generator": {
            "cpu": [round(used / lasted, 3) if lasted else None for _, used in sorted(totals.cpu.items())],
            "send_lag": latency_map(totals.lag) if isinstance(plan.schedule, OpenLoop) else None,
        },
    }
    document["warnings"] = _warnings(document)
    return document


def latency_map(latencies: Latencies) -> Document:
    """Percentiles, the longest and the mean, in seconds; each is null where there are no latencies."""
    document: Document = {name: _micro(latencies.percentile(at)) for name, at in PERCENTILES.items()}
    document["max"] = _micro(latencies.longest)
    document["mean"] = _micro(latencies.mean)
    return document


def misses(
    document: Mapping[str, Any], under_rate: float | None = None, over_p99: float | None = None
) -> list[str]:
    """In which ways a result is worse than somebody has said it may be.

    Args:
        document: the result.
        under_rate: successes a second that it must have at least.
        over_p99: seconds that the 99th percentile of the latencies may have at most.
    """
    achieved, p99 = document["rate"]["achieved"], document["latency"]["p99"]
    missed = []
    if under_rate is not None and (achieved is None or achieved < under_rate):
        missed.append(f"{achieved or 0:,.0f} requests/s are less than {under_rate:,g}")
    if over_p99 is not None and (p99 is None or p99 > over_p99):
        missed.append(
            f"a p99 of {in_words(p99)} is more than {in_words(over_p99)}"
            if p99
            else "there is no p99: nothing succeeded"
        )
    return missed


def in_words(seconds: float) -> str:
    """A duration in the unit that fits: `850 µs`, `1.25 ms`, `2.5 s`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size * 0.9995:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _load(plan: Plan, processes: int) -> Document:
    way: Document
    match plan.schedule:
        case OpenLoop(rate=rate):
            way = {"loop": "open", "rate": rate, "in_flight": None}
        case ClosedLoop(in_flight=in_flight):
            way = {"loop": "closed", "rate": None, "in_flight": in_flight}
    return {
        "broker": plan.endpoint,
        **way,
        "devices": list(plan.mix.devices),
        "operations": list(plan.mix.names),
        "duration": plan.duration,
        "warm_up": plan.warm_up,
        "ramp": plan.schedule.ramp,
        "connections": plan.connections,
        "processes": processes,
        "codec": plan.codec.value,
        "timeout": plan.timeout,
        "seed": plan.seed,
    }


def _errors(tally: Tally) -> Document:
    return {
        code: {"count": count, "example": tally.messages.get(code, "")}
        for code, count in tally.errors.most_common()
    }


def _timeline(totals: Totals, lasted: float) -> list[Document]:
    slots = []
    for number in range(math.ceil(lasted / totals.width - 1e-6)):
        seconds = min(totals.width, lasted - number * totals.width)
        slot = totals.slots.get(number)
        latencies = merged(slot.latencies if slot else ())
        slots.append(
            {
                "at": round(number * totals.width, 3),
                "seconds": round(seconds, 3),
                "rate": _rate(slot.succeeded if slot else 0, seconds),
                "errors": _rate(slot.failed if slot else 0, seconds),
                "p50": _micro(latencies.percentile(50)),
                "p99": _micro(latencies.percentile(99)),
                "max": _micro(latencies.longest),
            }
        )
    return slots


def _distribution(latencies: Latencies) -> list[Document]:
    """Points of the percentile curve: ever closer to 100 %, as far as there are requests to tell."""
    points = []
    nines = 0.0
    while latencies.count and nines <= math.log10(latencies.count) + 1e-9:
        percent = 100.0 * (1.0 - 10.0**-nines)
        points.append({"percent": round(percent, 6), "latency": _micro(latencies.percentile(percent))})
        nines += 0.05
    return points


def _warnings(document: Document) -> list[str]:
    said = []
    processes = document["load"]["processes"]
    remedy = f"raise --processes (it was {processes}) or use another machine"
    lag = document["generator"]["send_lag"]
    if lag and lag["p99"] is not None and lag["p99"] > LATE:
        said.append(
            f"the load generator could not keep up: 1 % of the requests were sent more than "
            f"{in_words(lag['p99'])} late, and their latencies hold that wait; {remedy}"
        )
    if (most := max((cpu or 0.0 for cpu in document["generator"]["cpu"]), default=0.0)) > BUSY:
        said.append(f"the load generator used {most:.0%} of a core: it may be what limits the rate; {remedy}")
    rate = document["rate"]
    if lag and rate["offered"] and rate["achieved"] < _SHORT_OF * rate["offered"]:
        short = f"{rate['achieved']:,.0f} of {rate['offered']:,.0f} requests/s offered"
        said.append(f"{short} succeeded in time: the rest failed or still waited at the end")
    return said + _about_the_seconds(document)


def _about_the_seconds(document: Document) -> list[str]:
    said = []
    if document["stopped_early"]:
        load = document["load"]
        said.append(f"it was stopped after {document['seconds']:g} of {load['duration']:g} measured seconds")
    if unanswered := document["requests"]["unanswered"]:
        said.append(f"{unanswered:,} requests were due and have no answer; they are not in the latencies")
    return said


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 2) if seconds > 0 else None


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
