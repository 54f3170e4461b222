"""The asking, against a broker that answers as it is told."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest
from plcmq.client.load.generator import Generator, precise_loop
from plcmq.client.load.meter import Totals
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.plan import Plan
from plcmq.client.load.schedule import ClosedLoop, OpenLoop
from plcmq.client.protocol.errors import Code, failure

READ = Operation("read a", "read", {"tags": ["a"]})
OPEN = OpenLoop(200.0)


@pytest.fixture
def plan(fake_broker):
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
    return Plan(Mix({"press-1": [READ]}), OPEN, fake_broker.endpoint, duration=0.5, warm_up=0.1)


async def run(plan: Plan, meanwhile=None) -> Totals:
    totals = Totals()
    async with Generator(plan) as generator:
        running = asyncio.create_task(generator.run(time.monotonic(), totals.add))
        if meanwhile is not None:
            await meanwhile(generator)
        await running
    return totals


async def test_an_open_loop_asks_exactly_what_is_due(plan, fake_broker):
    totals = await run(plan)
    assert totals.due == 100
    assert totals.overall().latencies.count == 100
    assert totals.lag.count == 100
    assert len([each for each in fake_broker.requests if each.action == "read"]) == 120  # the warm-up too
    assert totals.in_flight == {0: 0}


async def test_a_latency_counts_from_when_the_request_was_due(plan, fake_broker):
    """A broker that stands still for a while is seen by all requests that were due meanwhile."""
    stood_still = False

    def stand_still(_request):
        nonlocal stood_still
        if not stood_still:
            stood_still = True
            time.sleep(0.3)
        return {"values": {"a": 1}}

    fake_broker.answers["read"] = stand_still
    latencies = (await run(dataclasses.replace(plan, warm_up=0.0))).overall().latencies
    assert latencies.count == 100
    assert latencies.percentile(50) > 0.03  # 60 of 100 were due in that time; one would be in a closed loop
    assert latencies.longest >= 0.29


async def test_a_closed_loop_keeps_its_number_in_flight(plan, fake_broker):
    fake_broker.answers["read"] = lambda _: fake_broker.HOLD
    plan = dataclasses.replace(plan, schedule=ClosedLoop(3), duration=0.3)

    async def let_go(generator):
        for _ in range(3):
            await asyncio.to_thread(fake_broker.held.get, timeout=10)
        assert generator.meter.in_flight == 3
        assert fake_broker.held.empty()
        fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
        fake_broker.release()

    totals = await run(plan, let_go)
    assert totals.overall().latencies.count > 0
    assert totals.lag.count == 0


async def test_errors_count_by_code_and_the_first_of_each_is_kept(plan, fake_broker):
    fake_broker.answers["read"] = lambda _: _busy()
    tally = (await run(plan)).overall()
    assert tally.errors == {"busy": 100}
    assert tally.messages == {"busy": "try later"}
    assert tally.latencies.count == 0


def _busy():
    raise failure(Code.BUSY, "try later")


async def test_a_read_that_lacks_a_tag_has_failed(plan, fake_broker):
    error = failure(Code.DEVICE_ERROR, "no such register").to_map()
    fake_broker.answers["read"] = lambda _: {"values": {}, "errors": {"a": error}}
    assert (await run(plan)).overall().errors == {"device_error": 100}


@pytest.mark.parametrize("schedule", [OPEN, ClosedLoop(4)])
async def test_stopping_ends_the_load_and_waits_a_moment_for_answers(plan, schedule):
    plan = dataclasses.replace(plan, schedule=schedule, duration=600.0, warm_up=0.0)

    async def stop(generator):
        await asyncio.sleep(0.2)
        generator.stop()

    totals = await run(plan, stop)
    assert totals.due == totals.overall().latencies.count > 0


async def test_requests_go_over_all_connections(plan):
    async with Generator(dataclasses.replace(plan, connections=3)) as generator:
        assert len(generator._connections) == 3
        await generator.run(time.monotonic(), lambda _window: None)


@pytest.mark.parametrize("connections", [1, 1000])
def test_a_loop_for_any_number_of_connections(connections):
    loop = precise_loop(connections)
    loop.close()
