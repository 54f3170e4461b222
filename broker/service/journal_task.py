"""Moves orders from the router to the journal, and their results back.

Strategy: one task; while one batch is being written the next collects. When the journal fails, the router
refuses what has not begun, answers what has ended, and orders once more what must be kept of it; after a
pause that is tried again.
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
from ..storage.journal import KEEP, Journal
from ..storage.threads import DatabaseThread

EXPIRY_INTERVAL: Final = 600.0  # seconds between two looks for keys that are too old
PAUSE: Final = 0.5  # seconds after a failure

logger = logging.getLogger(__name__)


class JournalTask:
    """Keeps the journal of one router's keyed commands."""

    def __init__(self, router: Router, journal: DatabaseThread[Journal], after: Callable[[], None]) -> None:
        """`after` is called when the router may have something to send."""
        self._router = router
        self._journal = journal
        self._after = after
        self._wake = asyncio.Event()  # there are orders, or the task shall end
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
            done = await self._journal.run(lambda journal: journal.carry_out(orders, time.time()))
        except RegistryError as error:
            logger.error("the journal cannot be written: %s", error)
            reason = str(error)
        except Exception as error:  # the boundary of this task: without it no key would ever work again
            logger.exception("the journal cannot be written")
            reason = str(error)
        else:
            self._pass_on(lambda now: self._router.journalled(done, now))
            return True
        self._pass_on(lambda now: self._router.journal_failed(orders, reason, now))
        return False

    def _pass_on(self, result: Callable[[float], None]) -> None:
        """Gives the router what came of its orders."""
        try:
            result(time.monotonic())
            self._after()
        except Exception:  # the boundary of one batch: a fault in it shall not cost later commands
            logger.exception("the result of the journal's work could not be passed on")

    async def _expire(self) -> None:
        try:
            await self._journal.run(lambda journal: journal.expire(time.time() - KEEP))
        except RegistryError as error:
            logger.warning("old keys stay in the journal for now: %s", error)
        except Exception:  # the boundary of this task, as above
            logger.exception("old keys stay in the journal for now")
