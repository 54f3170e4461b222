"""One command under way: what it has done decides how it may end."""

import asyncio
import time

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.actions import Action, Sleep, Write
from plcmq.devices.protocol.messages import Job
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.worker.command import Command
from plcmq.devices.worker.errors import cancelled

PAUSE = Action("pause", steps=(Write({"a": 1}), Sleep(30)))


@pytest.fixture
async def bench(start_bench):
    return await start_bench(PAUSE, timeout=0.3)


def command_of(bench, action, args, timeout=60.0):
    now = time.monotonic()
    job = Job(99, bench.device.id, action, bench.kind.fit(action, args), now + timeout)
    return Command(job, now, bench.worker._commander._tools)


async def test_an_action_that_is_interrupted_ends_with_its_true_outcome(bench):
    command = command_of(bench, "pause", {})
    task = asyncio.create_task(command.carry_out())
    await bench.plc.evidence.wait_until(lambda e: e.functions[6] == 1)
    command.interrupt(cancelled("press-7"))
    done = await task
    assert done.error is not None
    assert (done.error.code, done.error.outcome) == (Code.CANCELLED, Outcome.EXECUTED)


async def test_a_write_whose_answer_is_missing_is_unknown_when_it_is_cut(bench):
    command = command_of(bench, "write", {"values": {"a": 1}})
    with bench.plc.fault(Blackhole()):
        task = asyncio.create_task(command.carry_out())
        await bench.plc.evidence.wait_until(lambda e: e.functions[6] == 1)
        assert not command.can_be_taken_back
        command.interrupt(cancelled("press-7"))
        command.cut()
        done = await task
    assert done.error is not None
    assert done.error.outcome is Outcome.UNKNOWN


async def test_what_was_not_begun_is_simply_cancelled(bench):
    await bench.plc.unplug()
    command = command_of(bench, "write", {"values": {"a": 1}})
    assert command.can_be_taken_back
    task = asyncio.create_task(command.carry_out())
    await bench.took_turn()
    command.interrupt(cancelled("press-7"))
    done = await task
    assert done.error is not None
    assert done.error.outcome is Outcome.NOT_EXECUTED
