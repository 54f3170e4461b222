"""A device's holes are learned once, kept over restarts, and asked for again only when somebody says so."""

import asyncio

import pytest
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.threads import RegistryThread
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.faults.register_map import Hole

# batch_no (holding:10-11) and error_code (holding:14) are one request, were there no hole between them.
TAGS = ["batch_no", "error_code"]
HOLE = {"table": Table.HOLDING, "address": 12, "count": 2}


async def exceptions_of_a_read(client, plc):
    """How many exceptions the PLC answers while both tags are read, which succeeds."""
    before = plc.evidence.exceptions[2]
    result = await client.request("read", {"tags": TAGS}, device="press-1")
    assert "errors" not in result
    return plc.evidence.exceptions[2] - before


@pytest.fixture
async def plc(plant):
    async with plant.press(1) as plc:
        with plc.fault(Hole(**HOLE)):
            yield plc


async def in_registry(plant, call):
    async with RegistryThread(Registry(plant.registry)) as registry:
        return await registry.run(call)


async def until_asked_again(client, plc):
    async with asyncio.timeout(10):
        while not await exceptions_of_a_read(client, plc):
            await asyncio.sleep(0.01)


async def test_a_hole_is_learned_by_the_first_read_and_never_asked_for_again(plant, plc):
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0
        for _ in range(5):
            assert await exceptions_of_a_read(client, plc) == 0


async def test_a_broker_that_is_started_again_knows_the_holes(plant, plc):
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) == 0


async def test_relearn_asks_again_while_the_broker_runs_and_once_only(plant, plc):
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0
        assert await in_registry(plant, lambda r: r.relearn("press-1")) == ["press-1"]
        await until_asked_again(client, plc)
        assert await exceptions_of_a_read(client, plc) == 0


async def test_relearn_without_a_broker_is_known_to_the_next_one(plant, plc):
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0
    await in_registry(plant, lambda r: r.relearn(None))
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0


async def test_a_redefinition_keeps_the_holes_and_learning_is_no_redefinition(plant, plc):
    async with plant.broker(), plant.client() as client:
        assert await exceptions_of_a_read(client, plc) > 0
        tags = plant.content.profiles["press"]["tags"]
        tags["level"] = {"address": "holding:30", "type": "int16"}
        revision = await in_registry(plant, Registry.revision)
        await plant.apply()
        async with asyncio.timeout(10):
            while "level" not in (await client.request("describe", device="press-1"))["tags"]:
                await asyncio.sleep(0.01)
        assert await exceptions_of_a_read(client, plc) == 0
        assert await in_registry(plant, Registry.revision) == revision + 1


async def test_a_host_in_another_process_keeps_and_forgets_holes_too(plant, plc, programs):
    async with plant.broker(in_process_host=False) as serving, plant.client() as client:
        await programs("host", "--broker", serving.host_bind, "--name", "north", ready=False)
        async with asyncio.timeout(20):
            while (await client.devices())["devices"][0]["state"] != "up":
                await asyncio.sleep(0.02)
        assert await exceptions_of_a_read(client, plc) > 0
        assert await exceptions_of_a_read(client, plc) == 0
        await in_registry(plant, lambda r: r.relearn("press-1"))
        await until_asked_again(client, plc)
        assert await exceptions_of_a_read(client, plc) == 0
