"""A real gateway on a port of its own, in front of a broker that answers by functions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvloop
from plcmq.gateway.serve import serve
from plcmq.gateway.settings import GatewaySettings

PRESS = {
    "name": "press",
    "profile": "press",
    "description": "A press",
    "tags": {
        "batch_size": {
            "type": "uint16",
            "access": "rw",
            "unit": "pcs",
            "schema": {"type": "integer", "maximum": 500},
        },
        "temperature": {"type": "int16", "access": "ro", "unit": "degC", "schema": {"type": "number"}},
    },
    "actions": {
        "start_batch": {
            "description": "Start the press",
            "timeout": 31.5,
            "args": {
                "type": "object",
                "properties": {"batch_size": {"type": "integer", "minimum": 1, "default": 15}},
                "required": ["batch_size"],
                "additionalProperties": False,
            },
            "result": {"type": "object", "properties": {"batch_no": {"type": "integer"}}},
        },
        "stop": {"description": "", "args": {"type": "object", "properties": {}, "required": []}},
    },
}
COLUMNS = ["id", "name", "profile", "endpoint", "unit", "host", "state", "since", "reason", "degraded"]


def row(number: int, state: str = "up") -> list[Any]:
    return [number, f"press-{number}", "press", "10.0.0.1:502", 1, "hall", state, 1.0, None, False]


class Running:
    """A gateway in a thread of its own."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.url = ""
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[settings], name="gateway", daemon=True)
        self._thread.start()
        assert self._ready.wait(20)
        assert self.url

    def _run(self, settings: GatewaySettings) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(serve(settings, self._is_ready, self._stop))
            finally:
                self._ready.set()

    def _is_ready(self, url: str) -> None:
        self.url = url
        self._ready.set()

    def end(self) -> None:
        """Tells it to end, without waiting."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)

    def join(self, seconds: float) -> bool:
        """Whether it ended in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


@pytest.fixture
def start_gateway(fake_broker: Any) -> Iterator[Callable[..., Running]]:
    """Starts a gateway of the fake broker with these settings."""
    fake_broker.answers |= {
        "info": lambda _: {"name": "plcmq", "version": "1", "uptime": 1.0, "revision": 1, "features": []},
        "profiles": lambda _: {"profiles": [PRESS], "total": 1, "revision": 1},
        "stats": lambda _: {
            "requests": 7,
            "errors": {"busy": 2},
            "pending": 0,
            "clients": {"waiting": 1, "most": 1},
        },
        "figures": lambda request: {
            "columns": COLUMNS,
            "rows": [row(1), row(2, "down")][request.rqargs.get("offset", 0) :][: request.rqargs["limit"]],
            "total": 2,
            "states": {"up": 1, "down": 1},
            "revision": 1,
            "bounds": [0.001, 0.01],
            "hosts": [],
            "processes": [],
        },
        "describe": lambda request: PRESS | {"device": {"id": 1, "name": request.device}},
        "status": lambda _: {"state": "up", "since": 1.0, "reason": ""},
        "read": lambda request: {
            "values": dict.fromkeys(request.rqargs["tags"], 5),
            "age": dict.fromkeys(request.rqargs["tags"], 0.5),
        },
    }
    started: list[Running] = []

    def start(**settings: Any) -> Running:
        broker = settings.pop("broker", fake_broker.endpoint)
        settings = {"bind": "127.0.0.1:0"} | settings
        started.append(Running(GatewaySettings(broker=broker, **settings)))
        return started[-1]

    yield start
    for one in started:
        one.end()
    assert all(one.join(20) for one in started)


@pytest.fixture
def gateway(start_gateway: Callable[..., Running]) -> Running:
    return start_gateway()


@pytest.fixture
def web(gateway: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        yield client
