"""Follows the registry: makes its changes the broker's, and keeps in it what hosts have learned.

The registry notes whether hosts in other processes may hold sockets to PLCs, because they would survive a
crash of this broker; until that is on record they are given nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from .. import catalogue
from ..storage.database import RegistryError
from ..storage.registry import Registry
from ..storage.threads import DatabaseThread
from .server import Server

INTERVAL: Final = 0.5  # seconds between two looks at the registry's revision

logger = logging.getLogger(__name__)


class RegistryWatch:
    """Keeps one server and its registry in step."""

    def __init__(self, registry: DatabaseThread[Registry], server: Server) -> None:
        self._registry = registry
        self._server = server
        self._noted: bool | None = None  # whether hosts elsewhere are on record; None: not read yet

    async def follow(self) -> None:
        """Looks at the registry again and again, until it is cancelled."""
        while True:
            try:
                await self._look()
            except Exception:  # the boundary of this task: whatever is wrong with the registry, devices go on
                logger.exception("the registry cannot be read; the devices stay as they were")
            await asyncio.sleep(INTERVAL)

    async def load(self) -> None:
        """Makes the registry's content the broker's."""
        marks, learned = await self._registry.run(Registry.marks), await self._registry.run(Registry.learned)
        snapshot = await self._registry.run(Registry.snapshot)
        router = self._server.router
        # Compiling ten thousand devices takes a while, in which the broker goes on answering.
        after = await asyncio.to_thread(catalogue.build, snapshot, router.overview.catalogue)
        router.fleet.relearn(learned, marks.epoch)
        router.set_catalogue(after, time.monotonic())
        self._server.flush()

    async def keep_learned(self) -> None:
        """Takes what hosts have learned to the registry."""
        learning = self._server.router.fleet.learning
        news, learning.outbox = learning.outbox, []
        try:
            if news:
                await self._registry.run(lambda registry: registry.learn(news))
        except RegistryError as error:
            learning.outbox[:0] = news
            logger.warning("what devices have taught is not kept for now: %s", error)

    async def note_orderly_end(self) -> None:
        """Lets the next broker begin at once, if no host holds a PLC any more."""
        try:
            if not self._server.router.fleet.waits_for_release:
                await self._registry.run(lambda registry: registry.note_hosts_elsewhere(False))
        except RegistryError as error:
            logger.warning("the next broker will wait for hosts that may be alive: %s", error)

    async def _look(self) -> None:
        await self.keep_learned()
        fleet = self._server.router.fleet
        marks = await self._registry.run(Registry.marks)
        if marks.revision != self._server.router.overview.catalogue.revision:
            await self.load()
        elif marks.epoch != fleet.learning.epoch:
            fleet.relearn(await self._registry.run(Registry.learned), marks.epoch)
            self._server.flush()
        if self._noted is None:
            self._noted = await self._registry.run(Registry.hosts_elsewhere)
        if not self._noted and fleet.has_hosts_elsewhere:
            await self._registry.run(lambda registry: registry.note_hosts_elsewhere(True))
            self._noted = True
            fleet.put_on_record(time.monotonic())
            self._server.flush()
