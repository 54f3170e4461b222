"""What dashboards and collectors ask once a second: `figures` of all devices, and `profiles`.

Strategy: pure. A thousand devices are arrays under one list of columns. What only hosts know they are asked
for once a second, and only while somebody asks for `figures`; until the first answer those columns are none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from ...devices.interface.describe import describe_profile
from ...devices.interface.requests import bad_args, integer, only
from ...devices.model.devices import ROUND_TRIP_BOUNDS, State
from ...devices.protocol.messages import COUNTED, Count, Counts
from ..catalogue import Entry
from ..fleet.fleet import LOCAL, HostId
from .overview import MAX_PAGE, PAGE, Overview

COUNT_WHILE: Final = 10.0  # seconds after the last `figures` that hosts are asked
COUNT_EACH: Final = 1.0  # seconds
TROUBLED: Final = 60.0  # seconds after the last sign of trouble that a device counts as degraded
DEGRADED: Final = "degraded"
SEVERITY: Final = {
    name: rank
    for rank, name in enumerate(
        (State.DOWN, State.UNSERVED, State.CONNECTING, DEGRADED, State.UP, State.IDLE, State.DISABLED)
    )
}
_FIXED: Final = ("id", "name", "profile", "endpoint", "unit")  # they change only with the revision
_PRESENT: Final = ("host", "state", "since", "reason", "degraded")
_NUMBERS: Final = COUNTED[1:]


def ask_counts(overview: Overview, now: float) -> None:
    """Asks the hosts for their numbers, if that is due; to be called a few times a second."""
    if now - overview.figures_asked > COUNT_WHILE:
        overview.counts.clear()  # whoever asks next must not take old numbers for present ones
    elif now - overview.counted >= COUNT_EACH:
        overview.counted = now
        overview.fleet.outbox += [(host, Count()) for host in overview.fleet.hosts]


def note_counts(overview: Overview, host: HostId, counts: Counts) -> None:
    """Takes in what a host has told of its devices."""
    overview.counts |= {row[0]: row for row in counts.rows if overview.fleet.serves(host, row[0])}


def figures(overview: Overview, rqargs: Mapping[str, Any], now: float) -> dict[str, Any]:
    """One page of devices in numbers, the abnormal first or by name."""
    only(rqargs, "after", "match", "profile", "state", "limit", "offset", "order")
    limit = integer(rqargs, "limit", 0, MAX_PAGE, default=PAGE)
    offset = integer(rqargs, "offset", 0, 2**53, default=0)
    after = integer(rqargs, "after", -1, 2**53, default=-1)
    match, profile = _text(rqargs, "match"), _text(rqargs, "profile")
    wanted = _choice(rqargs, "state", (*SEVERITY, None), None)
    order = _choice(rqargs, "order", ("severity", "name"), "severity")
    overview.figures_asked = now
    catalogue = overview.catalogue
    found = [
        (_shown(overview, entry), entry)
        for entry in catalogue.devices.values()
        if match in entry.device.name and profile in ("", entry.device.profile)
    ]
    states = dict.fromkeys(map(str, SEVERITY), 0)
    for state, _ in found:
        states[state] += 1
    if wanted is not None:
        found = [one for one in found if one[0] == wanted]
    found.sort(key=lambda one: (SEVERITY[one[0]] if order == "severity" else 0, natural(one[1].device.name)))
    page = found[offset : offset + limit]
    is_known = after == catalogue.revision
    columns = [*(_FIXED[:1] if is_known else _FIXED), *_PRESENT, *_NUMBERS]
    return {
        "columns": columns,
        "rows": [_row(overview, entry, state, is_known=is_known) for state, entry in page],
        "total": len(found),
        "states": states,
        "revision": catalogue.revision,
        "bounds": list(ROUND_TRIP_BOUNDS),
        "hosts": _hosts(overview, now),
        "processes": overview.processes(),
    }


@lru_cache(maxsize=10_000)
def natural(name: str) -> tuple[tuple[int, str | int], ...]:
    """A name as people sort it: press-2 before press-10."""
    parts = (part for part in _DIGITS.split(name) if part)
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts)


_DIGITS: Final = re.compile(r"(\d+)")


def _shown(overview: Overview, entry: Entry) -> str:
    """The state, or `degraded` for a device that is up and not well."""
    state = str(overview.state_of(entry).state)
    row = overview.counts.get(entry.device.id)
    troubled = row[COUNTED.index("troubled")] if row is not None and state == State.UP else None
    return DEGRADED if troubled is not None and troubled < TROUBLED else state


def _row(overview: Overview, entry: Entry, shown: str, *, is_known: bool) -> list[Any]:
    device, state = entry.device, overview.state_of(entry)
    host = overview.fleet.hosts.get(overview.fleet.host_of(device.id) or b"")
    fixed = [] if is_known else [device.name, device.profile, str(device.endpoint), device.unit]
    counts = overview.counts.get(device.id)
    return [
        device.id,
        *fixed,
        host.name if host is not None else None,
        str(state.state),
        state.since or None,
        state.reason or None,
        shown == DEGRADED,
        *([None] * len(_NUMBERS) if counts is None else counts[1:]),
    ]


def _hosts(overview: Overview, now: float) -> list[dict[str, Any]]:
    return [
        {
            "name": host.name,
            "heard": 0.0 if host.id == LOCAL else round(now - host.heard, 3),
            "endpoints": host.seats,
            "queued": host.queued,
        }
        for host in overview.fleet.hosts.values()
    ]


def profiles(overview: Overview, rqargs: Mapping[str, Any], _now: float) -> dict[str, Any]:
    """One page of the profiles whose name contains `match`, each with what its devices can do."""
    only(rqargs, "limit", "offset", "match")
    limit = integer(rqargs, "limit", 0, MAX_PAGE, default=PAGE)
    offset = integer(rqargs, "offset", 0, 2**53, default=0)
    match = _text(rqargs, "match")
    catalogue = overview.catalogue
    numbers: dict[str, int] = {}
    for entry in catalogue.devices.values():
        numbers[entry.device.profile] = numbers.get(entry.device.profile, 0) + 1
    names = [name for name in sorted(catalogue.kinds) if match in name]
    page = [
        {"name": name, "devices": numbers.get(name, 0)} | describe_profile(catalogue.kinds[name].compiled)
        for name in names[offset : offset + limit]
    ]
    return {"profiles": page, "total": len(names), "revision": catalogue.revision}


def _text(rqargs: Mapping[str, Any], name: str) -> str:
    value = rqargs.get(name, "")
    if not isinstance(value, str):
        raise bad_args(name, "must be text")
    return value


def _choice(rqargs: Mapping[str, Any], name: str, choices: tuple[Any, ...], default: Any) -> Any:
    value = rqargs.get(name, default)
    if value not in choices:
        raise bad_args(name, f"must be one of {', '.join(str(one) for one in choices if one is not None)}")
    return value


FIGURES: Final[Mapping[str, Callable[[Overview, Mapping[str, Any], float], dict[str, Any]]]] = {
    "figures": figures,
    "profiles": profiles,
}
