"""Requests through the whole path: client, broker, host, Modbus TCP, and back."""

import asyncio
import json

import pytest
import zmq
from plcmq.client import PlcmqError, get_conn
from plcmq.devices.simulator.plant import Pace

NEVER = Pace(reaction=1000.0)  # a press that does not start


async def test_a_batch_is_started_and_an_independent_look_at_the_registers_agrees(press):
    plc, client = press
    result = await client.request("start_batch", {"batch_size": 15, "nok_num": 3}, device="press-1")
    assert result["state"] == "running"
    assert list(plc.unit.holding[0:2]) == [15, 3]
    assert not plc.unit.coils[0], "`finally` has taken the start bit back"


async def test_the_pattern_that_the_project_comes_from(plant, press):
    def call():
        host, port = plant.serving.bind.removeprefix("tcp://").split(":")
        conn = get_conn(host, int(port), device="press-1")
        try:
            return conn.request(action="start_batch", rqargs={"batch_size": 15, "nok_num": 3})
        finally:
            conn.close()

    assert (await asyncio.to_thread(call))["batch_no"] == 1


@pytest.mark.parametrize("kind", ["req", "dealer", "dealer with delimiter"])
async def test_any_zeromq_socket_in_any_language_gets_its_reply(plant, press, kind):
    request = {"device": "press-1", "action": "start_batch", "rqargs": {"batch_size": 15, "nok_num": 3}}

    def ask():
        with zmq.Context() as context, context.socket(zmq.REQ if kind == "req" else zmq.DEALER) as socket:
            socket.connect(plant.serving.bind)
            body = json.dumps(request).encode()
            socket.send_multipart([b"", body] if kind == "dealer with delimiter" else [body])
            return socket.recv_multipart()

    *envelope, reply = await asyncio.to_thread(ask)
    assert envelope == ([b""] if kind == "dealer with delimiter" else [])
    assert json.loads(reply)["result"]["state"] == "running"


async def test_an_action_whose_check_fails_has_written_nothing(press):
    plc, client = press
    await client.request("start_batch", device="press-1")
    writes = plc.evidence.writes
    with pytest.raises(PlcmqError) as caught:
        await client.request("start_batch", {"batch_size": 99}, device="press-1")
    assert (caught.value.code, caught.value.outcome) == ("action_failed", "not_executed")
    assert caught.value.details["tag"] == "running"
    assert plc.evidence.writes == writes


async def test_values_of_every_kind_are_written_and_read_back(press):
    _plc, client = press
    values = {"batch_size": 20, "nok_limit": 4, "recipe": "Blech 3 mm"}
    assert await client.request("write", {"values": values, "verify": True}, device=1) == {
        "written": list(values)
    }
    read = await client.request("read", {"tags": list(values)}, device=1)
    assert read["values"] == values
    assert set(read["age"]) == set(values)


async def test_raw_registers_are_written_and_read(press):
    _plc, client = press
    raw = {"table": "holding", "address": 0}
    assert await client.request("write_raw", {**raw, "values": [7, 8]}, device=1) == {}
    assert await client.request("read_raw", {**raw, "count": 2}, device=1) == {"registers": [7, 8]}
    coils = {"table": "coil", "address": 40}
    await client.request("write_raw", {**coils, "values": [True, False, 1]}, device=1)
    assert await client.request("read_raw", {**coils, "count": 3}, device=1) == {"bits": [True, False, True]}


async def test_status_and_identification(press):
    _plc, client = press
    await client.read("press-1", "temperature")
    status = await client.request("status", device="press-1")
    assert status["state"] == "up"
    assert status["counters"]["requests"] >= 1
    assert (await client.request("identify", device="press-1"))["objects"]["vendor_name"]


async def test_reads_that_wait_together_share_their_requests(plant):
    async with plant.press(1, delay=0.02) as plc, plant.broker(), plant.client() as client:
        await client.read("press-1", "temperature")
        before = plc.evidence.requests
        tags = ["batch_size", "nok_limit", "batch_no", "state", "error_code"]
        await asyncio.gather(*(client.read("press-1", tag) for tag in tags * 20))
        assert plc.evidence.requests - before <= 2


async def test_max_age_is_served_without_asking_the_device(press):
    plc, client = press
    await client.read("press-1", "temperature")
    before = plc.evidence.requests
    read = await client.request("read", {"tags": "temperature", "max_age": 60}, device="press-1")
    assert plc.evidence.requests == before
    assert read["age"]["temperature"] > 0


async def test_a_write_is_seen_by_the_next_read_whatever_age_it_accepts(press):
    _plc, client = press
    await client.read("press-1", "batch_size")
    await client.write("press-1", {"batch_size": 321})
    read = await client.request("read", {"tags": "batch_size", "max_age": 60}, device="press-1")
    assert read["values"] == {"batch_size": 321}


async def test_a_cancelled_action_stops_at_its_next_step_and_tells_what_it_had_done(plant):
    async with plant.press(1, pace=NEVER) as plc, plant.broker(), plant.client() as client:
        batch = asyncio.create_task(client.request("start_batch", device="press-1", request_id="batch"))
        await plc.evidence.wait_until(lambda e: e.writes >= 2)
        assert await client.cancel("batch")
        with pytest.raises(PlcmqError) as caught:
            await batch
        assert (caught.value.code, caught.value.outcome) == ("cancelled", "executed")
        assert not plc.unit.coils[0], "`finally` has taken the start bit back"


async def test_a_batch_of_requests_runs_side_by_side(press):
    _plc, client = press
    requests = [
        {"device": "press-1", "action": "read", "rqargs": {"tags": "temperature"}},
        {"device": "nobody", "action": "read", "rqargs": {"tags": "temperature"}},
        {"action": "ping"},
    ]
    replies = (await client.request("batch", {"requests": requests}))["replies"]
    assert [reply["ok"] for reply in replies] == [True, False, True]
    assert replies[1]["error"]["code"] == "unknown_device"
