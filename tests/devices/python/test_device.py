"""Devices in Python: the same runs as their twins in a site file, step by step, against a PLC in memory."""

from __future__ import annotations

import asyncio
import logging
import types
from dataclasses import dataclass, field
from enum import Enum

import pytest
from plcmq.client.protocol.errors import Code, Outcome, PlcmqError, failure
from plcmq.devices.actions.effects import AtEnd, NextStep, Raised, Returned, StillRunning
from plcmq.devices.actions.run import ActionRun, Failed, Finished, Pause, Resume, WriteTags
from plcmq.devices.python.device import Device, Tag, action
from plcmq.devices.site.class_profile import class_profile
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.load import parse_site

DOWN = failure(Code.DEVICE_DOWN, "press-1: no connection", details={"retry_after": 1.0})
LOST = failure(Code.OUTCOME_UNKNOWN, "press-1: sent, no answer")
REFUSED = failure(Code.DEVICE_ERROR, "press-1: exception 3", details={"exception": 3})
STOP = failure(Code.CANCELLED, "cancelled by its caller")

SITE = """
profiles:
  press:
    description: A press
    tags:
      batch_size: {address: "holding:0", type: uint16, access: rw, min: 1, max: 500}
      nok_limit:  {address: "holding:1", type: uint16, access: rw}
      start:      {address: "coil:0", type: bool, access: rw}
      running:    {address: "discrete:0", type: bool}
      batch_no:   {address: "holding:10", type: uint32}
      state:      {address: "holding:12", type: uint16, enum: {0: idle, 1: running, 2: fault}}
    actions:
      start_batch:
        description: Load the batch parameters and start the press.
        args:
          batch_size: {type: integer, minimum: 1, default: 15, description: How many.}
          nok_num:    {type: integer, default: 3}
        steps:
          - check: {running: false}
          - write: {batch_size: $batch_size, nok_limit: $nok_num}
          - pulse: {tag: start, for: 0.3}
          - wait:  {running: true, timeout: 2, fail_if: {state: 2}}
          - sleep: 0.1
          - read:  [batch_no, state]
        finally:
          - write: {start: false}
      count:
        steps:
          - read: [batch_no]
          - write: {start: true}
          - expect_change: {tag: batch_no, timeout: 1}
"""


class Base(Device):
    """A press"""

    batch_size = Tag("holding:0", "uint16", access="rw", min=1, max=500)
    nok_limit = Tag("holding:1", "uint16", access="rw")
    start = Tag("coil:0", "bool", access="rw")
    running = Tag("discrete:0", "bool")
    batch_no = Tag("holding:10", "uint32")
    state = Tag("holding:12", "uint16", enum={0: "idle", 1: "running", 2: "fault"})

    async def make_batch(self, batch_size, nok_num):
        await self.check(running=False)
        await self.write(batch_size=batch_size, nok_limit=nok_num)
        await self.pulse("start", 0.3)
        await self.wait(running=True, timeout=2, fail_if={"state": 2})
        await self.sleep(0.1)
        return await self.read(self.batch_no, "state")


class WithAtEnd(Base):
    @action
    async def start_batch(self, batch_size: int = 15, nok_num: int = 3) -> dict:
        await self.at_end(start=False)
        return await self.make_batch(batch_size, nok_num)

    @action
    async def count(self) -> dict:
        result = await self.read("batch_no")
        await self.write(start=True)
        await self.expect_change("batch_no", timeout=1)
        return result


class WithFinally(Base):
    @action
    async def start_batch(self, batch_size: int = 15, nok_num: int = 3) -> dict:
        try:
            return await self.make_batch(batch_size, nok_num)
        finally:
            await self.write(start=False)

    @action
    async def count(self) -> dict:
        async with self.expect_change("batch_no", timeout=1):
            await self.write(start=True)
        return {"batch_no": 4}


class Size(Enum):
    SMALL = 5


DECLARED = compile_site(parse_site(SITE)).profiles["press"]
AT_END, FINALLY = class_profile(WithAtEnd, "t:WithAtEnd"), class_profile(WithFinally, "t:WithFinally")


class Conductor:
    """Hands the steps out of the coroutine, for whoever sends into it."""

    @types.coroutine
    def perform(self, step):
        return (yield NextStep(step))

    @types.coroutine
    def at_end(self, step):
        return (yield AtEnd(step))


class Driven:
    """The code of an action, driven by hand."""

    def __init__(self, declared, args):
        self.start = lambda: declared.script(Conductor(), args)
        self.coroutine = None

    def resume(self, told):
        if self.coroutine is None:
            self.coroutine = self.start()
        try:
            if isinstance(told, PlcmqError):
                return self.coroutine.throw(told)
            return self.coroutine.send(told)
        except StopIteration as end:
            return Returned(end.value or {})
        except (Exception, asyncio.CancelledError) as error:
            logging.getLogger(__name__).debug("the code ended", exc_info=error)
            return Raised(error)


@dataclass
class Plc:
    """Memory, what happens at given times, errors and interruptions by number of the effect, and a log."""

    memory: dict = field(default_factory=lambda: {"running": False, "batch_no": 4, "state": "idle"})
    later: dict = field(default_factory=lambda: {1.0: {"running": True, "batch_no": 5}})
    errors: dict = field(default_factory=dict)
    stops: dict = field(default_factory=dict)
    now: float = 0.0
    log: list = field(default_factory=list)

    def run(self, profile, name="start_batch", args=None, deadline=5.0):
        declared = profile.actions[name]
        given = {arg: schema["default"] for arg, schema in declared.args.items() if "default" in schema}
        args = given | (args or {})
        run, code, answer = ActionRun(declared, args, deadline, profile.tags), Driven(declared, args), None
        for _ in range(10_000):
            effect = run.step(self.now, answer)
            match effect:
                case Finished(result):
                    return {"result": dict(result), "outcome": run.outcome}
                case Failed(error):
                    return error.to_map()
                case Resume(told):
                    answer = code.resume(told)
                    continue
            number = len(self.log)
            self.log.append((round(self.now, 6), effect))
            answer = self.errors.get(number)
            if isinstance(effect, Pause):
                self.now += effect.seconds
            elif answer is None:
                answer = self.answer(effect)
            if number in self.stops:
                run.interrupt(self.stops[number])
        pytest.fail("the action never ends")

    def answer(self, effect):
        for time in [time for time in self.later if time <= self.now + 1e-9]:
            self.memory |= self.later.pop(time)
        if isinstance(effect, WriteTags):
            self.memory |= effect.values
            return None
        return {tag: self.memory.get(tag) for tag in effect.tags}


def plays(plc, profile, **how):
    outcome = plc.run(profile, **how)
    return outcome, plc.log


SUCCESS = len(plays(Plc(), DECLARED)[1])  # effects of a run that goes well; the last is that of `finally`
# Only the engine can tell that the last step of a `finally` block is not one like the others.
PLACES = [
    pytest.param(twin, number, id=f"{name}-{number}")
    for name, twin, count in (("at_end", AT_END, SUCCESS), ("finally", FINALLY, SUCCESS - 1))
    for number in range(count)
]


def test_the_twins_declare_the_same_but_for_what_only_schemas_can_say():
    for twin in (AT_END, FINALLY):
        assert twin.tags == DECLARED.tags
        assert twin.actions.keys() == DECLARED.actions.keys()
        assert twin.description == DECLARED.description
        assert twin.actions["start_batch"].args.keys() == DECLARED.actions["start_batch"].args.keys()


@pytest.mark.parametrize("twin", [AT_END, FINALLY], ids=["at_end", "finally"])
@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"memory": {"running": True}},
        {"later": {}},
        {"later": {0.7: {"state": "fault"}}},
        {"later": {0.7: {"running": True, "state": "fault"}}},
    ],
    ids=["good", "refused", "never", "fault", "both"],
)
@pytest.mark.parametrize("deadline", [5.0, 1.3, 0.35, 0.2, 0.05])
def test_twins_end_alike_whatever_the_machine_does_and_the_caller_has_time_for(twin, scene, deadline):
    ends = [plays(Plc(**_copy(scene)), profile, deadline=deadline) for profile in (DECLARED, twin)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("error", [DOWN, LOST, REFUSED], ids=["down", "lost", "refused"])
@pytest.mark.parametrize(("twin", "number"), PLACES)
def test_twins_end_alike_wherever_a_transaction_fails(twin, number, error):
    ends = [plays(Plc(errors={number: error}), profile) for profile in (DECLARED, twin)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(("twin", "number"), PLACES)
def test_twins_end_alike_wherever_they_are_cancelled(twin, number):
    ends = [plays(Plc(stops={number: STOP}), profile) for profile in (DECLARED, twin)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("later", [{0.5: {"batch_no": 5}}, {}], ids=["changes", "stays"])
@pytest.mark.parametrize("twin", [AT_END, FINALLY], ids=["await", "async with"])
def test_twins_wait_for_the_same_change(twin, later):
    ends = [Plc(later=dict(later)).run(profile, name="count") for profile in (DECLARED, twin)]
    assert ends[0] == ends[1]


def _copy(scene):
    return {name: dict(value) for name, value in scene.items()}


def profile_of(*codes, **tags):
    """A device whose actions are these coroutines."""
    return class_profile(
        type("Made", (Base,), {code.__name__: action(code) for code in codes} | tags), "t:Made"
    )


def test_code_may_decide_from_what_it_reads():
    async def go(self):
        if (await self.read("state"))["state"] == "idle":
            await self.write(start=True)
        return {"done": [1, {"deep": None}]}

    plc = Plc()
    assert plc.run(profile_of(go), "go") == {
        "result": {"done": [1, {"deep": None}]},
        "outcome": Outcome.EXECUTED,
    }


def test_an_exception_is_an_action_that_failed_with_its_type_and_message():
    async def go(self):
        raise LookupError("no such recipe")

    error = Plc().run(profile_of(go), "go")
    assert (error["code"], error["outcome"], error["retryable"]) == ("action_failed", "not_executed", False)
    assert error["message"] == "go, step 1 (python): LookupError: no such recipe"
    assert error["details"]["exception"] == {"type": "LookupError", "message": "no such recipe"}


def test_an_exception_after_a_write_has_the_true_outcome_and_what_was_done():
    async def go(self):
        await self.at_end(start=False)
        await self.write(start=True)
        raise ZeroDivisionError

    plc = Plc()
    error = plc.run(profile_of(go), "go")
    assert error["outcome"] == "executed"
    assert error["details"]["step"] == {"index": 2, "kind": "python"}
    assert error["details"]["done"] == [{"start": True}]
    assert [effect.values for _, effect in plc.log] == [{"start": True}, {"start": False}]


def test_a_failed_step_has_failed_the_action_even_if_the_code_catches_it():
    async def go(self):
        try:
            await self.wait(running=True, timeout=0.2)
        except PlcmqError:
            return {"all": "well"}

    error = Plc().run(profile_of(go), "go")
    assert (error["code"], error["outcome"]) == ("action_failed", "not_executed")


def test_code_that_failed_writes_nothing_where_nothing_was_written():
    async def go(self):
        try:
            await self.check(running=True)
        finally:
            await self.write(start=False)

    plc = Plc()
    error = plc.run(profile_of(go), "go")
    assert error["outcome"] == "not_executed"
    assert "finally" not in error["details"]
    assert not any(isinstance(effect, WriteTags) for _, effect in plc.log)


def test_an_error_while_cleaning_up_does_not_hide_the_first():
    async def go(self):
        try:
            await self.write(start=True)
            await self.check(running=True)
        finally:
            await self.write(start=False)

    error = Plc(errors={2: LOST}).run(profile_of(go), "go")
    assert (error["code"], error["outcome"]) == ("action_failed", "unknown")
    assert error["details"]["step"] == {"index": 2, "kind": "check"}
    assert error["details"]["finally"]["details"]["step"] == {"index": 1, "kind": "write"}


def test_an_exception_instead_of_a_failed_step_is_told_beside_it():
    async def go(self):
        try:
            await self.check(running=True)
        except PlcmqError as error:
            raise RuntimeError("the press is not ready") from error

    error = Plc().run(profile_of(go), "go")
    assert error["details"]["tag"] == "running"
    assert error["details"]["exception"]["message"] == "the press is not ready"


def test_cleaning_up_has_its_own_time_and_no_more():
    async def go(self):
        await self.at_end(nok_limit=0)
        try:
            await self.write(start=True)
            await self.sleep(60)
        finally:
            await self.write(start=False)
            await self.sleep(60)

    plc = Plc()
    error = plc.run(profile_of(go), "go", deadline=1.0)
    assert error["details"]["step"] == {"index": 2, "kind": "sleep"}
    assert [effect.values for _, effect in plc.log if isinstance(effect, WriteTags)] == [
        {"start": True},
        {"start": False},
        {"nok_limit": 0},
    ]
    assert plc.now == pytest.approx(1.5)


def test_steps_at_the_end_come_the_last_one_first():
    async def go(self):
        await self.at_end(nok_limit=1)
        await self.at_end(nok_limit=2, start=False)

    plc = Plc()
    plc.run(profile_of(go), "go")
    assert [effect.values for _, effect in plc.log] == [{"nok_limit": 2, "start": False}, {"nok_limit": 1}]


def test_a_change_that_nobody_looked_at_before_the_write_cannot_be_expected():
    async def go(self):
        await self.write(start=True)
        await self.expect_change("batch_no")

    error = Plc().run(profile_of(go), "go")
    assert error["outcome"] == "executed"
    assert "nobody knows what batch_no was before the write" in error["message"]


def test_a_second_change_counts_from_the_first():
    async def go(self):
        for _ in range(2):
            async with self.expect_change("batch_no", timeout=0.5):
                await self.write(start=True)

    error = Plc(later={0.2: {"batch_no": 5}}).run(profile_of(go), "go")
    assert error["details"]["expected"] == {"not": 5}


def test_a_second_awaited_change_counts_from_the_first():
    async def go(self):
        await self.read("batch_no")
        for _ in range(2):
            await self.write(start=True)
            await self.expect_change("batch_no", timeout=0.5)

    error = Plc(later={0.2: {"batch_no": 5}}).run(profile_of(go), "go")
    assert error["details"]["expected"] == {"not": 5}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda self: self.write(runing=True), "has no tag 'runing'"),
        (lambda self: self.write(running=True), "is only read"),
        (lambda self: self.write(), "at least one tag"),
        (lambda self: self.write(start=object()), "is no value of a tag"),
        (lambda self: self.check(), "at least one tag"),
        (lambda self: self.read(), "at least one tag"),
        (lambda self: self.pulse("running"), "is only read"),
        (lambda self: self.expect_change("seq"), "has no tag 'seq'"),
    ],
)
def test_a_step_that_cannot_be_is_an_exception_of_the_code(wrong, said):
    async def go(self):
        await wrong(self)

    error = Plc().run(profile_of(go), "go")
    assert error["details"]["exception"]["type"] == "ValueError"
    assert said in error["message"]
    assert error["outcome"] == "not_executed"


def test_members_of_enumerations_are_what_they_stand_for():
    async def go(self, size: Size = Size.SMALL):
        assert size is Size.SMALL
        await self.write({"batch_size": size})

    plc = Plc()
    assert plc.run(profile_of(go), "go")["outcome"] is Outcome.EXECUTED
    assert plc.memory["batch_size"] == 5


def test_code_that_is_busy_is_told_to_stop_when_its_time_is_up_and_then_left_behind():
    async def go(self): ...

    profile = profile_of(go)
    run = ActionRun(profile.actions["go"], {}, 1.0, profile.tags)
    assert run.step(0.0) == Resume(None, 1.0)
    assert run.step(0.5, StillRunning()) == Resume(None, 0.5)
    told = run.step(1.0, StillRunning())
    assert isinstance(told, Resume)
    assert isinstance(told.told, PlcmqError)
    assert told.told.code is Code.EXPIRED
    assert told.seconds == pytest.approx(1.0)
    end = run.step(2.0, StillRunning())
    assert isinstance(end, Failed)
    assert end.error.code is Code.EXPIRED


def test_busy_code_is_told_of_a_cancellation_at_once():
    async def go(self): ...

    profile = profile_of(go)
    run = ActionRun(profile.actions["go"], {}, 9.0, profile.tags)
    run.step(0.0)
    run.interrupt(STOP)
    told = run.step(0.1, StillRunning())
    assert isinstance(told, Resume)
    assert told.told.code is Code.CANCELLED


def test_code_that_returns_when_its_time_is_just_up_has_succeeded():
    async def go(self): ...

    profile = profile_of(go)
    run = ActionRun(profile.actions["go"], {}, 1.0, profile.tags)
    run.step(0.0)
    assert run.step(1.5, Returned({"a": 1})) == Finished({"a": 1})
