"""Moves orders from the router to the journal and what came of them back.

Strategy: one task; while one batch is being written the next collects. A journal that fails is told to the
router, which refuses what has not begun, answers what has ended, and orders once more what is to be kept of
it; after a pause that is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final

from ..routing.router import Router
from ..storage.database import RegistryError
from ..storage.journal import KEEP, JournalThread

EXPIRY_INTERVAL: Final = 600.0  # seconds between two looks for keys that are too old
PAUSE: Final = 0.5  # seconds after a failure

logger = logging.getLogger(__name__)


class Bookkeeper:
    """Keeps the journal of one router's keyed commands."""

    def __init__(self, router: Router, journal: JournalThread, after: Callable[[], None]) -> None:
        """`after` is called when the router may have something to send."""
        self._router = router
        self._journal = journal
        self._after = after
        self._wake = asyncio.Event()
        self._ending = False

    def wake(self) -> None:
        """The router may have orders for the journal."""
        if self._router.keyed.outbox:
            self._wake.set()

    async def keep(self) -> None:
        """Carries out the router's orders, and forgets old keys, until `end`."""
        expire_at = 0.0
        while not self._ending:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), EXPIRY_INTERVAL)
            self._wake.clear()
            if not await self._carry_out() and not self._ending:
                await asyncio.sleep(PAUSE)
            if time.monotonic() >= expire_at and not self._ending:
                expire_at = time.monotonic() + EXPIRY_INTERVAL
                await self._expire()
        while self._router.keyed.outbox and await self._carry_out():
            pass

    def end(self) -> None:
        """Lets `keep` return when what has been ordered is on record, or cannot be."""
        self._ending = True
        self._wake.set()

    async def _carry_out(self) -> bool:
        """Carries out the orders that there are; whether that was possible."""
        keyed = self._router.keyed
        orders, keyed.outbox = keyed.outbox, []
        if not orders:
            return True
        try:
            done = await self._journal.carry_out(orders, time.time())
        except Exception as error:  # the boundary of this task: without it no key would ever work again
            if isinstance(error, RegistryError):
                logger.error("the journal cannot be written: %s", error)
            else:
                logger.exception("the journal cannot be written")
            self._router.journal_failed(orders, str(error), time.monotonic())
            self._after()
            return False
        self._router.journalled(done, time.monotonic())
        self._after()
        return True

    async def _expire(self) -> None:
        try:
            await self._journal.expire(time.time() - KEEP)
        except RegistryError as error:
            logger.warning("old keys stay in the journal for now: %s", error)
