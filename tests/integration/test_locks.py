"""Locks of a whole plant: both clients, the command line, and what a lock outlives."""

import asyncio

import pytest
from plcmq.client import PlcmqError, get_conn


async def refused(asking):
    with pytest.raises(PlcmqError) as caught:
        await asking
    assert (caught.value.code, caught.value.outcome, caught.value.http_status) == (
        "locked",
        "not_executed",
        423,
    )
    assert caught.value.retry_after
    return caught.value


async def test_a_sequence_of_commands_runs_undisturbed(press, plant):
    plc, client = press
    async with plant.client() as other:
        async with client.lock("press-1", ttl=30) as locked:
            await locked.write({"batch_size": 20})
            await refused(other.write("press-1", {"batch_size": 9}))
            await refused(other.request("start_batch", {"batch_size": 9}, device="press-1"))
            await refused(other.request("lock", device="press-1"))
            assert await other.read("press-1", "batch_size") == await locked.read("batch_size") == 20
            batch = await locked.request("start_batch", {"batch_size": 15})
            assert batch["state"] == "running"
        await other.write("press-1", {"nok_limit": 1})
        await refused(locked.write({"nok_limit": 2}))
    assert plc.evidence.sockets.peak == 1


async def test_who_waits_for_a_lock_gets_it_when_it_is_free(press, plant):
    _plc, client = press
    async with plant.client() as other:
        first = await client.request("lock", {"ttl": 30}, device="press-1")
        refusals = (await other.ask("stats"))["errors"].get("locked", 0)

        async def second():
            async with other.lock("press-1", timeout=20) as locked:
                await locked.write({"nok_limit": 4})

        waiting = asyncio.create_task(second())
        while (await other.ask("stats"))["errors"].get("locked", 0) == refusals:
            await asyncio.sleep(0.01)
        await client.request("unlock", device="press-1", token=first["token"])
        await waiting
        assert await client.read("press-1", "nok_limit") == 4


async def test_a_lock_whose_caller_was_cancelled_is_given_back(press, plant):
    _plc, client = press
    async with plant.client() as other, other.lock("press-1") as holder:
        waiting = asyncio.create_task(client.lock("press-1", timeout=20).__aenter__())
        while "locked" not in (await other.ask("stats"))["errors"]:
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await holder.unlock()
        await other.request("write", {"values": {"nok_limit": 7}}, device="press-1", retry=True, timeout=15)


async def test_a_lock_that_was_not_renewed_is_gone(press, plant):
    _plc, client = press
    lock = await client.request("lock", {"ttl": 0.05}, device="press-1")
    async with plant.client() as other:
        await other.request("write", {"values": {"nok_limit": 1}}, device="press-1", retry=True)
    late = client.request("write", {"values": {"nok_limit": 2}}, device="press-1", token=lock["token"])
    assert "has ended" in str(await refused(late))


async def test_a_lock_outlives_the_redefinition_of_its_device(press, plant):
    _plc, client = press
    async with client.lock("press-1") as locked:
        await plant.define(1, plant.devices[1]["port"], description="the new one")
        async with asyncio.timeout(10):
            while (await client.describe("press-1"))["device"]["description"] != "the new one":
                await asyncio.sleep(0.02)
        await locked.request("write", {"values": {"nok_limit": 2}}, retry=True)
        await refused(client.write("press-1", {"nok_limit": 1}))


async def test_a_lock_of_the_blocking_client_and_how_it_is_broken(press, plant, programs):
    _plc, client = press

    def sequence():
        with get_conn(plant.serving.bind) as conn, conn.lock("press-1") as locked:
            locked.write({"nok_limit": 2})
            locked.renew(60)
            return locked, conn.status("press-1")["lock"]["left"]

    locked, left = await asyncio.to_thread(sequence)
    assert 50 < left <= 60
    assert (await client.status("press-1"))["lock"] is None
    lock = await client.request("lock", {"ttl": 60}, device="press-1")
    assert lock["token"] != locked.token
    unlocking = await programs("device", "unlock", "press-1", "--json", "--broker", plant.serving.bind)
    assert await unlocking.process.wait() == 0
    assert unlocking.ready == {"device": "press-1", "was_locked": True}
    await refused(
        client.request("write", {"values": {"nok_limit": 1}}, device="press-1", token=lock["token"])
    )
    await client.write("press-1", {"nok_limit": 1})


async def test_a_refused_command_keeps_its_key(press):
    plc, client = press
    async with client.lock("press-1") as locked:
        await refused(client.request("start_batch", device="press-1", key="order-1"))
        assert plc.evidence.writes == 0
        first = await locked.request("start_batch", key="order-1")
    assert await client.request("start_batch", device="press-1", key="order-1") == first
