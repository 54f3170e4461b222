"""Where each kind of topic comes from: one watch of a device, or one question a second.

Strategy: a source publishes the whole content each time; the hub finds what changed. It ends by an error of
the broker, which the hub tells and tries again.

That a value has not changed is news too. A watch tells only changes, so beside it the device's status is
asked once a second: `alive` is when that last said that the device is up. A value without an error was true
then, and a page shows its age from there.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from ...client.aio.connection import AsyncConnection
from ...client.core.subscription import WatchEvent
from .hub import Publish
from .plant import page_content
from .topics import Kind, Topic

UNKNOWN: Final = -1  # the revision before the catalogue has been asked for
PERIOD: Final = 1.0  # seconds between two questions
POINTS: Final = 300  # of a tag's line, for a viewer that comes later
TRACE_ROWS: Final = 200
_ALIVE: Final = frozenset({"up", "idle"})


class Sources:
    """The sources of all topics, over one connection."""

    def __init__(
        self, plc: AsyncConnection, own: Callable[[], Mapping[str, Any]], revision: Callable[[], int]
    ) -> None:
        """`own` gives the gateway's own numbers for `plant`; `revision` is that of the catalogue."""
        self._plc = plc
        self._own = own
        self._revision = revision

    async def __call__(self, topic: Topic, publish: Publish) -> None:
        """Fills a topic."""
        fill = {
            Kind.DEVICES: self._devices,
            Kind.DEVICE: self._device,
            Kind.TRACE: self._trace,
            Kind.PLANT: self._plant,
        }[topic.kind]
        await fill(topic, publish)

    async def _devices(self, topic: Topic, publish: Publish) -> None:
        while True:
            publish(page_content(await self._plc.ask("figures", dict(topic.page))))
            await asyncio.sleep(PERIOD)

    async def _plant(self, _topic: Topic, publish: Publish) -> None:
        while True:
            figures = await self._plc.ask("figures", {"limit": 10, "order": "severity"})
            publish(
                {
                    "broker": await self._plc.info(),
                    "stats": await self._plc.ask("stats"),
                    "states": figures["states"],
                    "total": figures["total"],
                    "hosts": figures["hosts"],
                    "processes": figures["processes"],
                    "gateway": dict(self._own()),
                }
            )
            await asyncio.sleep(PERIOD)

    async def _trace(self, topic: Topic, publish: Publish) -> None:
        rows: deque[dict[str, Any]] = deque(maxlen=TRACE_ROWS)
        after: int | None = None
        while True:
            rqargs: dict[str, Any] = {"limit": TRACE_ROWS} | ({} if after is None else {"after": after})
            told = await self._plc.request("trace", rqargs, device=topic.device)
            rows.extend(told["rows"])
            after = told["next"]
            publish({"rows": {str(row["number"]): row for row in rows}})
            await asyncio.sleep(PERIOD)

    async def _device(self, topic: Topic, publish: Publish) -> None:
        assert topic.device is not None
        described = await self._plc.describe(topic.device)
        look = _Look(topic.tags or tuple(described["tags"]), self._revision(), publish)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask_status(topic.device, look))
                if look.tags:
                    tasks.create_task(self._watch(topic, look))
        except ExceptionGroup as errors:
            first = _first(errors)
            if not isinstance(first, _CatalogueChanged):
                raise first from errors

    async def _watch(self, topic: Topic, look: _Look) -> None:
        assert topic.device is not None
        events = self._plc.watch(
            topic.device, look.tags, interval=topic.interval, deadband=dict(topic.deadband) or None
        )
        async with aclosing(events):
            async for event in events:
                look.heard(event, time.time())

    async def _ask_status(self, device: str | int, look: _Look) -> None:
        while look.revision in (UNKNOWN, self._revision()):
            look.revision = self._revision()
            look.told(await self._plc.status(device), time.time())
            await asyncio.sleep(PERIOD)
        raise _CatalogueChanged


class _CatalogueChanged(Exception):
    """The device may be another one now: everything is asked anew."""


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


class _Look:
    """What is known of a device while it is looked at."""

    def __init__(self, tags: tuple[str, ...], revision: int, publish: Publish) -> None:
        self.tags = tags
        self.revision = revision
        self._publish = publish
        self._told: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, deque[tuple[float, float]]] = {}
        self._status: Mapping[str, Any] = {}
        self._alive: float | None = None

    def heard(self, event: WatchEvent, now: float) -> None:
        """Takes in what a watch says."""
        for tag, value in event.values.items():
            at = round(now - event.age.get(tag, 0.0), 3)
            self._told[tag] = {"value": value, "at": at}
            self._note(tag, value, at)
        for tag, error in event.errors.items():
            last = self._told.get(tag, {})
            self._told[tag] = {
                "value": last.get("value"),
                "at": last.get("at"),
                "error": {"code": str(error.code), "message": error.message},
            }
        self._tell()

    def told(self, status: Mapping[str, Any], now: float) -> None:
        """Takes in how the device is."""
        self._status = status
        if status.get("state") in _ALIVE:
            self._alive = round(now, 3)
        self._tell()

    def _note(self, tag: str, value: Any, at: float) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._lines.setdefault(tag, deque(maxlen=POINTS)).append((at, value))

    def _tell(self) -> None:
        status = {
            name: value for name, value in self._status.items() if name not in ("state", "reason", "since")
        }
        self._publish(
            {
                "state": self._status.get("state"),
                "reason": self._status.get("reason"),
                "since": self._status.get("since"),
                "alive": self._alive,
                "revision": self.revision,
                "tags": dict(self._told),
                "status": status,
            },
            self._lines,
        )
