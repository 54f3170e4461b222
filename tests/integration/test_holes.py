"""A device's holes are learned once and kept over restarts, and each of them heals by itself."""

import asyncio
import contextlib

import pytest
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.threads import DatabaseThread
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
    async with DatabaseThread(Registry(plant.registry)) as registry:
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


async def test_registers_that_refuse_for_a_while_are_read_again_without_anybodys_doing(plant):
    """While the PLC boots, after a restart, and in between; a watch that begins at the worst moment too."""
    refusing = Hole(table=Table.HOLDING, address=0, count=100)
    async with plant.press(1) as plc:
        plc.add(refusing)
        async with plant.broker(), plant.client() as client:
            watch = client.watch("press-1", TAGS, interval=0.1)
            async with contextlib.aclosing(watch), asyncio.timeout(60):
                assert (await anext(watch)).errors.keys() == set(TAGS)
                for part in range(3):
                    await asyncio.sleep(1.0)  # so long it refuses
                    plc.remove(refusing)
                    values = {}
                    async with asyncio.timeout(10):
                        while values.keys() != set(TAGS):
                            values |= (await anext(watch)).values
                    plc.add(refusing)
                    if part == 0:
                        await plc.unplug()
                        await plc.plug_in()
                    while (await anext(watch)).errors.keys() != set(TAGS):
                        pass


async def test_what_has_healed_is_gone_from_the_registry(plant):
    refusing = Hole(table=Table.HOLDING, address=14)
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        with plc.fault(refusing):
            assert "errors" in await client.request("read", {"tags": TAGS}, device="press-1")
            async with asyncio.timeout(10):
                while not (await in_registry(plant, Registry.learned)).get(1):
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            while "errors" in await client.request("read", {"tags": TAGS}, device="press-1"):
                await asyncio.sleep(0.05)
            while (await in_registry(plant, Registry.learned))[1].holes:
                await asyncio.sleep(0.01)
