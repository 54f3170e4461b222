"""Brokers that die and come back: clients find them again, and no PLC ever sees a second socket."""

import asyncio
import time

import pytest
from plcmq.client import PlcmqError, connect, get_conn


def at(plant, bind="tcp://127.0.0.1:0", host_bind="tcp://127.0.0.1:0"):
    """The flags of a broker."""
    return ["--bind", bind, "--host-bind", host_bind, "--registry", plant.registry, "--json"]


async def until_served(client, device="press-1", within=20.0):
    async with asyncio.timeout(within):
        while True:
            try:
                return await client.request("read", {"tags": "temperature"}, device=device, timeout=1.0)
            except PlcmqError:
                await asyncio.sleep(0.02)


async def until_answered(client):
    while True:
        try:
            return await client.request("ping", timeout=5)
        except PlcmqError:
            await asyncio.sleep(0.05)


async def test_500_clients_are_served_again_after_a_restart_of_the_broker(plant, programs, free_address):
    """In under ten seconds, unless the machine is busy with other things: the figure is in the output."""
    flags = at(plant, bind=free_address())
    broker = await programs("serve", *flags)
    clients = [connect(broker.ready["bind"], connect_timeout=30) for _ in range(500)]
    try:
        await asyncio.gather(*(client.__aenter__() for client in clients))
        broker.kill()
        await broker.process.wait()
        await programs("serve", *flags)
        started = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*map(until_answered, clients)), 60)
        print(f"500 clients were served again after {time.monotonic() - started:.2f} s")
    finally:
        await asyncio.gather(*(client.__aexit__(None, None, None) for client in clients))


async def test_nobody_waits_for_a_killed_broker_and_everybody_hears_what_is_known(plant, works):
    async with plant.press(1, delay=60) as plc:
        broker = await works.broker()
        async with connect(works.bind, device="press-1", timeout=600) as client:
            with get_conn(works.bind, device="press-1", timeout=600) as conn:
                calls = [
                    asyncio.ensure_future(call)
                    for call in (
                        client.request("write", {"values": {"nok_limit": 1}}),
                        client.request("read", {"tags": "temperature"}),
                        asyncio.to_thread(conn.request, "write", {"values": {"nok_limit": 2}}),
                        asyncio.to_thread(conn.request, "read", {"tags": "temperature"}),
                    )
                ]
                await plc.evidence.wait_until(lambda e: e.requests > 0)
                await until_it_has(client, 4)
                await broker.kill()
                async with asyncio.timeout(20):
                    errors = await asyncio.gather(*calls, return_exceptions=True)
        assert [error.code for error in errors] == ["outcome_unknown", "no_host"] * 2


async def until_it_has(client, count):
    """Until so many requests wait at the broker."""
    while (await client.ask("stats"))["pending"] < count:
        await asyncio.sleep(0.01)


async def test_no_second_socket_when_a_broker_with_its_own_host_follows_a_killed_one(plant, works):
    """The host elsewhere holds the PLC still: it gets it back, and the new broker's own host does not."""
    async with plant.press(1) as plc:
        broker = await works.broker(in_process_host=False)
        await works.host("north")
        async with connect(works.bind) as client:
            await works.until_served(client)
            await broker.kill()
            await works.broker()
            await works.until_served(client)
            hosts = {h["name"]: h["endpoints"] for h in (await client.request("stats"))["hosts"]}
        assert hosts == {"local": 0, "north": 1}
        assert (plc.evidence.sockets.opened, plc.evidence.sockets.peak) == (1, 1)


@pytest.mark.slow
async def test_no_second_socket_when_the_host_elsewhere_does_not_find_the_new_broker(
    plant, programs, free_address
):
    """It lets go of the PLC by its lease, and only then the new broker's own host may have it."""
    async with plant.press(1) as plc:
        ends = at(plant, bind=free_address())
        broker = await programs("serve", *ends, "--no-host")
        await programs("host", "--broker", broker.ready["host_bind"], "--name", "north", ready=False)
        async with connect(broker.ready["bind"]) as client:
            await until_served(client)
            broker.kill()
            await broker.process.wait()
            await programs("serve", *ends)
            await until_served(client)
        assert (plc.evidence.sockets.opened, plc.evidence.sockets.peak) == (2, 1)


async def test_sigterm_while_a_host_elsewhere_has_requests_answers_them_and_frees_the_plc(plant, programs):
    async with plant.press(1, delay=0.01) as plc:
        broker = await programs("serve", *at(plant), "--no-host")
        await programs("host", "--broker", broker.ready["host_bind"], "--name", "north", ready=False)
        async with connect(broker.ready["bind"]) as client:
            await until_served(client)
            asked = [asyncio.ensure_future(client.write("press-1", {"nok_limit": n})) for n in range(100)]
            await plc.evidence.wait_until(lambda e: e.writes > 3)
            status, *replies = await asyncio.gather(broker.end(), *asked, return_exceptions=True)
        assert (status, [reply for reply in replies if isinstance(reply, Exception)]) == (0, [])
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        assert {str(how): n for how, n in plc.evidence.sockets.closed.items() if n} == {"fin": 1}
