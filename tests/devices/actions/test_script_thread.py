"""The code of Python actions at work, in threads, against a simulated PLC."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import ClassVar

import pytest
from plcmq.client.protocol.bodies import Codec, decode, encode
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.devices.actions.effects import NextStep, Raised, StillRunning
from plcmq.devices.actions.script_thread import MOST_LEFT_BEHIND, ScriptThread
from plcmq.devices.model.actions import Read
from plcmq.devices.protocol.messages import CANCEL
from plcmq.devices.python.device import Device, Tag, action
from plcmq.devices.site.class_profile import class_profile


class Press(Device):
    a = Tag("holding:0", "uint16", access="rw", max=5000)
    b = Tag("holding:1", "uint16", access="rw")
    start = Tag("coil:0", "bool", access="rw")
    door = Tag("discrete:2", "bool")
    row = Tag("holding:50", "uint16", count=3)

    gate = threading.Event()  # what some actions wait for
    seen: ClassVar[list] = []  # what they have done

    @action
    async def go(self, a: int = 7) -> dict:
        await self.write(a=a)
        await self.pulse("start", 0.01)
        return await self.read("a")

    @action
    async def awaits_other_things(self) -> dict:
        await asyncio.sleep(0.01)
        value = await asyncio.to_thread(lambda: 5)
        await self.write(a=value)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.write(b=1))
            group.create_task(self.read("a"))
        return await self.read("a", "b")

    @action
    async def blocks(self) -> dict:
        await self.write(a=1)
        self.gate.wait(10)
        return await self.read("a")

    @action
    async def never_ends(self) -> dict:
        await self.at_end(start=False)
        await self.write(start=True)
        while True:
            await asyncio.sleep(0.01)

    @action
    async def ignores_its_end(self) -> dict:
        await self.at_end(start=False)
        await self.write(start=True)
        while not self.gate.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                self.seen.append("told to stop")
        try:
            await self.write(b=99)
        except RuntimeError as error:
            self.seen.append(str(error))
        self.seen.append("ended")

    @action
    async def cleans_up(self) -> dict:
        try:
            await self.write(start=True)
            await asyncio.sleep(60)
        finally:
            await self.write(start=False)

    @action
    async def waits_with_a_timeout_of_its_own(self) -> dict:
        try:
            async with asyncio.timeout(0.02):
                await self.wait(door=True, timeout=0.2)
        finally:
            self.seen.append(await self.read("a"))

    @action
    async def fails(self) -> dict:
        await self.write(a=3)
        raise LookupError("no such recipe")

    @action
    async def exits(self) -> dict:
        raise SystemExit(3)

    @action
    async def returns_nonsense(self) -> dict:
        return {"when": time}

    @action
    async def returns_a_number(self) -> dict:
        return 5

    @action
    async def changes_what_it_has_read(self) -> dict:
        (await self.read("row"))["row"].append(99)

    @action
    async def returns_a_huge_number(self) -> dict:
        return {"n": 2**64}

    @action
    async def raises_half_a_surrogate_pair(self) -> dict:
        raise LookupError("\ud800")

    @action
    async def raises_what_nobody_can_be_told(self) -> dict:
        raise failure(Code.BAD_ARGS, "no", details={"when": time})

    @action
    async def checks_for_a_huge_number(self) -> dict:
        await self.check(a=2**64)


PROFILE = class_profile(Press, "tests:Press")


@pytest.fixture
async def press(start_bench):
    Press.gate, Press.seen = threading.Event(), []
    bench = await start_bench(*PROFILE.actions.values(), tags=dict(PROFILE.tags))
    await bench.result(bench.read("a"))
    yield bench
    Press.gate.set()
    for thread in threading.enumerate():
        if thread.name.startswith("action "):
            await asyncio.to_thread(thread.join, 5)
    assert not any(thread.name.startswith("action ") for thread in threading.enumerate())


async def wrote(bench, count=1):
    await bench.plc.evidence.wait_until(lambda evidence: evidence.writes >= count)


async def test_an_action_runs_and_its_arguments_have_defaults(press):
    assert await press.result(press.submit("go")) == {"a": 7}
    assert await press.result(press.submit("go", {"a": 8})) == {"a": 8}


async def test_arguments_are_checked_by_the_signature_s_schema(press):
    with pytest.raises(Exception, match=r"rqargs\.a must be integer"):
        press.submit("go", {"a": "eight"})
    press.waiting.popitem()


async def test_code_may_wait_for_other_things_and_ask_for_steps_side_by_side(press):
    assert await press.result(press.submit("awaits_other_things")) == {"a": 5, "b": 1}


async def test_code_that_blocks_stops_nobody_else(press):
    end = press.submit("blocks")
    await wrote(press)
    read = await press.result(press.read("a"))
    assert read["values"] == {"a": 1}
    Press.gate.set()
    assert await press.result(end) == {"a": 1}


async def test_code_that_never_ends_is_stopped_when_the_caller_s_time_is_up(press):
    error = await press.error(press.submit("never_ends", timeout=0.3))
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, Outcome.EXECUTED)
    assert "the caller's time ran out" in error.message
    assert error.details["step"] == {"index": 2, "kind": "python"}
    assert not press.plc.unit.coils[0], "what it wanted at the end has been done"


async def test_code_that_ignores_its_end_is_left_behind_and_can_do_nothing_more(press):
    error = await press.error(press.submit("ignores_its_end", timeout=0.2))
    assert error.outcome is Outcome.EXECUTED
    assert not press.plc.unit.coils[0]
    assert await press.result(press.submit("go")) == {"a": 7}
    Press.gate.set()
    async with asyncio.timeout(5):
        while Press.seen[-1] != "ended":
            await asyncio.sleep(0.01)
    assert Press.seen[0] == "told to stop"
    assert Press.seen[-2] == "this run of the action has ended"
    assert press.plc.unit.holding[1] == 0


async def test_code_that_blocks_for_ever_is_left_behind(press):
    error = await press.error(press.submit("blocks", timeout=0.2))
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, Outcome.EXECUTED)
    assert await press.result(press.submit("go")) == {"a": 7}


async def test_while_four_earlier_runs_have_not_ended_the_action_is_refused_and_others_are_not(press):
    for _ in range(MOST_LEFT_BEHIND):
        assert (await press.error(press.submit("blocks", timeout=0.1))).code == Code.ACTION_FAILED
    error = await press.error(press.submit("blocks"))
    assert (error.code, error.outcome) == (Code.BUSY, Outcome.NOT_EXECUTED)
    assert "4 earlier runs of `blocks` have not ended" in error.message
    assert (await press.result(press.submit("status")))["left_behind"] == MOST_LEFT_BEHIND
    assert await press.result(press.submit("go")) == {"a": 7}
    Press.gate.set()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("action ")]:
        await asyncio.to_thread(thread.join, 5)
    assert await press.result(press.submit("blocks")) == {"a": 1}
    assert "left_behind" not in await press.result(press.submit("status"))


async def test_a_cancelled_action_cleans_up_wherever_its_code_is(press):
    end = press.submit("cleans_up", timeout=60)
    await wrote(press)
    assert await press.result(press.submit(CANCEL, {"job": 2})) == {"cancelled": True}
    error = await press.error(end)
    assert (error.code, error.outcome) == (Code.CANCELLED, Outcome.EXECUTED)
    assert error.details["done"] == [{"start": True}]
    assert not press.plc.unit.coils[0]


@pytest.mark.parametrize("is_heard_of", [False, True])
async def test_a_step_that_crosses_with_an_error_is_not_done_and_gets_that_error(is_heard_of):
    asked = threading.Event()

    async def code(conductor, _args):
        await conductor.perform(Read(("a",)))
        asyncio.get_running_loop().call_soon(asked.set)  # as soon as it waits for the answer to the next
        await conductor.perform(Read(("b",)))

    thread = ScriptThread(code, {}, "press-7.code")
    error = failure(Code.CANCELLED, "cancelled")
    assert await thread.resume(None, 5) == NextStep(Read(("a",)))
    thread.interrupt()
    assert await thread.resume({}, 5) == StillRunning()
    assert asked.wait(5)
    if is_heard_of:
        await asyncio.sleep(0)
    assert await thread.resume(error, 5) == Raised(error)


async def test_a_worker_that_closes_lets_code_clean_up(press):
    end = press.submit("cleans_up", timeout=60)
    await wrote(press)
    await press.close()
    assert (await press.error(end)).outcome is Outcome.EXECUTED
    assert not press.plc.unit.coils[0]


async def test_a_timeout_of_the_code_s_own_waits_for_the_step_under_way(press):
    error = await press.error(press.submit("waits_with_a_timeout_of_its_own"))
    assert error.outcome is Outcome.NOT_EXECUTED


async def test_an_exception_is_that_request_s_failure_and_its_traceback_is_logged(press, caplog):
    error = await press.error(press.submit("fails"))
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, Outcome.EXECUTED)
    assert error.details["exception"] == {"type": "LookupError", "message": "no such recipe"}
    assert error.details["done"] == [{"a": 3}]
    [record] = [record for record in caplog.records if record.name == "plcmq.devices.actions.script_thread"]
    assert record.exc_info is not None
    assert "press-7.fails" in record.getMessage()
    assert await press.result(press.submit("go")) == {"a": 7}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exits", "SystemExit: 3"),
        ("returns_nonsense", "TypeError: a result cannot hold <module 'time'"),
        ("returns_a_number", "TypeError: an action returns a map or nothing, not int"),
        ("returns_a_huge_number", "TypeError: a whole number has at most 64 bits"),
        ("raises_half_a_surrogate_pair", "LookupError: ?"),
        ("raises_what_nobody_can_be_told", "no"),
        ("checks_for_a_huge_number", "TypeError: a whole number has at most 64 bits"),
    ],
)
async def test_whatever_code_does_is_its_own_failure(press, name, said, caplog):
    caplog.set_level(logging.CRITICAL + 1, logger="plcmq")  # no report may hold half of a surrogate pair
    error = await press.error(press.submit(name))
    assert error.code is Code.ACTION_FAILED
    assert said in error.message
    assert decode(encode(Codec.MSGPACK, error.to_map())) == error.to_map()
    assert await press.result(press.submit("go")) == {"a": 7}


async def test_what_code_has_read_is_its_own_to_change(press):
    await press.result(press.submit("changes_what_it_has_read"))
    assert (await press.result(press.read("row", max_age=60)))["values"] == {"row": [0, 0, 0]}


async def test_every_run_has_a_thread_of_its_own_which_ends_with_it(press):
    for _ in range(20):
        await press.result(press.submit("go"))
    async with asyncio.timeout(5):
        while any(thread.name.startswith("action ") for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
