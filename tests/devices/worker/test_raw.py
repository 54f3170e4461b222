"""Raw reads and identification of a simulated PLC, and how each ends."""

import asyncio

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.protocol.messages import CANCEL
from plcmq.devices.simulator.faults.pace import Busy
from plcmq.devices.simulator.faults.register_map import ExceptionReply
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.worker import raw
from plcmq.devices.worker.errors import leaving

SHORT = 0.08  # seconds: a deadline that passes soon
HOLDING = {"table": "holding", "address": 3, "count": 2}


async def test_registers_and_bits_come_as_they_are(bench):
    bench.plc.unit.holding[3:5] = [7, 65535]
    bench.plc.unit.inputs[0] = 9
    bench.plc.unit.coils[8:18] = [1, 0, 1, 1, 0, 0, 0, 1, 1, 1]
    bench.plc.unit.discretes[1] = 1
    assert await bench.result(bench.submit("read_raw", HOLDING)) == {"registers": [7, 65535]}
    assert await bench.result(bench.submit("read_raw", {"table": "input", "address": 0})) == {
        "registers": [9]
    }
    bits = {"bits": [True, False, True, True, False, False, False, True, True, True]}
    assert await bench.result(bench.submit("read_raw", {"table": "coil", "address": 8, "count": 10})) == bits
    assert await bench.result(bench.submit("read_raw", {"table": "discrete", "address": 1})) == {
        "bits": [True]
    }


async def test_a_device_tells_its_identification(bench):
    objects = (await bench.result(bench.submit("identify")))["objects"]
    assert objects == {"vendor_name": "plcmq", "product_code": "SIM", "revision": "1.0"}


async def test_functions_that_the_device_does_not_have_are_not_asked_for(start_bench):
    bench = await start_bench(functions=LinkSettings().functions - {3, 43})
    assert (await bench.error(bench.submit("read_raw", HOLDING))).details == {"path": "rqargs.table"}
    assert (await bench.error(bench.submit("identify"))).code == Code.UNKNOWN_ACTION
    assert bench.plc.evidence.requests == 0


async def test_a_refusal_is_told_with_its_exception(bench):
    bench.plc.add(ExceptionReply(code=2))
    error = await bench.error(bench.submit("read_raw", HOLDING))
    assert (error.code, error.outcome, error.details["exception"]) == (
        Code.DEVICE_ERROR,
        Outcome.NOT_EXECUTED,
        2,
    )


async def test_a_busy_device_is_asked_again(bench):
    fault = Busy(p=1.0)
    bench.plc.add(fault)
    end = bench.submit("read_raw", HOLDING)
    await bench.plc.evidence.wait_until(lambda e: e.exceptions[6] == 1)
    bench.plc.remove(fault)
    await bench.result(end)


async def test_silence_is_a_timeout(start_bench):
    bench = await start_bench(timeout=0.05)
    bench.plc.add(Blackhole())
    assert (await bench.error(bench.submit("read_raw", HOLDING))).code == Code.TIMEOUT


async def test_one_whose_time_passes_in_the_line_is_never_sent(start_bench):
    bench = await start_bench(delay=0.2)
    read = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    error = await bench.error(bench.submit("read_raw", HOLDING, SHORT))
    assert (error.code, error.outcome) == (Code.EXPIRED, Outcome.NOT_EXECUTED)
    assert not read.done(), "it was told when its time was up"
    await bench.result(bench.read("a"))
    assert bench.plc.evidence.requests == 2


async def test_one_whose_time_is_up_already_is_never_sent(bench):
    before = bench.plc.evidence.requests
    assert (await bench.error(bench.submit("read_raw", HOLDING, -1.0))).code == Code.EXPIRED
    assert bench.plc.evidence.requests == before


async def test_one_whose_time_passes_at_the_device_times_out(start_bench):
    bench = await start_bench(delay=0.2)
    end = bench.submit("read_raw", HOLDING, SHORT)
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    bench.worker.expire(float("inf"))
    error = await bench.error(end)
    assert (error.code, error.outcome) == (Code.TIMEOUT, Outcome.NOT_EXECUTED)


@pytest.mark.parametrize("moment", ["before its task began", "in the line", "at the device"])
async def test_one_can_be_taken_back_at_any_moment(start_bench, moment):
    bench = await start_bench(delay=0.05)
    if moment == "in the line":
        bench.read("a")
        await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    end = bench.submit("read_raw", HOLDING)
    if moment == "in the line":
        await bench.took_turn()
    elif moment == "at the device":
        await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    number = bench.number
    assert await bench.result(bench.submit(CANCEL, {"job": number})) == {"cancelled": True}
    assert (await bench.error(end)).code == Code.CANCELLED
    assert await bench.result(bench.submit(CANCEL, {"job": number})) == {"cancelled": False}
    await bench.result(bench.read("a"))


@pytest.mark.parametrize("begun", [False, True])
async def test_closing_ends_all_with_its_reason(start_bench, begun):
    bench = await start_bench(delay=0.2)
    ends = [bench.submit("read_raw", HOLDING) for _ in range(3)]
    if begun:
        await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    bench.is_closed = True
    await bench.worker.close(leaving("press-7"))
    assert {(await bench.error(end)).code for end in ends} == {Code.SHUTTING_DOWN}


async def test_too_many_at_once_are_busy(start_bench, monkeypatch):
    monkeypatch.setattr(raw, "LIMIT", 2)
    bench = await start_bench(delay=0.01)
    ends = [bench.submit("read_raw", HOLDING) for _ in range(4)]
    assert (await bench.error(ends[3])).code == Code.BUSY
    await asyncio.gather(*(bench.result(end) for end in ends[:3]))


async def test_clients_take_turns_and_reads_of_tags_go_between(start_bench):
    bench = await start_bench(delay=0.005)
    greedy = [bench.submit("read_raw", HOLDING, client="greedy") for _ in range(60)]
    modest = bench.submit("read_raw", HOLDING, client="modest")
    tag = bench.read("a")
    await asyncio.gather(bench.result(modest), bench.result(tag))
    assert sum(end.done() for end in greedy) < 5
    await asyncio.gather(*(bench.result(end) for end in greedy))


async def test_a_fault_of_our_own_ends_the_job(bench, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(bench.worker._raw, "_request", lambda _job: 1 / 0)
        error = await bench.error(bench.submit("read_raw", HOLDING))
    assert error.code == Code.INTERNAL
    assert error.details["reference"] in caplog.text
