"""The registry is followed whatever happens to its database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from plcmq.broker.routing.router import Router
from plcmq.broker.service import registry_watch
from plcmq.broker.service.registry_watch import RegistryWatch
from plcmq.broker.storage.database import RegistryError
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.threads import DatabaseThread
from plcmq.devices.site.definitions.content import SiteContent

PRESS = {"tags": {"a": {"address": "holding:0", "type": "uint16"}}}


def site(*numbers):
    devices = [{"id": n, "name": f"press-{n}", "host": "127.0.0.1", "profile": "press"} for n in numbers]
    return SiteContent({"press": PRESS}, tuple(devices))


@pytest.fixture
async def registry(tmp_path):
    async with DatabaseThread(Registry(f"sqlite:///{tmp_path}/x.db")) as registry:
        for number in (5, 6):  # its revision is beyond the one that the bench's broker begins with
            await registry.run(lambda r, number=number: r.apply(site(number), prune=True))
        yield registry


@asynccontextmanager
async def following(watch):
    task = asyncio.create_task(watch.follow())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("call", ["hosts_elsewhere", "marks", "learned", "snapshot"])
async def test_an_error_of_any_call_at_any_moment_does_not_end_it(bench, registry, monkeypatch, call, caplog):
    monkeypatch.setattr(registry_watch, "INTERVAL", 0.001)
    works, failed = getattr(Registry, call), asyncio.Event()
    loop = asyncio.get_running_loop()

    def fails_once(of):
        monkeypatch.setattr(Registry, call, works)
        loop.call_soon_threadsafe(failed.set)
        raise RegistryError("the database is being restarted")

    monkeypatch.setattr(Registry, call, fails_once)
    async with following(RegistryWatch(registry, bench.server)):
        await asyncio.wait_for(failed.wait(), 5)
        await registry.run(lambda r: r.apply(site(7)))
        await bench.until(lambda: set(bench.server.router.overview.catalogue.devices) == {6, 7})
    assert "the database is being restarted" in caplog.text


async def test_a_fault_of_our_own_does_not_end_it(bench, registry, monkeypatch, caplog):
    monkeypatch.setattr(registry_watch, "INTERVAL", 0.001)
    works = Router.set_catalogue

    def fails_once(*_args):
        monkeypatch.setattr(Router, "set_catalogue", works)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Router, "set_catalogue", fails_once)
    async with following(RegistryWatch(registry, bench.server)):
        await bench.until(lambda: set(bench.server.router.overview.catalogue.devices) == {6})
    assert "RuntimeError: a bug" in caplog.text


async def test_a_host_elsewhere_is_given_devices_once_it_is_on_record(bench, registry, monkeypatch):
    monkeypatch.setattr(registry_watch, "INTERVAL", 0.001)
    async with following(RegistryWatch(registry, bench.server)):
        await bench.host()

        async def noted():
            return await registry.run(Registry.hosts_elsewhere)

        async with asyncio.timeout(5):
            while not await noted():
                await asyncio.sleep(0)
