"""Commands of a simulated PLC: one after the other, ended early in every way, and with true outcomes."""

import asyncio

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.actions import Action, ArgRef, Check, ExpectChange, Pulse, Read, Sleep, Wait, Write
from plcmq.devices.protocol.messages import CANCEL
from plcmq.devices.simulator.faults.register_map import ExceptionReply
from plcmq.devices.simulator.faults.silence import Blackhole, ReplyLost
from plcmq.devices.worker import commander
from plcmq.devices.worker.errors import leaving

NOT, DONE, UNKNOWN = Outcome.NOT_EXECUTED, Outcome.EXECUTED, Outcome.UNKNOWN

BATCH = Action(
    "batch",
    {"size": {"type": "integer", "default": 15}},
    (
        Check({"door": False}),
        Write({"a": ArgRef("size"), "b": 3}),
        Write({"start": True}),
        Wait({"mode": "running"}, timeout=30, poll=0.01),
        Read(("a", "mode")),
    ),
    (Write({"start": False}),),
)
LOOK = Action("look", steps=(Wait({"mode": "running"}, timeout=30, poll=0.01), Write({"a": 1})))
PULSE = Action("pulse", steps=(Pulse("start", 0.15), Write({"a": 1})))
REST = Action("rest", steps=(Sleep(30.0), Write({"a": 1})))


def says(error, code, outcome):
    assert (error.code, error.outcome) == (code, outcome), error
    return error.details


async def closing(bench):
    bench.is_closed = True
    await bench.worker.close(leaving("press-7"))


async def test_an_action_goes_through_its_steps_and_its_finally(start_bench):
    bench = await start_bench(BATCH)
    end = bench.submit("batch", {"size": 20})
    await bench.plc.evidence.wait_until(lambda e: e.writes == 2)
    assert bench.plc.unit.coils[0] == 1
    bench.plc.unit.holding[29] = 1
    assert await bench.result(end) == {"a": 20, "mode": "running"}
    assert bench.plc.unit.holding[0:2] == [20, 3]
    assert bench.plc.unit.coils[0] == 0


async def test_commands_of_one_device_never_overlap(start_bench):
    bench = await start_bench(PULSE)
    ends = [bench.submit("pulse"), bench.write({"b": 1}), bench.submit("pulse")]
    await bench.plc.evidence.wait_until(lambda e: e.writes == 1)
    assert bench.worker.status()["queue"]["commands"] == 3
    for end in ends:
        await bench.result(end)
    assert dict(bench.plc.evidence.written) == {"1/coil:0": 4, "1/holding:0": 2, "1/holding:1": 1}


async def test_reads_go_on_while_an_action_waits(start_bench):
    bench = await start_bench(REST)
    end = bench.submit("rest")
    for _ in range(10):
        await bench.result(bench.read("a"))
    assert not end.done()


async def test_a_change_is_expected_from_what_was_before_the_write(start_bench):
    act = Action("act", steps=(Write({"a": 1}), ExpectChange("b", timeout=5, poll=0.01)))
    bench = await start_bench(act)
    end = bench.submit("act")
    await bench.plc.evidence.wait_until(lambda e: e.writes == 1)
    bench.plc.unit.holding[1] = 1
    assert await bench.result(end) == {}


async def test_a_check_that_fails_has_executed_nothing(start_bench):
    bench = await start_bench(BATCH)
    bench.plc.unit.discretes[2] = 1
    details = says(await bench.error(bench.submit("batch")), Code.ACTION_FAILED, NOT)
    assert (details["tag"], details["expected"], details["actual"]) == ("door", False, True)
    assert bench.plc.evidence.writes == 0


async def test_a_write_without_an_answer_makes_the_action_unknown(start_bench):
    bench = await start_bench(BATCH, timeout=0.05)
    bench.plc.add(ReplyLost(functions=frozenset({16})))
    says(await bench.error(bench.submit("batch")), Code.OUTCOME_UNKNOWN, UNKNOWN)
    assert bench.plc.evidence.written["1/holding:0"] == 1


async def test_a_refused_write_after_a_good_one_is_an_action_that_failed(start_bench):
    bench = await start_bench(BATCH)
    bench.plc.add(ExceptionReply(code=3, functions=frozenset({5})))
    details = says(await bench.error(bench.submit("batch")), Code.ACTION_FAILED, DONE)
    assert details["done"] == [{"a": 15}, {"b": 3}]
    assert details["cause"]["details"]["exception"] == 3


async def test_a_device_that_is_away_has_not_executed_the_action(start_bench):
    bench = await start_bench(BATCH)
    await bench.plc.unplug()
    says(await bench.error(bench.submit("batch")), Code.DEVICE_DOWN, NOT)


async def test_a_device_that_falls_silent_before_the_first_write_has_executed_nothing(start_bench):
    bench = await start_bench(BATCH, timeout=0.05)
    bench.plc.add(Blackhole())
    says(await bench.error(bench.submit("batch")), Code.TIMEOUT, NOT)


async def test_a_write_that_does_not_fit_its_tag_is_refused(start_bench):
    bench = await start_bench(BATCH)
    says(await bench.error(bench.submit("batch", {"size": 6000})), Code.BAD_ARGS, NOT)
    assert bench.plc.evidence.writes == 0


async def test_a_fault_of_our_own_ends_the_command_and_not_the_commanding(bench, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(bench.worker._commander._tools.writer, "write", lambda *_args, **_kwargs: 1 / 0)
        error = await bench.error(bench.write({"a": 1}))
    says(error, Code.INTERNAL, UNKNOWN)
    assert error.details["reference"] in caplog.text
    await bench.result(bench.write({"a": 1}))


async def test_an_action_ends_when_its_callers_time_is_up(start_bench):
    bench = await start_bench(BATCH)
    details = says(await bench.error(bench.submit("batch", timeout=1.0)), Code.ACTION_FAILED, DONE)
    assert details["tag"] == "mode"
    assert bench.plc.unit.coils[0] == 0, "`finally` has its own time"


async def test_an_action_whose_time_passes_while_it_waits_for_its_turn_sends_nothing(start_bench):
    bench = await start_bench(BATCH, delay=0.3)
    read = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    says(await bench.error(bench.submit("batch", timeout=0.05)), Code.EXPIRED, NOT)
    assert not read.done()
    await bench.result(bench.read("b"))
    assert bench.plc.evidence.requests == 2


async def test_a_pulse_is_ended_although_the_time_is_up(start_bench):
    bench = await start_bench(Action("pulse", steps=(Pulse("start", 0.9), Write({"a": 1}))), delay=0.3)
    says(await bench.error(bench.submit("pulse", timeout=1.1)), Code.ACTION_FAILED, DONE)
    assert bench.plc.evidence.written["1/coil:0"] == 2
    assert bench.plc.unit.coils[0] == 0


async def test_a_command_whose_time_passes_in_the_queue_never_begins(start_bench):
    bench = await start_bench(REST)
    bench.submit("rest")
    late, other = bench.write({"a": 1}, timeout=1.0), bench.write({"a": 1}, timeout=60.0)
    await bench.took_turn()
    bench.worker.expire(bench.worker._commander._clock() + 2.0)
    says(await bench.error(late), Code.EXPIRED, NOT)
    assert not other.done()


async def test_a_command_that_comes_up_too_late_never_begins(bench):
    says(await bench.error(bench.write({"a": 1}, timeout=-1.0)), Code.EXPIRED, NOT)
    assert bench.plc.evidence.writes == 0


async def test_a_full_queue_says_busy(start_bench, monkeypatch):
    monkeypatch.setattr(commander, "QUEUE_LIMIT", 2)
    bench = await start_bench(REST)
    running = bench.submit("rest")
    await bench.took_turn()
    waiting = [bench.write({"a": 1}) for _ in range(2)]
    error = await bench.error(bench.write({"a": 1}))
    says(error, Code.BUSY, NOT)
    assert error.retry_after
    assert not any(end.done() for end in [running, *waiting])


async def test_clients_take_turns(start_bench):
    bench = await start_bench(PULSE)
    running = bench.submit("pulse", client="greedy")
    await bench.took_turn()
    greedy = [bench.submit("write", {"values": {"a": 1}}, client="greedy") for _ in range(100)]
    modest = bench.submit("write", {"values": {"b": 2}}, client="modest")
    await bench.result(modest)
    assert sum(end.done() for end in greedy) <= 1
    await asyncio.gather(*(bench.result(end) for end in [running, *greedy]))


async def test_a_client_that_fills_the_queue_makes_room_for_another(start_bench, monkeypatch):
    monkeypatch.setattr(commander, "QUEUE_LIMIT", 3)
    bench = await start_bench(PULSE)
    bench.submit("pulse", client="greedy")
    await bench.took_turn()
    greedy = [bench.submit("write", {"values": {"a": n}}, client="greedy") for n in range(3)]
    modest = bench.submit("write", {"values": {"b": 2}}, client="modest")
    says(await bench.error(greedy[2]), Code.BUSY, NOT)
    await asyncio.gather(*(bench.result(end) for end in [*greedy[:2], modest]))
    assert bench.plc.unit.holding[0:2] == [1, 2]


async def test_a_lock_lets_its_holder_command_and_everybody_read(bench):
    token = (await bench.result(bench.submit("lock", {"ttl": 30})))["token"]
    ours = bench.submit("write", {"values": {"a": 1}}, token=token)
    says(await bench.error(bench.write({"a": 2})), Code.LOCKED, NOT)
    raw = {"table": "holding", "address": 0, "values": [3]}
    says(await bench.error(bench.submit("write_raw", raw, token="guess")), Code.LOCKED, NOT)
    await bench.result(ours)
    assert (await bench.result(bench.read("a")))["values"] == {"a": 1}
    assert 29 < bench.worker.status()["lock"]["left"] <= 30
    assert await bench.result(bench.submit("unlock", token=token)) == {}
    assert bench.worker.status()["lock"] is None
    await bench.result(bench.write({"a": 2}))


async def test_a_lock_is_granted_when_nothing_else_is_under_way(start_bench):
    bench = await start_bench(PULSE)
    pulse, write = bench.submit("pulse"), bench.write({"b": 1})
    assert await bench.result(bench.submit("lock"))
    assert pulse.done()
    assert write.done()


async def test_commands_that_waited_are_refused_when_they_come_up_and_the_device_is_locked(start_bench):
    bench = await start_bench(PULSE)
    lock = bench.submit("lock", client="first")
    other = bench.submit("write", {"values": {"a": 1}}, client="second")
    await bench.result(lock)
    says(await bench.error(other), Code.LOCKED, NOT)
    assert bench.plc.evidence.writes == 0


async def test_the_token_is_checked_when_a_command_starts(start_bench):
    bench = await start_bench(PULSE)
    token = (await bench.result(bench.submit("lock")))["token"]
    first, second = (bench.submit("pulse", token=token) for _ in range(2))
    await bench.plc.evidence.wait_until(lambda e: e.writes == 1)
    bench.lock.end()
    await bench.result(first)
    says(await bench.error(second), Code.LOCKED, NOT)
    assert bench.plc.evidence.writes == 3
    await bench.result(bench.write({"a": 1}))


async def test_an_operator_breaks_a_lock_whatever_is_under_way(start_bench):
    bench = await start_bench(REST)
    token = (await bench.result(bench.submit("lock")))["token"]
    bench.submit("rest", token=token)
    await bench.took_turn()
    assert await bench.result(bench.submit("unlock", {"force": True})) == {}
    assert bench.worker.status()["lock"] is None


async def test_a_waiting_command_is_cancelled_at_once(start_bench):
    bench = await start_bench(REST)
    bench.submit("rest")
    end = bench.write({"a": 1})
    assert await bench.result(bench.submit(CANCEL, {"job": 2})) == {"cancelled": True}
    says(await bench.error(end), Code.CANCELLED, NOT)
    assert await bench.result(bench.submit(CANCEL, {"job": 2})) == {"cancelled": False}


async def test_an_action_cancelled_before_it_wrote_has_not_been_executed(start_bench):
    bench = await start_bench(LOOK)
    end = bench.submit("look")
    await bench.plc.evidence.wait_until(lambda e: e.requests >= 2)
    assert await bench.result(bench.submit(CANCEL, {"job": 1})) == {"cancelled": True}
    says(await bench.error(end), Code.CANCELLED, NOT)


async def test_an_action_cancelled_after_it_wrote_runs_its_finally(start_bench):
    bench = await start_bench(BATCH)
    end = bench.submit("batch")
    await bench.plc.evidence.wait_until(lambda e: e.writes == 2)
    bench.submit(CANCEL, {"job": 1})
    details = says(await bench.error(end), Code.CANCELLED, DONE)
    assert {"start": True} in details["done"]
    assert bench.plc.unit.coils[0] == 0
    await bench.result(bench.write({"a": 1}))


async def test_a_sleeping_action_wakes_up_to_be_cancelled(start_bench):
    bench = await start_bench(REST)
    end = bench.submit("rest")
    await bench.took_turn()
    bench.submit(CANCEL, {"job": 1})
    says(await bench.error(end), Code.CANCELLED, NOT)


async def test_a_cancelled_pulse_is_ended_in_its_time(start_bench):
    bench = await start_bench(PULSE)
    end = bench.submit("pulse")
    await bench.plc.evidence.wait_until(lambda e: e.writes == 1)
    bench.submit(CANCEL, {"job": 1})
    says(await bench.error(end), Code.CANCELLED, DONE)
    assert dict(bench.plc.evidence.written) == {"1/coil:0": 2}


async def test_the_command_after_a_cancelled_one_is_not_touched_by_it(start_bench):
    bench = await start_bench(LOOK, PULSE)
    look, pulse = bench.submit("look"), bench.submit("pulse")
    await bench.plc.evidence.wait_until(lambda e: e.requests >= 1)
    bench.submit(CANCEL, {"job": 1})
    assert (await bench.error(look)).code == Code.CANCELLED
    assert await bench.result(pulse) == {}


async def test_closing_ends_what_waits_and_lets_the_running_action_clean_up(start_bench):
    bench = await start_bench(BATCH)
    running, waiting = bench.submit("batch"), bench.write({"b": 9})
    await bench.plc.evidence.wait_until(lambda e: e.writes == 2)
    await closing(bench)
    says(await bench.error(waiting), Code.SHUTTING_DOWN, NOT)
    details = says(await bench.error(running), Code.ACTION_FAILED, DONE)
    assert details["cause"]["code"] == "shutting_down"
    assert bench.plc.unit.coils[0] == 0
    assert bench.plc.unit.holding[1] == 3


async def test_closing_lets_a_write_that_was_sent_end(start_bench):
    bench = await start_bench(delay=0.1)
    end = bench.write({"a": 1})
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    await closing(bench)
    assert await bench.result(end) == {"written": ["a"]}


async def test_closing_takes_back_a_write_that_waits_for_its_turn(start_bench):
    bench = await start_bench(delay=0.3)
    bench.submit("read_raw", {"table": "holding", "address": 0})
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    end = bench.write({"a": 1})
    await bench.took_turn()
    await closing(bench)
    error = await bench.error(end)
    says(error, Code.SHUTTING_DOWN, NOT)
    assert error.retryable


@pytest.mark.parametrize(
    ("action", "writes", "code", "outcome"),
    [(LOOK, 0, Code.SHUTTING_DOWN, NOT), (BATCH, 1, Code.OUTCOME_UNKNOWN, UNKNOWN)],
)
async def test_what_does_not_end_in_its_closing_time_is_cut_with_the_true_outcome(
    start_bench, monkeypatch, action, writes, code, outcome
):
    monkeypatch.setattr(commander, "CLOSING_TIME", 0.05)
    bench = await start_bench(action, timeout=30.0)
    fault = Blackhole(functions=frozenset({3}) if action is LOOK else frozenset({5, 16}), execute=True)
    bench.plc.add(fault)
    end = bench.submit(action.name)
    await bench.plc.evidence.wait_until(lambda e: e.faults["blackhole"] == 1)
    await closing(bench)
    says(await bench.error(end), code, outcome)
    assert bench.plc.evidence.writes == writes


async def test_an_action_cut_between_its_writes_tells_what_it_had_done(start_bench, monkeypatch):
    monkeypatch.setattr(commander, "CLOSING_TIME", 0.05)
    act = Action("act", steps=(Write({"a": 1}), Pulse("start", 30.0)))
    bench = await start_bench(act)
    end = bench.submit("act", timeout=60.0)
    await bench.plc.evidence.wait_until(lambda e: e.writes == 2)
    await asyncio.sleep(0.02)
    await closing(bench)
    details = says(await bench.error(end), Code.ACTION_FAILED, DONE)
    assert details["done"] == [{"a": 1}, {"start": True}]


START = Action(
    "start",
    steps=(Write({"a": 1}), Wait({"b": 1}, timeout=30, poll=0.02)),
    finally_=(Write({"a": 0}),),
)
ABORT = Action("abort", steps=(Write({"b": 9}),), interrupts=True)
DOSE = Action("dose", steps=(Write({"hurry": 5}), Wait({"hurry": 5})), urgent=True)


@pytest.fixture
async def starting(start_bench):
    """A worker whose `start` waits, and the end of that."""
    bench = await start_bench(START, ABORT, DOSE)
    end = bench.submit("start", timeout=60)
    await bench.plc.evidence.wait_until(lambda e: e.functions[3] >= 2)
    return bench, end


async def test_a_stop_ends_the_action_under_way_first_and_runs_then(starting):
    bench, end = starting
    stopped = bench.submit("abort")
    error = await bench.error(end)
    assert (error.code, error.outcome) == (Code.CANCELLED, Outcome.EXECUTED)
    assert "ended by `abort`" in error.message
    await bench.result(stopped)
    assert (bench.plc.unit.holding[0], bench.plc.unit.holding[1]) == (0, 9), "`finally` ran"


async def test_a_stop_is_on_the_wire_within_one_poll_and_one_transaction(starting):
    bench, _end = starting
    before = bench.plc.evidence.requests
    await bench.result(bench.submit("abort"))
    sent = bench.plc.evidence.requests - before
    assert sent <= 3, "a poll that was under way, `finally`, and itself"


async def test_a_stop_goes_ahead_of_everything_that_waits_and_passes_locks(starting):
    bench, end = starting
    queued = bench.write({"a": 7})
    bench.lock.take(None, 60.0, bench.worker._clock())
    await bench.result(bench.submit("abort"))
    assert end.done()
    assert (await bench.error(queued)).code == Code.LOCKED


async def test_a_stop_interrupts_another_stop(start_bench):
    slow = Action("stop", steps=(Write({"a": 3}), Sleep(30)), interrupts=True)
    bench = await start_bench(slow, ABORT)
    first = bench.submit("stop", timeout=60)
    await bench.plc.evidence.wait_until(lambda e: e.functions[6] == 1)
    await bench.result(bench.submit("abort"))
    assert (await bench.error(first)).code == Code.CANCELLED


async def test_an_urgent_action_runs_while_another_one_waits(starting):
    bench, end = starting
    await bench.result(bench.submit("dose"))
    assert not end.done()
    assert bench.plc.unit.holding[90] == 5
    bench.plc.unit.holding[1] = 1
    await bench.result(end)


async def test_an_urgent_write_passes_a_running_action_and_all_that_waits(starting):
    bench, end = starting
    behind = bench.write({"a": 7})
    await bench.result(bench.write({"hurry": 8}))
    assert not end.done()
    assert not behind.done()
    bench.worker.expire(float("inf"))
    await bench.error(behind)


async def test_urgent_writes_are_never_between_the_writes_of_one_step(start_bench):
    order = Action("order", steps=(Write({"a": 1, "far": 2, "b": 3}),))
    bench = await start_bench(order, DOSE, delay=0.01)
    seen = []
    bench.plc.endpoint.observers.append(lambda _unit, change, _now: seen.append(change.address))
    end = bench.submit("order")
    await bench.plc.evidence.wait_until(lambda e: e.requests >= 1)
    await bench.result(bench.write({"hurry": 1}))
    await bench.result(end)
    assert seen[-1] == 90
    assert len(seen) == 4


async def test_a_lock_is_granted_when_nothing_urgent_is_under_way_either(start_bench):
    slow = Action("slow", steps=(Sleep(0.1),), urgent=True)
    bench = await start_bench(slow)
    under_way = bench.submit("slow")
    await bench.took_turn()
    await bench.result(bench.submit("lock", {"ttl": 1.0}))
    assert under_way.done()
