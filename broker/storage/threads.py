"""A database for event loops: its calls run in one thread of its own, one after the other.

A database call may take seconds, and nothing else on the loop shall wait for it; two calls at a time on one
connection would see each other's transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, Self, TypeVar

D = TypeVar("D", bound=AbstractContextManager[object])
T = TypeVar("T")


class DatabaseThread(Generic[D]):
    """The thread of one registry or journal, as a context manager that opens and closes it in there."""

    def __init__(self, database: D) -> None:
        """`database` belongs to the thread from now on."""
        self._database = database
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plcmq-database")

    async def __aenter__(self) -> Self:
        try:
            await self.run(lambda database: database.__enter__())
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.run(lambda database: database.__exit__(kind, error, trace))
        finally:
            self._thread.shutdown()

    async def run(self, call: Callable[[D], T]) -> T:
        """The result of a call with the database.

        A cancelled call still runs to its end in the thread: its transaction is whole.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, self._database)
