"""The running broker: sockets, registry, in-process host, and an orderly end.

Strategy: what is needed is opened in an order in which the first thing that fails leaves nothing behind, and
is closed in the opposite one. When it is told to end, the broker refuses new requests to devices, answers
those it has accepted within its drain time, closes every PLC's socket, and only then its own.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final

import orjson

from ...client.protocol import jsontext
from ...client.protocol.endpoint import endpoint_of
from ...client.protocol.sockets import SERVER, ZmqContext, ZmqSocket, bind_router, bound_endpoint, new_context
from .. import catalogue
from ..config import ServeSettings
from ..fleet.fleet import FENCE, Fleet
from ..routing.overview import Overview
from ..routing.router import Router
from ..storage.database import RegistryError
from ..storage.journal import Journal, JournalThread
from ..storage.registry import Registry
from ..storage.threads import RegistryThread
from .journal_task import Bookkeeper
from .server import Server

REGISTRY_INTERVAL: Final = 0.5  # seconds between two looks at the registry's revision
RELEASE_TIME: Final = 3.0  # seconds that hosts in other processes get to close their sockets
UNREAD_TIME: Final = 1.0  # seconds that clients get to read their last replies
FRONT: Final = replace(SERVER, queue=1000)  # messages; what else a client does not read waits in the backlog
DESCRIPTORS: Final = 65_536  # open files that we ask the system for
DESCRIPTORS_APART: Final = 200  # of these, what is not a connection

logger = logging.getLogger(__name__)


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
    max_clients = _raise_descriptor_limit()
    jsontext.accelerate(orjson.loads, _dumps)
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryThread(Registry(settings.registry)))
        context = await stack.enter_async_context(_context(max_clients))
        front = stack.enter_context(bind_router(context, endpoint_of(settings.bind), FRONT))
        back = stack.enter_context(bind_router(context, endpoint_of(settings.host_bind)))
        server = Server(_router(settings, await registry.run(Registry.hosts_elsewhere)), front, back)
        await _load(registry, server)
        journal = await stack.enter_async_context(JournalThread(Journal(settings.registry)))
        await stack.enter_async_context(_journalled(server, journal))
        await stack.enter_async_context(_served(server, settings, registry, stop))
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
async def _journalled(server: Server, journal: JournalThread) -> AsyncIterator[None]:
    """Keeps the journal inside the block."""
    bookkeeper = Bookkeeper(server.router, journal, server.flush)
    server.on_orders = bookkeeper.wake
    task = asyncio.create_task(bookkeeper.keep(), name="keep the journal")
    try:
        yield
    finally:
        bookkeeper.end()
        await task


@asynccontextmanager
async def _served(
    server: Server, settings: ServeSettings, registry: RegistryThread, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Serves inside the block; on leaving it, drains and closes every PLC's socket."""
    server.start()
    host = server.add_local_host("local") if settings.in_process_host else None
    watch = asyncio.create_task(_watch(registry, server), name="watch the registry")
    try:
        yield
    finally:
        stop.set()
        watch.cancel()
        await asyncio.wait([watch])
        await _drain(server, settings.drain)
        if host is not None:
            await host.close()
        await _keep_learned(registry, server)
        await _note_orderly_end(registry, server)
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


async def _load(registry: RegistryThread, server: Server) -> None:
    """Makes the registry's content the broker's."""
    marks, learned = await registry.run(Registry.marks), await registry.run(Registry.learned)
    snapshot = await registry.snapshot()
    before = server.router.overview.catalogue
    # Compiling ten thousand devices takes a while, in which the broker goes on answering.
    after = await asyncio.to_thread(catalogue.build, snapshot, before)
    server.router.fleet.relearn(learned, marks.epoch)
    server.router.set_catalogue(after, time.monotonic())
    server.flush()


async def _keep_learned(registry: RegistryThread, server: Server) -> None:
    """Takes what hosts have learned to the registry."""
    learning = server.router.fleet.learning
    news, learning.outbox = learning.outbox, []
    try:
        if news:
            await registry.run(lambda r: r.learn(news))
    except RegistryError as error:
        learning.outbox[:0] = news
        logger.warning("what devices have taught is not kept for now: %s", error)


async def _note_orderly_end(registry: RegistryThread, server: Server) -> None:
    """Lets the next broker begin at once: no host holds a PLC any more."""
    try:
        if not server.router.fleet.waits_for_release:
            await registry.run(lambda r: r.note_hosts_elsewhere(False))
    except RegistryError as error:
        logger.warning("the next broker will wait for hosts that may be alive: %s", error)


async def _watch(registry: RegistryThread, server: Server) -> None:
    """Follows the registry, and notes in it whether hosts are about that would survive our crash."""
    noted = await registry.run(Registry.hosts_elsewhere)
    while True:
        try:
            await _keep_learned(registry, server)
            marks, router = await registry.run(Registry.marks), server.router
            if marks.revision != router.overview.catalogue.revision:
                await _load(registry, server)
            elif marks.epoch != router.fleet.learning.epoch:
                router.fleet.relearn(await registry.run(Registry.learned), marks.epoch)
                server.flush()
            if not noted and server.router.fleet.has_hosts_elsewhere:
                await registry.run(lambda r: r.note_hosts_elsewhere(True))
                noted = True
                server.router.fleet.put_on_record(time.monotonic())
                server.flush()
        except Exception:  # the boundary of this task: whatever is wrong with the registry, devices go on
            logger.exception("the registry cannot be read; the devices stay as they were")
        await asyncio.sleep(REGISTRY_INTERVAL)


def _raise_descriptor_limit() -> int:
    """Asks for as many open files as we may have; returns how many clients they have room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    limit = DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(1, limit - DESCRIPTORS_APART)
