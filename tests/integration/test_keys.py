"""Keys over the whole path: a command with a key is carried out once, and its key tells what became of it."""

import asyncio

import pytest
from plcmq.client import PlcmqError, Retry, connect
from plcmq.devices.simulator.evidence import Ending
from plcmq.devices.simulator.faults.silence import Blackhole, Loss, ReplyLost

QUICK = {"timeout": 0.2, "backoff_max": 0.5}
WRITES = frozenset({5, 6, 15, 16})


async def stroke(client, number=1, key="order-1", **more):
    return await client.request("stroke", {"number": number}, device="press-1", key=key, **more)


async def failure_of(asking):
    with pytest.raises(PlcmqError) as caught:
        await asking
    return caught.value


async def test_the_same_request_again_gets_the_stored_reply_and_touches_nothing(plant):
    async with plant.press(1) as plc, plant.broker(), plant.client() as client, plant.client() as other:
        first = await client.request("start_batch", {"batch_size": 15}, device="press-1", key="order-1")
        requests = plc.evidence.requests
        assert await client.request("start_batch", {"batch_size": 15}, device=1, key="order-1") == first
        assert (
            await other.request("start_batch", {"batch_size": 15}, device="press-1", key="order-1") == first
        )
        assert plc.evidence.requests == requests
        assert plc.evidence.rises["press-1.start"] == 1


async def test_another_request_with_the_key_is_a_conflict(plant):
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        await stroke(client)
        error = await failure_of(stroke(client, 2))
        assert (error.code, error.outcome) == ("key_conflict", "not_executed")
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


async def test_many_who_ask_at_once_get_the_one_reply(plant):
    async with plant.press(1, delay=0.05) as plc, plant.broker(), plant.client() as client:
        results = await asyncio.gather(*(stroke(client) for _ in range(50)))
        assert results == [{}] * 50
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


async def test_who_asks_while_it_runs_and_cannot_wait_is_told_that_it_is_in_progress(plant):
    async with plant.press(1, delay=0.3) as plc, plant.broker(), plant.client() as client:
        first = asyncio.create_task(stroke(client))
        await plc.evidence.wait_until(lambda e: e.requests > 0)
        error = await failure_of(stroke(client, timeout=0.1))
        assert (error.code, error.outcome, error.retryable) == ("in_progress", "unknown", True)
        assert await stroke(client, retry=True) == await first
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


async def test_what_surely_did_not_happen_may_be_tried_again_under_its_key(plant):
    async with plant.press(1, link=QUICK) as plc, plant.broker(), plant.client() as client:
        await client.read("press-1", "stroke_no")
        await plc.unplug()
        error = await failure_of(stroke(client, timeout=1))
        assert error.outcome == "not_executed"
        await plc.plug_in()
        assert await stroke(client, retry=True) == {}
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


@pytest.mark.parametrize("mode", Loss)
@pytest.mark.parametrize("function", ["fc5", "fc6", "fc15", "fc16"])
async def test_f1_a_write_whose_reply_is_lost_is_executed_once_however_often_it_is_repeated(
    plant, mode, function
):
    requests = {
        "fc5": ("write_raw", {"table": "coil", "address": 40, "values": [True]}),
        "fc6": ("write", {"values": {"stroke_no": 7}}),
        "fc15": ("write_raw", {"table": "coil", "address": 40, "values": [True, False]}),
        "fc16": ("write", {"values": {"batch_size": 7, "nok_limit": 7}}),
    }
    action, rqargs = requests[function]
    async with plant.press(1, link=QUICK) as plc, plant.broker(), plant.client() as client:
        with plc.fault(ReplyLost(mode=mode, delay=0.3)):
            for _ in range(3):
                error = await failure_of(
                    client.request(action, rqargs, device="press-1", key="order-1", retry=Retry(patience=0.1))
                )
                assert (error.code, error.outcome) == ("outcome_unknown", "unknown")
        error = await failure_of(client.request(action, rqargs, device="press-1", key="order-1"))
        assert error.code == "outcome_unknown", "for good"
        assert plc.evidence.writes == 1
        assert plc.evidence.functions[int(function.removeprefix("fc"))] == 1
        await client.request("read", {"tags": "state"}, device="press-1", retry=True)
        assert plc.evidence.sockets.peak == 1


async def test_f1_nothing_is_sent_twice_without_a_key_either(plant):
    async with plant.press(1, link=QUICK) as plc, plant.broker(), plant.client() as client:
        with plc.fault(ReplyLost(mode=Loss.RST)):
            error = await failure_of(client.request("stroke", {"number": 1}, device="press-1", retry=True))
        assert error.outcome == "unknown"
        assert plc.evidence.writes == 1


@pytest.mark.parametrize("apart", [False, True], ids=["one process", "host of its own"])
async def test_after_sigkill_of_the_broker_a_key_gives_the_recorded_reply(plant, works, apart):
    async with plant.press(1) as plc:
        broker = await works.broker(in_process_host=not apart)
        if apart:
            await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            first = await stroke(client)
            await broker.kill()
            await works.broker(in_process_host=not apart)
            assert await stroke(client, retry=True) == first
            assert (await failure_of(stroke(client, 2))).code == "key_conflict"
        assert plc.evidence.strokes["press-1.stroke_no"] == 1


@pytest.mark.parametrize("apart", [False, True], ids=["one process", "host of its own"])
async def test_after_sigkill_what_was_handed_over_and_not_answered_is_unknown_for_good(plant, works, apart):
    async with plant.press(1, delay=0.2) as plc:
        broker = await works.broker(in_process_host=not apart)
        if apart:
            await works.host()
        async with connect(works.bind) as client:
            await works.until_served(client)
            before = plc.evidence.requests
            asked = asyncio.create_task(failure_of(stroke(client, timeout=20, retry=Retry(patience=0.5))))
            await plc.evidence.wait_until(lambda e: e.requests > before)
            await broker.kill()
            await works.broker(in_process_host=not apart)
            error = await asked
            assert (error.code, error.outcome) == ("outcome_unknown", "unknown")
            await works.until_served(client)
            assert (await failure_of(stroke(client, retry=True))).code == "outcome_unknown"
        assert plc.evidence.strokes["press-1.stroke_set"] == 1
        assert plc.evidence.strokes["press-1.stroke_no"] <= 1


async def test_a_broker_that_ends_in_order_keeps_what_came_of_the_last_commands(plant):
    async with plant.press(1, delay=0.05) as plc:
        async with plant.broker() as serving:
            last = await connect(serving.bind)
            asked = [asyncio.create_task(stroke(last, number, f"order-{number}")) for number in range(1, 6)]
            await plc.evidence.wait_until(lambda e: e.requests > 0)
        assert await asyncio.gather(*asked) == [{}] * 5
        await last.close()
        async with plant.broker(), plant.client() as client:
            assert [await stroke(client, number, f"order-{number}") for number in range(1, 6)] == [{}] * 5
        assert plc.evidence.strokes["press-1.stroke_no"] == 5


async def test_a_socket_that_dies_between_two_writes_of_a_command_leaves_the_truth(plant):
    async with plant.press(1, link=QUICK) as plc, plant.broker(), plant.client() as client:
        with plc.fault(Blackhole(functions=WRITES, execute=True)):
            error = await failure_of(stroke(client))
        assert (error.code, error.outcome) == ("outcome_unknown", "unknown")
        assert plc.evidence.strokes == {"press-1.stroke_set": 1}
        assert plc.evidence.sockets.closed[Ending.RST] == 0
