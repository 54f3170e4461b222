"""The result of a load, as one document: what `--json` prints, and the text is made of. Pure.

Strategy: one map of plain values, in seconds and requests a second, with `null` for what does not exist, such
as a percentile of nothing. Whatever reads a result reads this, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .meter import Latencies, Meter, Tally
from .schedule import ClosedLoop, Load, OpenLoop

PERCENTILES: Final[Mapping[str, float]] = {"p50": 50, "p75": 75, "p90": 90, "p99": 99, "p99_9": 99.9}
LATE: Final = 0.010  # seconds by which one request in a hundred may be sent late
BUSY: Final = 0.9  # of a core: what the generator uses when it has nothing left
_SHORT_OF: Final = 0.95  # of the rate offered: less than that is worth a word

Document = dict[str, Any]


def result_of(load: Load, meter: Meter, began: str) -> Document:
    """What came of a load.

    Args:
        load: what was wanted.
        meter: what was counted.
        began: the date and time of its start.
    """
    seconds = max(0.0, meter.lasted - load.warm_up)
    whole = meter.overall()
    answered = whole.latencies.count + whole.failed
    document: Document = {
        "began": began,
        "load": _load(load),
        "seconds": round(seconds, 3),
        "stopped_early": meter.lasted < load.end,
        "requests": {
            "due": meter.due,
            "succeeded": whole.latencies.count,
            "failed": whole.failed,
            "unanswered": max(0, meter.due - answered),
        },
        "rate": {"offered": _rate(meter.due, seconds), "achieved": _rate(meter.in_time, seconds)},
        "latency": latency_map(whole.latencies),
        "errors": _errors(whole),
        "operations": {
            name: {
                "succeeded": tally.latencies.count,
                "failed": tally.failed,
                "latency": latency_map(tally.latencies),
            }
            for name, tally in meter.tallies.items()
        },
        "generator": {
            "cpu": round(meter.cpu / meter.lasted, 3) if meter.lasted else None,
            "send_lag": latency_map(meter.lag) if isinstance(load.schedule, OpenLoop) else None,
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


def _load(load: Load) -> Document:
    way: Document
    match load.schedule:
        case OpenLoop(rate):
            way = {"loop": "open", "rate": rate, "in_flight": None}
        case ClosedLoop(in_flight):
            way = {"loop": "closed", "rate": None, "in_flight": in_flight}
    return {
        "broker": load.endpoint,
        **way,
        "devices": list(load.mix.devices),
        "operations": list(load.mix.names),
        "duration": load.duration,
        "warm_up": load.warm_up,
        "connections": load.connections,
        "codec": load.codec.value,
        "timeout": load.timeout,
        "seed": load.seed,
    }


def _errors(tally: Tally) -> Document:
    return {
        code: {"count": count, "example": tally.messages.get(code, "")}
        for code, count in tally.errors.most_common()
    }


def _warnings(document: Document) -> list[str]:
    said = []
    remedy = "run it several times at once, or on another machine"
    cpu, lag = document["generator"]["cpu"], document["generator"]["send_lag"]
    if lag and lag["p99"] is not None and lag["p99"] > LATE:
        said.append(
            f"the load generator could not keep up: 1 % of the requests were sent more than "
            f"{in_words(lag['p99'])} late, and their latencies hold that wait; {remedy}"
        )
    if cpu is not None and cpu > BUSY:
        said.append(f"the load generator used {cpu:.0%} of a core: it may be what limits the rate; {remedy}")
    rate = document["rate"]
    if lag and rate["offered"] and rate["achieved"] < _SHORT_OF * rate["offered"]:
        short = f"{rate['achieved']:,.0f} of {rate['offered']:,.0f} requests/s offered"
        said.append(f"{short} succeeded in time: the rest failed or still waited at the end")
    if document["stopped_early"]:
        planned = document["load"]["duration"]
        said.append(f"it was stopped after {document['seconds']:g} of {planned:g} measured seconds")
    if unanswered := document["requests"]["unanswered"]:
        said.append(f"{unanswered:,} requests were due and have no answer; they are not in the latencies")
    return said


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 2) if seconds > 0 else None


def _micro(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
