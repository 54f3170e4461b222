"""The task that keeps the journal: batches, failures, and an end at which everything is on record."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from plcmq.broker.routing.idempotency import Begin, Finish, KeyId
from plcmq.broker.service import journal_task
from plcmq.broker.service.journal_task import JournalTask
from plcmq.broker.storage.database import RegistryError
from plcmq.broker.storage.threads import DatabaseThread

BEGIN, FINISH = Begin(KeyId("", "order-1"), "digest"), Finish(KeyId("", "order-1"), {"ok": True})


class Keyed:
    def __init__(self):
        self.outbox = []


class Router:
    """Notes what it is told of the journal's work."""

    def __init__(self, fault=None):
        self.keyed = Keyed()
        self.results = asyncio.Queue()
        self.fault = fault

    def journalled(self, done, _now):
        self.results.put_nowait([order for order, _record in done])
        if self.fault is not None:
            raise self.fault

    def journal_failed(self, orders, reason, _now):
        self.results.put_nowait((orders, reason))

    async def result(self):
        return await asyncio.wait_for(self.results.get(), 5)


class Journal:
    """Fails as it is told to, once each."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.expired = 0

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        pass

    def carry_out(self, orders, _now):
        if self.faults:
            raise self.faults.pop(0)
        return [(order, None) for order in orders]

    def expire(self, _before):
        self.expired += 1
        raise RegistryError("locked")


@asynccontextmanager
async def kept(router, journal):
    async with DatabaseThread(journal) as thread:
        keeper = JournalTask(router, thread, lambda: None)
        task = asyncio.create_task(keeper.keep())
        yield keeper
        keeper.end()
        await asyncio.wait_for(task, 5)


def order(router, keeper, *orders):
    router.keyed.outbox += orders
    keeper.wake()


async def test_what_is_ordered_together_is_carried_out_together():
    router = Router()
    async with kept(router, Journal()) as keeper:
        order(router, keeper, BEGIN, FINISH)
        assert await router.result() == [BEGIN, FINISH]


@pytest.mark.parametrize("fault", [RegistryError("disk full"), RuntimeError("a bug")])
async def test_a_failure_is_told_and_the_next_order_is_carried_out(monkeypatch, caplog, fault):
    monkeypatch.setattr(journal_task, "PAUSE", 0)
    router = Router()
    async with kept(router, Journal(fault)) as keeper:
        order(router, keeper, BEGIN)
        assert await router.result() == ([BEGIN], str(fault))
        order(router, keeper, FINISH)
        assert await router.result() == [FINISH]
    assert str(fault) in caplog.text


async def test_a_fault_with_one_result_does_not_end_the_task(caplog):
    router = Router(RuntimeError("a bug"))
    async with kept(router, Journal()) as keeper:
        order(router, keeper, BEGIN)
        await router.result()
        order(router, keeper, FINISH)
        assert await router.result() == [FINISH]
    assert "RuntimeError: a bug" in caplog.text


async def test_at_its_end_everything_ordered_is_on_record():
    router = Router()
    async with kept(router, Journal()):
        router.keyed.outbox.append(FINISH)
    assert await router.result() == [FINISH]


async def test_old_keys_that_cannot_be_forgotten_now_do_not_end_it():
    router, journal = Router(), Journal()
    async with kept(router, journal) as keeper:
        order(router, keeper, BEGIN)
        await router.result()
        async with asyncio.timeout(5):
            while not journal.expired:
                await asyncio.sleep(0)
        order(router, keeper, FINISH)
        assert await router.result() == [FINISH]
