"""The running broker: sockets, registry, in-process host, and an orderly end.

Strategy: what is needed is opened in an order in which the first thing that fails leaves nothing behind, and
is closed in the opposite one. When it is told to end, the broker refuses new requests to devices, answers
those it has accepted within its drain time, closes every PLC's socket, and only then its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final

import orjson

from ...client.protocol import jsontext
from ...client.protocol.endpoint import endpoint_of
from ...client.protocol.loop_watch import watched_loop
from ...client.protocol.sockets import SERVER, ZmqContext, ZmqSocket, bind_router, bound_endpoint, new_context
from ...client.protocol.vitals import vitals
from ...devices.host.descriptors import raise_limit
from ..config import ServeSettings
from ..fleet.fleet import FENCE, Fleet
from ..routing.overview import Overview
from ..routing.router import Router
from ..storage.journal import Journal
from ..storage.registry import Registry
from ..storage.threads import DatabaseThread
from .journal_task import JournalTask
from .registry_watch import RegistryWatch
from .server import Server

RELEASE_TIME: Final = 3.0  # seconds that hosts in other processes get to close their sockets
UNREAD_TIME: Final = 1.0  # seconds that clients get to read their last replies
FRONT: Final = replace(SERVER, queue=1000)  # messages; what else a client does not read waits in the backlog

logger = logging.getLogger(__name__)

BEAT: Final = 0.05  # seconds between two beats of the loop
LATE: Final = 0.1  # seconds that a beat may be late


@dataclass(frozen=True, slots=True)
class Serving:
    """What is told when the broker is ready.

    Attributes:
        bind: where clients connect.
        host_bind: where hosts connect.
        devices: how many there are.
        max_clients: how many clients the system's limit of open files has room for.
    """

    bind: str
    host_bind: str
    devices: int
    max_clients: int


async def serve(
    settings: ServeSettings,
    *,
    ready: Callable[[Serving], None] | None = None,
    stop: asyncio.Event,
) -> None:
    """Runs a broker, with a device host unless the settings say otherwise, until `stop` is set.

    Args:
        settings: where to listen, which registry, how long to drain.
        ready: called once when the broker answers.
        stop: ends the broker.

    Raises:
        EndpointInUse, BadEndpoint: it cannot listen where it should.
        RegistryError: the registry cannot be opened or read.
    """
    max_clients = raise_limit()
    jsontext.accelerate(orjson.loads, _dumps)
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(DatabaseThread(Registry(settings.registry)))
        context = await stack.enter_async_context(_context(max_clients))
        front = stack.enter_context(bind_router(context, endpoint_of(settings.bind), FRONT))
        back = stack.enter_context(bind_router(context, endpoint_of(settings.host_bind)))
        server = Server(_router(settings, await registry.run(Registry.hosts_elsewhere)), front, back)
        watch = RegistryWatch(registry, server)
        await watch.load()
        journal = await stack.enter_async_context(DatabaseThread(Journal(settings.registry)))
        await stack.enter_async_context(_journalled(server, journal))
        await stack.enter_async_context(_served(server, settings, watch, stop))
        loop_watch = stack.enter_context(watched_loop("the broker", BEAT, LATE))
        server.router.overview.processes = lambda: [{"name": "broker"} | vitals(loop_watch)]
        if ready is not None:
            ready(_serving(server, front, back, max_clients))
        await stop.wait()


def _dumps(message: object) -> bytes:
    """JSON in no more memory than its text takes: orjson shortens a block of several times that in place, and
    among replies that wait for a slow client what it gives back lies about in pieces."""
    return bytes(memoryview(orjson.dumps(message)))


def _router(settings: ServeSettings, hosts_may_be_alive: bool) -> Router:
    now = time.monotonic()
    fence = now + FENCE if hosts_may_be_alive else now
    fleet = Fleet(fence_all_until=fence, on_record=hosts_may_be_alive)
    overview = Overview("plcmq", version("plcmq"), now, time.time() - now, settings.limits, fleet)
    return Router(overview, first_job=time.time_ns() // 1000)


def _serving(server: Server, front: ZmqSocket, back: ZmqSocket, max_clients: int) -> Serving:
    devices = len(server.router.overview.catalogue.devices)
    return Serving(bound_endpoint(front), bound_endpoint(back), devices, max_clients)


@asynccontextmanager
async def _context(max_clients: int) -> AsyncIterator[ZmqContext]:
    context = new_context(max_clients)
    try:
        yield context
    finally:
        await asyncio.to_thread(context.term)  # waits until the last replies have left


@asynccontextmanager
async def _journalled(server: Server, journal: DatabaseThread[Journal]) -> AsyncIterator[None]:
    """Keeps the journal inside the block."""
    keeper = JournalTask(server.router, journal, server.flush)
    server.on_orders = keeper.wake
    task = asyncio.create_task(keeper.keep(), name="keep the journal")
    try:
        yield
    finally:
        keeper.end()
        await task


@asynccontextmanager
async def _served(
    server: Server, settings: ServeSettings, watch: RegistryWatch, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Serves inside the block; on leaving it, drains and closes every PLC's socket."""
    server.start()
    host = server.add_local_host("local") if settings.in_process_host else None
    watching = asyncio.create_task(watch.follow(), name="follow the registry")
    try:
        yield
    finally:
        stop.set()
        watching.cancel()
        await asyncio.wait([watching])
        await _drain(server, settings.drain)
        if host is not None:
            await host.close()
        await watch.keep_learned()
        await watch.note_orderly_end()
        server.flush()
        server.stop()


async def _drain(server: Server, drain: float) -> None:
    """Lets accepted requests end, then has hosts in other processes close their sockets."""
    router = server.router
    router.overview.draining = True
    await server.wait_for(lambda: not router.pending, drain)
    if router.pending:
        logger.warning("%d requests were still under way when the drain time was over", router.pending)
    router.abandon(time.monotonic())
    router.fleet.release_all()
    server.flush()
    await server.wait_for(lambda: not router.fleet.waits_for_release, RELEASE_TIME)
    await server.wait_for(lambda: not server.delivery.backlog.peers, UNREAD_TIME)
