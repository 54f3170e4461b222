"""What `/metrics` says: the broker's and hosts' numbers from `figures`, and the gateway's own.

Strategy: numbers are counted where they arise and asked for at a scrape; nothing is kept twice. A label never
comes from a request: of an HTTP request it is the template of the route.
"""

from __future__ import annotations

import asyncio
import fnmatch
import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.types import Scope

from ...client.aio.connection import AsyncConnection
from ...client.protocol.errors import PlcmqError
from ...client.protocol.loop_watch import LoopWatch
from ...client.protocol.vitals import vitals
from ..live.hub import Hub
from .text import Family, Sample, exposition, histogram

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
PAGE: Final = 1_000  # devices in one question
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE", "PUT"})
_Route = tuple[str, str, int]
Labels = Mapping[str, object]


@dataclass(slots=True)
class _Times:
    """How long requests of one kind took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[int]:
        reached = 0
        return [reached := reached + count for count in self.counts]


class Metrics:
    """The numbers of this process, and those that the broker gives."""

    def __init__(self, plc: AsyncConnection, devices: str) -> None:
        """`devices`: which have series of their own: `all`, `none`, or a pattern for their names."""
        self._plc = plc
        self._devices = devices
        self._times: dict[_Route, _Times] = {}
        self._hub: Hub | None = None
        self._loop_watch: LoopWatch | None = None

    def watch(self, hub: Hub) -> None:
        """The hub whose viewers count."""
        self._hub = hub

    def watch_loop(self, watch: LoopWatch) -> None:
        """The watch of this process's loop."""
        self._loop_watch = watch

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Takes in a finished request."""
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._times.setdefault((route, method, status), _Times()).add(seconds)

    def own(self) -> dict[str, Any]:
        """The gateway's own numbers, for the page."""
        return {
            "viewers": len(self._hub.viewers) if self._hub else 0,
            "topics": self._hub.topics if self._hub else 0,
            "late": self._loop_watch.late if self._loop_watch else 0,
            "late_where": self._loop_watch.where if self._loop_watch else "",
            "requests": sum(sum(times.counts) for times in self._times.values()),
        }

    async def text(self) -> str:
        """The text of a scrape; a broker that does not answer is one of its numbers."""
        broker: Iterator[Family]
        processes: list[tuple[str, Mapping[str, Any]]] = []
        try:
            info, stats = await self._plc.info(), await self._plc.ask("stats")
            figures, rows = await self._figures()
        except PlcmqError:
            broker = iter([Family("plcmq_broker_up", "gauge", "Whether the broker answers.", [("", {}, 0)])])
        else:
            devices = device_families(rows, tuple(figures["bounds"]))
            broker = itertools.chain(broker_families(info, stats, figures), devices)
            processes = _by_name(figures["processes"])
        own = [] if self._loop_watch is None else [("gateway", vitals(self._loop_watch))]
        gateway = [*self._gateway_families(), *process_families([*processes, *own])]
        # Two megabytes of text for a thousand devices: in a thread, so that others get their turn meanwhile.
        return await asyncio.to_thread(lambda: exposition(itertools.chain(broker, gateway)))

    async def _figures(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        rows: list[dict[str, Any]] = []
        is_none = self._devices == "none"
        while True:
            rqargs = {"limit": 1 if is_none else PAGE, "offset": len(rows), "order": "name"}
            figures = await self._plc.ask("figures", rqargs)
            rows += [dict(zip(figures["columns"], row, strict=True)) for row in figures["rows"]]
            if is_none or not figures["rows"] or len(rows) >= figures["total"]:
                break
        pattern = {"all": "*", "none": ""}.get(self._devices, self._devices)
        return figures, [row for row in rows if fnmatch.fnmatchcase(row["name"], pattern)]

    def _gateway_families(self) -> Iterator[Family]:
        samples: list[Sample] = []
        for (route, method, status), times in sorted(self._times.items()):
            labels = {"route": route, "method": method, "status": status}
            samples += histogram(labels, BOUNDS, times.cumulative(), times.total)
        yield Family("plcmq_gateway_http_seconds", "histogram", "Time of HTTP requests.", samples)
        if self._hub is not None:
            viewers = len(self._hub.viewers)
            yield Family(
                "plcmq_gateway_viewers", "gauge", "Lines that look on.", [("", {"kind": "live"}, viewers)]
            )
            yield Family("plcmq_gateway_topics", "gauge", "What they look at.", [("", {}, self._hub.topics)])
            merged = self._hub.merged + sum(viewer.merged for viewer in self._hub.viewers)
            yield Family(
                "plcmq_gateway_frames_merged_total",
                "counter",
                "Frames merged for slow lines.",
                [("", {}, merged)],
            )


def broker_families(
    info: Mapping[str, Any], stats: Mapping[str, Any], figures: Mapping[str, Any]
) -> Iterator[Family]:
    """The numbers of the broker and its hosts."""
    yield Family("plcmq_broker_up", "gauge", "Whether the broker answers.", [("", {}, 1)])
    version = {"version": info.get("version", "")}
    yield Family("plcmq_build_info", "gauge", "The broker's version.", [("", version, 1)])
    yield Family("plcmq_requests_total", "counter", "Requests to the broker.", [("", {}, stats["requests"])])
    errors: list[Sample] = [("", {"code": code}, count) for code, count in sorted(stats["errors"].items())]
    yield Family("plcmq_errors_total", "counter", "Error replies by code.", errors)
    yield Family("plcmq_pending_requests", "gauge", "Requests on their way.", [("", {}, stats["pending"])])
    yield Family(
        "plcmq_clients", "gauge", "Clients that wait for replies.", [("", {}, stats["clients"]["waiting"])]
    )
    states: list[Sample] = [
        ("", {"state": state}, count) for state, count in sorted(figures["states"].items())
    ]
    yield Family("plcmq_devices", "gauge", "Devices by state.", states)
    hosts = _by_name(figures.get("hosts") or [])
    heard: list[Sample] = [
        ("", {"host": name}, host["heard"])
        for name, host in hosts
        if isinstance(host.get("heard"), int | float)
    ]
    yield Family("plcmq_host_heard_seconds", "gauge", "Seconds since a host was heard.", heard)


def process_families(processes: list[tuple[str, Mapping[str, Any]]]) -> Iterator[Family]:
    """The numbers of processes, by their names."""
    for column, name, kind, text in _PROCESS:
        samples: list[Sample] = [
            ("", {"process": process}, numbers[column])
            for process, numbers in processes
            if isinstance(numbers.get(column), int | float)
        ]
        yield Family(name, kind, text, samples)


_PROCESS: Final = (
    ("cpu", "process_cpu_seconds_total", "counter", "CPU time of a process."),
    ("rss", "process_resident_memory_bytes", "gauge", "Memory of a process."),
    ("descriptors", "process_open_fds", "gauge", "Open descriptors of a process."),
    ("late", "plcmq_loop_late_total", "counter", "Times that a loop was held up."),
    ("worst", "plcmq_loop_late_worst_seconds", "gauge", "The longest that a loop was held up."),
)


def _by_name(rows: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(rows, Mapping):
        return sorted(rows.items())
    return sorted((row["name"], row) for row in rows)


# Column of `figures`, metric, kind, help.
_DEVICE: Final = (
    ("transactions", "plcmq_device_transactions_total", "counter", "Requests to the device's endpoint."),
    ("timeouts", "plcmq_device_timeouts_total", "counter", "Transactions without an answer in time."),
    ("exceptions", "plcmq_device_exceptions_total", "counter", "Modbus exceptions."),
    ("bad_replies", "plcmq_device_bad_replies_total", "counter", "Replies that did not fit."),
    ("late", "plcmq_device_late_replies_total", "counter", "Replies that came too late or to nothing."),
    ("reconnects", "plcmq_device_reconnects_total", "counter", "Connections after the first."),
    ("requests", "plcmq_device_requests_total", "counter", "Requests of clients that have ended."),
    ("failed", "plcmq_device_failed_requests_total", "counter", "Those of them that failed."),
    ("locked", "plcmq_device_locked", "gauge", "Whether somebody holds the lock."),
)


def device_families(rows: list[dict[str, Any]], bounds: tuple[float, ...]) -> Iterator[Family]:
    """The numbers of each device."""
    labelled = [
        ({"device": row["name"], "profile": row["profile"], "host": row.get("host") or ""}, row)
        for row in rows
    ]
    up: list[Sample] = [("", labels, int(row["state"] in ("up", "idle"))) for labels, row in labelled]
    yield Family("plcmq_device_up", "gauge", "Whether the device is up or idle.", up)
    degraded: list[Sample] = [("", labels, int(bool(row.get("degraded")))) for labels, row in labelled]
    yield Family("plcmq_device_degraded", "gauge", "Whether the device is up but not well.", degraded)
    for column, name, kind, text in _DEVICE:
        samples: list[Sample] = [
            ("", labels, float(row[column])) for labels, row in labelled if row.get(column) is not None
        ]
        yield Family(name, kind, text, samples)
    queue: list[Sample] = []
    round_trips: list[Sample] = []
    for labels, row in labelled:
        for kind in ("reads", "commands"):
            if row.get(kind) is not None:
                queue.append(("", {**labels, "kind": kind}, row[kind]))
        if row.get("buckets"):
            round_trips += histogram(labels, bounds, row["buckets"], float(row.get("seconds") or 0.0))
    yield Family("plcmq_device_queue", "gauge", "Requests that wait.", queue)
    yield Family("plcmq_device_round_trip_seconds", "histogram", "Round trips to the device.", round_trips)
