"""Moves orders from the router to the journal and what came of them back.

Strategy: one task; while one batch is being written the next collects. A journal that fails is told to the
router, which refuses what has not begun and answers what has ended; the next batch is tried all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from .journal import KEEP, JournalThread
from .models import RegistryError
from .routing import Router

EXPIRY_INTERVAL: Final = 600.0  # seconds between two looks for keys that are too old

logger = logging.getLogger(__name__)


class Bookkeeper:
    """Keeps the journal of one router's keyed commands."""

    def __init__(self, router: Router, journal: JournalThread, after: Callable[[], None]) -> None:
        """`after` is called when the router may have something to send."""
        self._router = router
        self._journal = journal
        self._after = after
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """The router may have orders for the journal."""
        if self._router.keyed.outbox:
            self._wake.set()

    async def keep(self) -> None:
        """Carries out the router's orders, and forgets old keys, until it is cancelled."""
        expire_at = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), EXPIRY_INTERVAL)
            self._wake.clear()
            await self.carry_out()
            if time.monotonic() >= expire_at:
                expire_at = time.monotonic() + EXPIRY_INTERVAL
                await self._expire()

    async def carry_out(self) -> None:
        """Carries out the orders that there are."""
        keyed = self._router.keyed
        orders, keyed.outbox = keyed.outbox, []
        if not orders:
            return
        try:
            done = await self._journal.carry_out(orders, time.time())
        except RegistryError as error:
            logger.error("the journal cannot be written: %s", error)
            self._router.journal_failed(orders, str(error), time.monotonic())
        else:
            self._router.journalled(done, time.monotonic())
        self._after()

    async def _expire(self) -> None:
        try:
            await self._journal.expire(time.time() - KEEP)
        except RegistryError as error:
            logger.warning("old keys stay in the journal for now: %s", error)
