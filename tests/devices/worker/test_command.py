"""One command under way: what it has done decides how it may end."""

import asyncio
import time

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.actions import Action, ArgRef, Raw, Sleep, Write
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


async def test_a_pdu_of_ones_own_goes_out_in_line_and_its_reply_comes_back(bench):
    bench.plc.unit.holding[0] = 0x1234
    assert await bench.result(bench.submit("pdu", {"function": 3, "data": "00000001"})) == {"data": "021234"}
    error = await bench.error(bench.submit("pdu", {"function": 0x41, "data": ""}))
    assert (error.code, error.outcome) == (Code.DEVICE_ERROR, Outcome.NOT_EXECUTED)
    assert error.details["exception"] == 1


async def test_a_pdu_without_an_answer_may_have_done_anything(bench):
    with bench.plc.fault(Blackhole()):
        error = await bench.error(bench.submit("pdu", {"function": 3, "data": "00000001"}))
    assert (error.code, error.outcome) == (Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN)


async def test_a_step_sends_a_pdu_with_an_argument(start_bench):
    login = Action("login", {"pin": {"type": "string"}}, (Raw(6, ArgRef("pin")), Write({"a": 1})))
    bench = await start_bench(login)
    assert await bench.result(bench.submit("login", {"pin": "0001002a"})) == {"data": "0001002a"}
    assert bench.plc.unit.holding[0:2] == [1, 42]
    error = await bench.error(bench.submit("login", {"pin": "no"}))
    assert (error.code, error.outcome) == (Code.BAD_ARGS, Outcome.NOT_EXECUTED)
