"""Isolation: no device, host or database in trouble holds up what has nothing to do with it.

Mostly counted instead of timed: what must go on makes so many requests while the trouble lasts. The figures
in milliseconds are the soak's.
"""

import asyncio
import sqlite3
from contextlib import AsyncExitStack, contextmanager

import pytest
from plcmq.client import PlcmqError, connect
from plcmq.devices.simulator.faults.base import Close
from plcmq.devices.simulator.faults.silence import Blackhole

QUICK = {"timeout": 0.3, "backoff_max": 0.5}


async def failure_of(asking):
    with pytest.raises(PlcmqError) as caught:
        await asking
    return caught.value


async def read(client, number=1, **more):
    return await client.request("read", {"tags": "stroke_no"}, device=f"press-{number}", **more)


async def test_with_black_holes_among_them_the_other_devices_go_on_without_an_error(plant):
    async with AsyncExitStack() as stack:
        plcs = [await stack.enter_async_context(plant.press(number, link=QUICK)) for number in range(8)]
        await stack.enter_async_context(plant.broker())
        client = await stack.enter_async_context(plant.client())
        await asyncio.gather(*(read(client, number) for number in range(8)))
        stop, failed = asyncio.Event(), []

        async def bother(number):
            while not stop.is_set():
                try:
                    await read(client, number)
                except PlcmqError as error:
                    failed.append(error)
                    await asyncio.sleep(0.01)

        async def go_on(number):
            for _ in range(150):
                await read(client, number)
                await client.write(f"press-{number}", {"nok_limit": 1})

        with plcs[0].fault(Blackhole()), plcs[1].fault(Blackhole()):
            bothering = [asyncio.create_task(bother(number)) for number in (0, 1) for _ in range(10)]
            await asyncio.gather(*(go_on(number) for number in range(2, 8)))
            stop.set()
            await asyncio.gather(*bothering)
        assert {error.outcome for error in failed} == {"not_executed"}
        assert {error.code for error in failed} <= {"timeout", "device_down"}
        for number in range(8):
            await read(client, number, retry=True)
        assert {plc.evidence.sockets.peak for plc in plcs} == {1}


async def test_while_a_device_is_down_its_callers_fail_at_once_and_one_probe_at_a_time_is_made(plant):
    link = {"timeout": 0.2, "backoff_max": 5.0}
    async with plant.press(1, link=link) as plc, plant.broker(), plant.client() as client:
        await read(client)
        with plc.fault(Blackhole()):
            errors = [await failure_of(read(client)) for _ in range(3)]
            assert [error.code for error in errors].count("timeout") <= 2, "it is noticed within 2 timeouts"
            requests = plc.evidence.requests
            errors = [await failure_of(read(client)) for _ in range(200)]
            assert {error.code for error in errors} == {"device_down"}
            assert all(error.retry_after > 0 for error in errors)
            assert plc.evidence.requests - requests <= 3, "probes, and no caller's request"
        await read(client, retry=True, timeout=15)
        assert plc.evidence.sockets.peak == 1


@pytest.mark.parametrize("how", Close)
async def test_a_device_that_comes_back_is_served_again(plant, how):
    async with plant.press(1, link=QUICK) as plc, plant.broker(), plant.client() as client:
        await read(client)
        await plc.unplug(how)
        await failure_of(read(client, timeout=0.5))
        await plc.plug_in()
        before = plc.evidence.requests
        await read(client, retry=True, timeout=15)
        assert plc.evidence.requests > before
        assert plc.evidence.sockets.peak == 1


@contextmanager
def locked(plant):
    """The database, locked by another program."""
    other = sqlite3.connect(plant.registry.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_locked_database_delays_no_request_without_a_key(plant):
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        await read(client)
        with locked(plant):
            keyed = asyncio.create_task(
                client.request("stroke", {"number": 1}, device="press-1", key="order-1", timeout=30)
            )
            for number in range(2, 302):
                await client.request("stroke", {"number": number}, device="press-1")
                await read(client)
            assert not keyed.done()
            assert plc.evidence.strokes["press-1.stroke_no"] == 300
        assert await keyed == {}
        assert plc.evidence.strokes["press-1.stroke_no"] == 301


async def test_a_keyed_command_that_the_database_holds_up_too_long_is_not_executed_and_its_key_is_free(plant):
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        await read(client)
        command = {"action": "stroke", "rqargs": {"number": 1}, "device": "press-1", "key": "order-1"}
        with locked(plant):
            error = await failure_of(client.request(**command, timeout=0.3))
            assert error.outcome == "not_executed"
        assert plc.evidence.writes == 0
        assert await client.request(**command) == {}
        assert await client.request(**command) == {}
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


async def state_of(client):
    (device,) = (await client.devices())["devices"]
    return device["state"]


async def test_a_stopped_host_is_found_out_and_when_it_wakes_it_sends_nothing_that_has_expired(
    plant, works, judge
):
    async with plant.press(1) as plc:
        judge = judge(plc)
        await works.broker(in_process_host=False)
        host = await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            host.stop()
            asked = [
                asyncio.create_task(
                    client.request(
                        "stroke",
                        {"number": number},
                        device="press-1",
                        timeout=1.0,
                        key=f"order-{number}" if number % 2 else None,
                    )
                )
                for number in range(1, 21)
            ]
            errors = await asyncio.gather(*asked, return_exceptions=True)
            assert {error.outcome for error in errors} == {"unknown"}, "nobody knows what a silent host does"
            async with asyncio.timeout(5):
                while await state_of(client) != "unserved":
                    await asyncio.sleep(0.02)
            assert (await failure_of(read(client))).code == "no_host", "told at once"
            requests = plc.evidence.requests
            host.wake()
            await works.until_served(client)
        assert judge.begun == {}
        assert plc.evidence.writes == 0
        assert plc.evidence.requests > requests
        assert plc.evidence.sockets.peak == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asleep", "timeout"),
    [(2.0, 1.0), (4.5, 60.0)],
    ids=["beyond the command's time", "beyond the host's lease"],
)
async def test_a_host_that_is_stopped_in_the_middle_of_a_command_does_not_go_on_with_it(
    plant, works, judge, asleep, timeout
):
    async with plant.press(1, delay=0.2) as plc:
        judge = judge(plc)
        await works.broker(in_process_host=False)
        host = await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            before = plc.evidence.requests
            asked = asyncio.create_task(
                failure_of(client.request("stroke", {"number": 1}, device="press-1", timeout=timeout))
            )
            await plc.evidence.wait_until(lambda e: e.requests > before)
            host.stop()
            await asyncio.sleep(asleep)
            host.wake()
            error = await asked
            await works.until_served(client)
        assert error.outcome in ("executed", "unknown")
        assert (judge.begun, judge.done) == ({1: 1}, {})
