"""Starting, ending and dying: brokers, hosts and devices come and go, and nothing is lost without a word."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from plcmq.client import PlcmqError, connect


@pytest.fixture
def addresses(free_address):
    """Gives the two addresses of a broker."""
    return lambda: (free_address(), free_address())


async def start_broker(programs, plant, bind, host_bind, *flags):
    at = ["--bind", bind, "--host-bind", host_bind, "--registry", plant.registry]
    return await programs("serve", *at, "--json", *flags)


async def start_host(programs, host_bind, name="north"):
    return await programs("host", "--broker", host_bind, "--name", name, ready=False)


async def until_served(client, device="press-1", within=10.0):
    """Reads until it works."""
    started = time.monotonic()
    while True:
        try:
            return await client.request("read", {"tags": "temperature"}, device=device, timeout=1.0)
        except PlcmqError as error:
            if time.monotonic() - started > within:
                raise AssertionError(f"not served within {within} s: {error}") from error
            await asyncio.sleep(0.02)


async def test_sigterm_under_load_answers_every_accepted_request_and_ends_with_0(plant, programs, addresses):
    async with plant.press(1, delay=0.002) as plc:
        broker = await start_broker(programs, plant, *addresses())
        async with connect(broker.ready["bind"]) as client:
            await until_served(client)
            asked = [asyncio.ensure_future(client.read("press-1", "temperature")) for _ in range(900)]
            asked += [asyncio.ensure_future(client.write("press-1", {"nok_limit": n})) for n in range(100)]
            await plc.evidence.wait_until(lambda e: e.writes > 3)
            status = await asyncio.gather(broker.end(), *asked, return_exceptions=True)
        errors = {repr(error) for error in status[1:] if isinstance(error, Exception)}
        assert status[0] == 0
        assert errors == set(), "all had been accepted"
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        assert {str(how): n for how, n in plc.evidence.sockets.closed.items() if n} == {"fin": 1}


async def test_a_killed_broker_that_is_started_again_serves_the_same_client(plant, programs, addresses):
    async with plant.press(1) as plc:
        bind, host_bind = addresses()
        broker = await start_broker(programs, plant, bind, host_bind)
        async with connect(bind) as client:
            await until_served(client)
            broker.kill()
            await broker.process.wait()
            await start_broker(programs, plant, bind, host_bind)
            await until_served(client)
        assert plc.evidence.sockets.peak == 1


async def test_a_killed_host_that_is_started_again_serves(plant, works):
    async with plant.press(1) as plc:
        await works.broker(in_process_host=False)
        host = await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            await host.kill()
            await works.host(wait=False)
            await until_served(client)
        assert plc.evidence.sockets.peak == 1


async def test_a_lost_host_fails_its_requests_at_once(plant, programs, addresses):
    async with plant.press(1) as plc:
        bind, host_bind = addresses()
        await start_broker(programs, plant, bind, host_bind, "--no-host")
        host = await start_host(programs, host_bind)
        async with connect(bind) as client:
            await until_served(client)
            before = plc.evidence.requests
            plc.unit.discretes[0] = 0
            batch = asyncio.ensure_future(client.request("start_batch", device="press-1", timeout=60))
            await plc.evidence.wait_until(lambda e: e.requests > before)
            host.kill()
            with pytest.raises(PlcmqError) as caught:
                await asyncio.wait_for(batch, 10)
            assert (caught.value.code, caught.value.outcome) == ("outcome_unknown", "unknown")


async def test_a_restarted_broker_gets_its_host_back_and_the_plc_keeps_its_socket(plant, works):
    """Within the host's lease, in which a busy machine might not even start Python's interpreter."""
    async with plant.press(1) as plc:
        broker = await works.broker(in_process_host=False)
        await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            await broker.kill()
            await works.broker(in_process_host=False)
            await works.until_served(client)
        assert plc.evidence.sockets.opened == 1


async def test_a_second_host_takes_its_share_without_a_second_socket(plant, programs, addresses):
    async with plant.press(1) as one, plant.press(2) as two:
        bind, host_bind = addresses()
        await start_broker(programs, plant, bind, host_bind, "--no-host")
        await start_host(programs, host_bind, "north")
        async with connect(bind) as client:
            await until_served(client, "press-1")
            await until_served(client, "press-2")
            await start_host(programs, host_bind, "south")
            while len((await client.request("stats"))["hosts"]) < 2:
                await asyncio.sleep(0.02)
            await until_served(client, "press-1")
            await until_served(client, "press-2")
            assert [h["endpoints"] for h in (await client.request("stats"))["hosts"]] == [1, 1]
        assert one.evidence.sockets.peak == two.evidence.sockets.peak == 1


async def test_a_host_that_is_told_to_end_closes_its_sockets_with_fin(plant, programs, addresses):
    async with plant.press(1) as plc:
        bind, host_bind = addresses()
        await start_broker(programs, plant, bind, host_bind, "--no-host")
        host = await start_host(programs, host_bind)
        async with connect(bind) as client:
            await until_served(client)
            assert await host.end() == 0
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        assert {str(how): n for how, n in plc.evidence.sockets.closed.items() if n} == {"fin": 1}


async def test_a_change_of_one_device_touches_none_of_twenty_others_under_load(plant):
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(plant.press(number)) for number in range(11, 31)]
        changed = await stack.enter_async_context(plant.press(1))
        await stack.enter_async_context(plant.broker())
        client = await stack.enter_async_context(plant.client())
        for number in (1, *range(11, 31)):
            await until_served(client, f"press-{number}")
        stop, failures, reads = asyncio.Event(), [], [0]

        async def load(device):
            while not stop.is_set():
                try:
                    await client.read(device, "temperature", "state")
                    reads[0] += 1
                except PlcmqError as error:
                    failures.append(error)

        loads = [asyncio.create_task(load(f"press-{number}")) for number in range(11, 31)]
        async with plant.press(3) as added:
            await added.evidence.wait_until(lambda e: e.sockets.open == 1)
            await plant.define(1, changed.port, name="renamed")
            await until_served(client, "renamed")
            del plant.devices[3]
            await plant.apply()
            await added.evidence.wait_until(lambda e: e.sockets.open == 0)
        stop.set()
        await asyncio.gather(*loads)
        assert failures == []
        assert reads[0] > len(loads)
        assert [plc.evidence.sockets.opened for plc in others] == [1] * 20
        assert changed.evidence.sockets.opened == 1, "a new name needs no new connection"
        with pytest.raises(PlcmqError) as caught:
            await client.read("press-3", "temperature")
        assert caught.value.code == "unknown_device"


async def test_a_device_that_moves_to_another_port_has_one_socket_after_the_other(plant):
    async with plant.press(1) as old, plant.press(9) as new, plant.broker(), plant.client() as client:
        del plant.devices[9]
        await plant.apply()
        await new.evidence.wait_until(lambda e: e.sockets.open == 0)
        await client.read("press-1", "temperature")
        await plant.define(1, new.port)
        await old.evidence.wait_until(lambda e: e.sockets.open == 0)
        await until_served(client)
        assert old.evidence.sockets.peak == 1
        assert new.evidence.sockets.peak == 1


async def test_a_port_in_use_is_told_in_one_clear_line(plant, programs, addresses):
    broker = await start_broker(programs, plant, *addresses())
    second = await start_broker(programs, plant, broker.ready["bind"], addresses()[1])
    assert broker.ready["bind"] in second.ready["error"]["message"]
    assert "is in use" in second.ready["error"]["message"]
    assert await second.process.wait() == 1
