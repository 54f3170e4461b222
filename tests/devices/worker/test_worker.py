"""A worker hands each job to the part that does it, and every job ends once."""

import asyncio
import random

import pytest
from plcmq.client.protocol.errors import Code, PlcmqError
from plcmq.devices.model.actions import Action, Pulse, Read, Sleep, Write
from plcmq.devices.protocol.messages import CANCEL, Job
from plcmq.devices.simulator.faults.pace import Busy
from plcmq.devices.simulator.faults.silence import Blackhole, Loss, ReplyLost
from plcmq.devices.worker.errors import leaving

ACT = Action("act", steps=(Write({"a": 1}), Pulse("start", 0.01), Read(("a",))), finally_=(Write({"b": 0}),))
REST = Action("rest", steps=(Sleep(30.0),))


async def test_status_is_told_at_once_however_long_the_queues_are(start_bench):
    bench = await start_bench(REST, delay=0.5)
    for _ in range(3):
        bench.submit("rest")
        bench.read("a")
    bench.submit("read_raw", {"table": "coil", "address": 0})
    status = bench.submit("status")
    assert status.done()
    told = status.result().result
    assert told["queue"] == {"reads": 4, "commands": 3}
    assert told["endpoint"] == str(bench.plc.address)
    assert bench.worker.depth == 7


async def test_status_counts_what_ended(bench):
    await bench.result(bench.write({"a": 1}))
    await bench.plc.unplug()
    await bench.error(bench.read("a"))
    requests = (await bench.result(bench.submit("status")))["requests"]
    assert requests == {"finished": 3, "failed": 1}


async def test_a_command_goes_before_reads_that_wait_already(start_bench):
    bench = await start_bench(delay=0.02)
    ends = [bench.submit("read_raw", {"table": "holding", "address": n}) for n in range(10)]
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    await bench.result(bench.write({"a": 1}))
    assert sum(end.done() for end in ends) <= 2
    await asyncio.gather(*ends)


async def test_what_is_not_here_cannot_be_taken_back(bench):
    assert await bench.result(bench.submit(CANCEL, {"job": 999})) == {"cancelled": False}


@pytest.mark.parametrize(
    ("action", "args", "code"),
    [
        ("read", {"tags": ["gone"], "max_age": 0.0}, Code.UNKNOWN_TAG),
        ("write", {"values": {"gone": 1}, "verify": False}, Code.UNKNOWN_TAG),
        ("gone", {}, Code.UNKNOWN_ACTION),
    ],
)
async def test_a_job_checked_against_an_earlier_definition_is_checked_again(bench, action, args, code):
    end = bench.waiting[99] = asyncio.get_running_loop().create_future()
    bench.worker.submit_again(Job(99, 7, action, args, float("inf")))
    assert (await bench.error(end)).code == code


@pytest.mark.parametrize("seed", range(4))
async def test_every_job_ends_once_whatever_the_device_and_the_callers_do(start_bench, seed):
    """Jobs of all kinds, cancelled and expiring at random, with faults; the fixture counts the ends."""
    dice = random.Random(seed)
    bench = await start_bench(ACT, timeout=0.05, backoff_max=0.1)
    bench.plc.add(Busy(p=0.1))
    bench.plc.add(Blackhole(p=0.02))
    bench.plc.add(ReplyLost(p=0.05, mode=dice.choice(list(Loss)), delay=0.06))
    ends = []
    for _ in range(150):
        timeout = dice.choice([0.005, 0.05, 1.0])
        match dice.randrange(6):
            case 0:
                ends.append(bench.write({"a": dice.randrange(9), "far": 1}, timeout=timeout))
            case 1:
                ends.append(bench.submit("act", timeout=timeout))
            case 2:
                ends.append(bench.submit("read_raw", {"table": "holding", "address": 0}, timeout))
            case 3:
                ends.append(bench.submit(CANCEL, {"job": max(1, bench.number - dice.randrange(9))}))
            case _:
                ends.append(bench.read(*dice.sample(["a", "b", "far", "level", "door"], 2), timeout=timeout))
        if dice.random() < 0.5:
            await asyncio.sleep(dice.choice([0, 0, 0.002]))
        bench.worker.expire(bench.worker._reader._clock())
    if seed % 2:
        bench.is_closed = True
        await bench.worker.close(leaving("press-7"))
    while not all(end.done() for end in ends):
        bench.worker.expire(bench.worker._reader._clock())
        await asyncio.sleep(0.01)
    assert bench.worker.depth == 0
    assert bench.plc.evidence.sockets.peak == 1
    errors = [end.result().error for end in ends if end.result().error is not None]
    assert all(isinstance(error, PlcmqError) and error.code is not Code.INTERNAL for error in errors)
