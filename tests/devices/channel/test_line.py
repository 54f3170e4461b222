"""After each new connection the steps of `on_connect` go first."""

import asyncio

from plcmq.client.protocol.errors import Code
from plcmq.devices.model.actions import Check, Write
from plcmq.devices.model.devices import State
from plcmq.devices.simulator.faults.register_map import ExceptionReply

LOGIN = {"on_connect": (Write({"far": 42}),)}
GUARDED = {"on_connect": (Check({"mode": "idle"}), Write({"far": 42}))}


async def test_nothing_is_sent_before_them(start_bench):
    bench = await start_bench(profile=LOGIN)
    seen = []
    bench.plc.endpoint.observers.append(lambda _unit, change, _now: seen.append(change.address))
    ends = [bench.read("a"), bench.write({"a": 1})]
    for end in ends:
        await bench.result(end)
    assert seen == [500, 0]


async def test_they_run_without_anybody_asking_and_again_after_each_connection(start_bench):
    bench = await start_bench(profile=LOGIN)
    await bench.plc.evidence.wait_until(lambda e: e.functions[6] == 1)
    await bench.plc.unplug()
    await bench.plc.plug_in()
    await bench.plc.evidence.wait_until(lambda e: e.functions[6] == 2)
    await bench.result(bench.read("a"))
    assert bench.plc.evidence.functions[6] == 2


async def test_while_they_fail_the_device_is_down_with_the_reason(start_bench):
    bench = await start_bench(profile=GUARDED)
    bench.plc.unit.holding[29] = 1
    error = await bench.error(bench.read("a"))
    assert (error.code, error.retryable) == (Code.DEVICE_DOWN, True)
    assert "`on_connect` failed" in error.message
    assert "mode is 'running', not 'idle'" in error.message
    state, reason = bench.standings[-1]
    assert state is State.DOWN
    assert "`on_connect` failed" in reason
    assert bench.plc.evidence.writes == 0


async def test_they_are_tried_again_by_themselves(start_bench):
    bench = await start_bench(profile=LOGIN, backoff_max=0.1)
    fault = ExceptionReply(code=4)
    bench.plc.add(fault)
    await bench.error(bench.read("a"))
    bench.plc.remove(fault)
    async with asyncio.timeout(5):
        while bench.standings[-1][0] is not State.UP:
            await asyncio.sleep(0.01)
    await bench.result(bench.read("a"))


async def test_a_write_that_waits_for_them_does_not_stand_in_their_way(start_bench):
    bench = await start_bench(profile=LOGIN, connect_delay=0.05)
    await bench.result(bench.write({"a": 1, "b": 2}))
    assert bench.plc.unit.holding[0:2] == [1, 2]
