"""A database in a thread of its own: opened and closed there, one call after the other."""

from __future__ import annotations

import asyncio
import threading

import pytest
from plcmq.broker.storage.threads import DatabaseThread


class Database:
    """Notes in which thread it is used."""

    def __init__(self, fault=None):
        self.fault = fault
        self.used = []

    def __enter__(self):
        self.used.append(("open", threading.get_ident()))
        if self.fault is not None:
            raise self.fault
        return self

    def __exit__(self, *_exc):
        self.used.append(("close", threading.get_ident()))

    def call(self):
        self.used.append(("call", threading.get_ident()))
        return 7


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("plcmq-database")]


async def test_opened_used_and_closed_in_one_thread_that_ends_with_it():
    database = Database()
    async with DatabaseThread(database) as thread:
        assert await asyncio.gather(*(thread.run(Database.call) for _ in range(3))) == [7, 7, 7]
    assert [what for what, _ in database.used] == ["open", "call", "call", "call", "close"]
    assert len({where for _, where in database.used} - {threading.get_ident()}) == 1
    assert not threads()


async def test_a_database_that_cannot_be_opened_leaves_no_thread():
    database = Database(OSError("no such file"))
    with pytest.raises(OSError, match="no such file"):
        async with DatabaseThread(database):
            pass
    for thread in threads():
        await asyncio.to_thread(thread.join, 5)
    assert not threads()


async def test_a_cancelled_call_still_runs_to_its_end():
    entered, go = threading.Event(), threading.Event()

    def slow(database):
        entered.set()
        go.wait(5)
        database.call()

    database = Database()
    async with DatabaseThread(database) as thread:
        call = asyncio.create_task(thread.run(slow))
        await asyncio.to_thread(entered.wait, 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go.set()
    assert [what for what, _ in database.used] == ["open", "call", "close"]
