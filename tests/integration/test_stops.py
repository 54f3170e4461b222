"""A stop never waits behind a start, and a heartbeat behind nothing."""

import asyncio
import json
import time
from contextlib import aclosing

import pytest
from plcmq.client import Code, Outcome, PlcmqError
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.load import parse_site

EVERY = 0.5  # seconds
START = [{"write": {"go": True}}, {"wait": {"running": True, "timeout": 15}}]
ACTIONS = {
    "start": {"steps": START, "finally": [{"write": {"go": False}}]},
    "abort": {"steps": [{"write": {"halt": True}}], "interrupts": True},
}
TAGS = {
    "go": {"address": "coil:0", "type": "bool", "access": "rw"},
    "halt": {"address": "coil:1", "type": "bool", "access": "rw"},
    "running": {"address": "discrete:0", "type": "bool"},
    "alive": {"address": "holding:0", "type": "uint16", "access": "rw"},
    **{f"t{at}": {"address": f"holding:{at + 10}", "type": "uint16"} for at in range(1000)},
}


@pytest.fixture
async def running(plant):
    """A machine that never runs, a client, and when its heartbeats came."""
    heartbeat = [{"tag": "alive", "every": EVERY, "values": [0, 1]}]
    form = {"tags": TAGS, "actions": ACTIONS, "heartbeat": heartbeat}
    site = json.dumps({"profiles": {"press": form}})
    plant.content = await asyncio.to_thread(parse_site, site)  # takes 0.1 s, which is not the loop's
    beats = []

    def note(_unit, change, _now):
        if (change.table, change.address) == ("holding", 0):
            beats.append(time.monotonic())

    async with SimulatedPlc() as plc:
        plc.endpoint.observers.append(note)
        await plant.define(1, plc.port)
        async with plant.broker(), plant.client() as client:
            yield plc, client, beats


async def test_an_abort_is_on_the_wire_at_once_and_the_start_is_cancelled_in_order(running):
    plc, client, _beats = running
    starting = asyncio.create_task(client.request("start", device="press-1", timeout=20))
    await plc.evidence.wait_until(lambda _evidence: plc.unit.coils[0] == 1)
    before = plc.evidence.requests
    await client.request("abort", device="press-1")
    assert plc.unit.coils[1] == 1
    assert plc.evidence.requests - before <= 4, "a poll, `finally`, the abort, and perhaps a heartbeat"
    with pytest.raises(PlcmqError) as caught:
        await starting
    assert (caught.value.code, caught.value.outcome) == (Code.CANCELLED, Outcome.EXECUTED)
    assert plc.unit.coils[0] == 0


async def test_heartbeats_come_through_a_lock_a_wait_and_a_thousand_polled_tags(running):
    plc, client, beats = running
    async with client.lock("press-1") as press:
        starting = asyncio.create_task(press.request("start", timeout=20))
        watch = client.watch("press-1", [name for name in TAGS if name[0] == "t"], interval=0.02)
        async with aclosing(watch):
            await anext(watch)
            await plc.evidence.wait_until(lambda _evidence: len(beats) >= 8)
        status = await client.request("status", device="press-1")
        await client.request("abort", device="press-1")
        await asyncio.gather(starting, return_exceptions=True)
    [heartbeat] = status["heartbeats"]
    assert (heartbeat["tag"], heartbeat["failed"]) == ("alive", 0)
