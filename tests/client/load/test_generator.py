"""The asking, against a broker that answers as it is told."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import os
import resource
import time
from contextlib import nullcontext

import pytest
from plcmq.client.load import generator as module
from plcmq.client.load.generator import Generator, precise_loop
from plcmq.client.load.meter import Meter
from plcmq.client.load.schedule import ClosedLoop, Load, OpenLoop
from plcmq.client.protocol.errors import Code, failure

OPEN = OpenLoop(200.0)
BOTH = pytest.mark.parametrize("schedule", [OPEN, ClosedLoop(4)])


@pytest.fixture
def load(load, fake_broker) -> Load:
    """A hundred reads in half a second, after twenty to warm up."""
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
    return dataclasses.replace(
        load, schedule=OPEN, endpoint=fake_broker.endpoint, duration=0.5, warm_up=0.1, timeout=30.0
    )


async def run(load: Load, meanwhile=None) -> Meter:
    async with Generator(load) as generator:
        running = asyncio.create_task(generator.run())
        if meanwhile is not None:
            await meanwhile(generator)
        return await running


async def holds(fake_broker, number: int) -> None:
    """Waits until the broker holds so many more requests."""
    for _ in range(number):
        await asyncio.to_thread(fake_broker.held.get, timeout=10)


async def test_an_open_loop_asks_exactly_what_is_due(load, fake_broker):
    meter = await run(load)
    assert meter.due == 100
    assert meter.overall().latencies.count == 100
    assert meter.lag.count == 100
    assert meter.lasted == load.end
    assert len([each for each in fake_broker.requests if each.action == "read"]) == 120  # the warm-up too


async def test_an_open_loop_waits_for_no_answer(load, fake_broker):
    """A broker that stands still is seen by all requests that were due meanwhile, and not by one."""
    fake_broker.answers["read"] = lambda _: fake_broker.HOLD
    stood_still = 0.0

    async def let_go(_generator):
        nonlocal stood_still
        await holds(fake_broker, 1)
        first = time.monotonic()
        await holds(fake_broker, 99)
        stood_still = time.monotonic() - first
        fake_broker.release()

    latencies = (await run(dataclasses.replace(load, warm_up=0.0), let_go)).overall().latencies
    assert latencies.count == 100
    assert latencies.longest >= stood_still * 0.999
    assert latencies.percentile(50) >= (stood_still - 50 / OPEN.rate) * 0.999


async def test_a_latency_counts_from_when_the_request_was_due_also_if_it_was_sent_late(load):
    async def stall(_generator):
        await asyncio.sleep(0)  # the load has begun
        time.sleep(0.3)  # this loop, and so the generator, stands still

    meter = await run(dataclasses.replace(load, warm_up=0.0, duration=0.1), stall)
    assert meter.due == 20
    assert meter.lag.percentile(50) >= 0.19
    assert meter.overall().latencies.percentile(50) >= 0.19


async def test_a_closed_loop_keeps_its_number_in_flight(load, fake_broker):
    fake_broker.answers["read"] = lambda _: fake_broker.HOLD

    async def let_go(generator):
        await holds(fake_broker, 3)
        await asyncio.to_thread(fake_broker.release)
        await holds(fake_broker, 3)
        assert fake_broker.held.empty()
        fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
        generator.stop()
        fake_broker.release()

    load = dataclasses.replace(load, schedule=ClosedLoop(3), duration=600.0, warm_up=0.0)
    meter = await run(load, let_go)
    assert meter.due == meter.overall().latencies.count == 6
    assert meter.lag.count == 0


async def test_errors_count_by_code_and_the_first_of_each_is_kept(load, fake_broker):
    def busy(_request):
        raise failure(Code.BUSY, "try later")

    fake_broker.answers["read"] = busy
    tally = (await run(load)).overall()
    assert tally.errors == {"busy": 100}
    assert tally.messages == {"busy": "try later"}
    assert tally.latencies.count == 0


async def test_a_read_that_lacks_a_tag_has_failed(load, fake_broker):
    error = failure(Code.DEVICE_ERROR, "no such register").to_map()
    fake_broker.answers["read"] = lambda _: {"values": {}, "errors": {"a": error}}
    assert (await run(load)).overall().errors == {"device_error": 100}


@BOTH
async def test_a_load_can_be_stopped_and_what_is_on_its_way_gets_its_answer(load, fake_broker, schedule):
    fake_broker.answers["read"] = lambda _: fake_broker.HOLD
    load = dataclasses.replace(load, schedule=schedule, duration=600.0, warm_up=0.0)

    async def stop(generator):
        await holds(fake_broker, 4)
        generator.stop()
        generator.stop()
        fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
        fake_broker.release()

    meter = await run(load, stop)
    assert meter.due == meter.overall().latencies.count >= 4
    assert meter.lasted < load.end


@BOTH
async def test_what_has_no_answer_for_long_after_a_stop_stays_without(
    load, fake_broker, schedule, monkeypatch
):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    fake_broker.answers["read"] = lambda _: fake_broker.HOLD
    load = dataclasses.replace(load, schedule=schedule, duration=600.0, warm_up=0.0)

    async def stop(generator):
        await holds(fake_broker, 4)
        generator.stop()

    meter = await run(load, stop)
    assert meter.due >= 4
    assert meter.overall().latencies.count == 0


async def test_stopping_what_has_ended_does_nothing(load):
    async with Generator(dataclasses.replace(load, duration=0.1, warm_up=0.0)) as generator:
        generator.stop()
        assert (await generator.run()).due == 20
        generator.stop()


async def test_requests_go_over_all_connections(load, fake_broker):
    await run(dataclasses.replace(load, connections=3))
    assert len(fake_broker.clients) == 3


@pytest.fixture
def descriptor():
    """One beyond what `select` takes, of which there is something to read."""
    _soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    here, there = os.pipe()
    beyond = fcntl.fcntl(here, fcntl.F_DUPFD, 1024)
    os.write(there, b"!")
    yield beyond
    for end in (here, there, beyond):
        os.close(end)


@pytest.mark.parametrize(
    ("connections", "raised"), [(1, pytest.raises(ValueError, match="select")), (1000, nullcontext())]
)
def test_few_connections_have_the_loop_that_takes_microseconds_and_many_one_that_takes_them(
    descriptor, connections, raised
):
    loop = precise_loop(connections)
    loop.add_reader(descriptor, loop.stop)
    with raised:
        loop.run_forever()
    loop.close()
