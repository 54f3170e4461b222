"""Reading tags of a simulated PLC: what is merged, what is learned, and how each read ends."""

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.actions import Action, Check, Read
from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.model.tags import Table, Tag, Type
from plcmq.devices.protocol.messages import CANCEL
from plcmq.devices.simulator.faults.pace import Busy, Delay
from plcmq.devices.simulator.faults.register_map import ExceptionReply, Hole, MaxRegisters
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.worker import reader
from plcmq.devices.worker.errors import leaving

SHORT = 0.08  # seconds: a deadline that passes soon


def requests(bench):
    return bench.plc.evidence.requests


async def test_every_table_and_type_is_read(bench):
    plc = bench.plc
    plc.unit.holding[0:2] = [7, 8]
    plc.unit.holding[10:12] = [1, 2]
    plc.unit.holding[20:22] = [0x4142, 0x4300]
    plc.unit.holding[29:31] = [1, 0b1000]
    plc.unit.inputs[0] = 0xFFFF
    plc.unit.coils[9:12] = [1, 0, 1]
    plc.unit.discretes[2] = 1
    values = {
        "a": 7,
        "b": 8,
        "long": 65538,
        "text": "ABC",
        "mode": "running",
        "flag": True,
        "level": -0.1,
        "lamps": [True, False, True],
        "door": True,
    }
    result = await bench.result(bench.read(*values))
    assert result["values"] == values
    assert result["age"].keys() == values.keys()
    assert "errors" not in result


async def test_reads_that_wait_together_cost_one_request(bench):
    before = requests(bench)
    ends = [bench.read(name) for name in ("a", "b", "a", "long") * 50]
    for end in ends:
        await bench.result(end)
    assert requests(bench) - before == 1


async def test_a_read_that_comes_during_a_request_gets_a_fresh_one(bench):
    first = bench.read("a")
    before = requests(bench)
    await bench.plc.evidence.wait_until(lambda e: e.requests > before)
    second = bench.read("a")
    await bench.result(first)
    await bench.result(second)
    assert requests(bench) - before == 2


async def test_a_read_is_done_as_soon_as_its_own_span_is_there(start_bench):
    bench = await start_bench(delay=0.05)
    far, near = bench.read("a", "far"), bench.read("a")
    await bench.result(near)
    assert not far.done()
    await bench.result(far)


async def test_a_recent_value_is_enough_for_who_accepts_its_age(bench):
    before = requests(bench)
    result = await bench.result(bench.read("a", max_age=60))
    assert requests(bench) == before
    assert 0 < result["age"]["a"] < 60
    mixed = await bench.result(bench.read("a", "far", max_age=60))
    assert requests(bench) == before + 1
    assert mixed["age"]["a"] >= mixed["age"]["far"]


async def test_no_recent_value_is_served_after_a_write(bench):
    await bench.result(bench.write({"a": 9}))
    assert (await bench.result(bench.read("a", max_age=60)))["values"] == {"a": 9}


async def test_what_a_command_reads_is_also_for_those_who_wait_for_it(start_bench):
    bench = await start_bench(Action("look", steps=(Read(("a",)),)), delay=0.05)
    busy = bench.submit("read_raw", {"table": "holding", "address": 600})  # keeps the connection busy
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    rider, other = bench.read("a"), bench.read("far")
    await bench.took_turn()
    look = bench.submit("look")
    results = [await bench.result(end) for end in (busy, look, rider, other)]
    assert results[1:3] == [{"a": 0}, {"values": {"a": 0}, "age": {"a": pytest.approx(0, abs=0.05)}}]
    assert requests(bench) == 3, "the raw read, the command's, and the other one"


async def test_a_check_reads_only_what_it_needs(start_bench):
    bench = await start_bench(Action("look", steps=(Check({"a": 0, "b": 0}),)))
    await bench.result(bench.submit("look"))
    assert requests(bench) == 1


async def test_a_hole_is_learned_once_and_never_asked_again(bench):
    bench.plc.add(Hole(table=Table.HOLDING, address=1))
    result = await bench.result(bench.read("a", "b", "long"))
    assert result["values"].keys() == {"a", "long"}
    error = result["errors"]["b"]
    assert (error["code"], error["outcome"], error["retryable"]) == ("device_error", "not_executed", False)
    assert (error["details"]["exception"], error["details"]["function"]) == (2, 3)

    exceptions = bench.plc.evidence.exceptions[2]
    again = await bench.result(bench.read("a", "b", "long"))
    assert again["values"].keys() == {"a", "long"}
    assert again["errors"]["b"]["details"]["function"] == 3
    assert (await bench.error(bench.read("b"))).code == Code.DEVICE_ERROR
    assert bench.plc.evidence.exceptions[2] == exceptions


async def test_a_gap_that_cannot_be_read_across_is_learned(bench):
    bench.plc.add(Hole(table=Table.HOLDING, address=5))
    for _ in range(2):
        result = await bench.result(bench.read("b", "long"))
        assert result["values"].keys() == {"b", "long"}
    assert bench.plc.evidence.exceptions[2] == 1


async def test_a_limit_that_the_device_tells_by_exception_2_is_learned(bench):
    bench.plc.add(MaxRegisters(registers=10, code=2))
    names = ("a", "b", "long", "text", "mode")
    told = []
    for _ in range(6):  # a second limit can hide behind the first
        assert (await bench.result(bench.read(*names)))["values"].keys() == set(names)
        told.append(bench.plc.evidence.exceptions[2])
    assert told[-3:] == [told[-1]] * 3


async def test_silence_during_a_hunt_teaches_nothing_and_is_what_is_told(start_bench):
    bench = await start_bench(timeout=0.1)
    await bench.result(bench.read("a"))
    bench.plc.add(Hole(table=Table.HOLDING, address=0))
    before = requests(bench)
    end = bench.read("a", "b")
    await bench.plc.evidence.wait_until(lambda e: e.requests == before + 1)
    bench.plc.add(Blackhole())
    assert (await bench.error(end)).code == Code.TIMEOUT
    assert "0 holes" in repr(bench.worker)


async def test_a_hunt_that_nobody_waits_for_any_more_teaches_nothing(start_bench):
    bench = await start_bench(delay=0.03)
    bench.plc.add(Hole(table=Table.HOLDING, address=0))
    end = bench.read("a", "b")
    await bench.plc.evidence.wait_until(lambda e: e.exceptions[2] == 1)
    bench.submit(CANCEL, {"job": 1})
    assert (await bench.error(end)).code == Code.CANCELLED
    await bench.result(bench.read("far"))
    assert "0 holes" in repr(bench.worker)


async def test_a_tag_wider_than_the_device_reads_at_once_is_refused(start_bench):
    bench = await start_bench(max_registers=2)
    result = await bench.result(bench.read("long", "text"))
    assert result["values"].keys() == {"long"}
    assert result["errors"]["text"]["code"] == "bad_args"


async def test_a_function_that_the_device_does_not_have_is_not_asked_for(start_bench):
    bench = await start_bench(functions=LinkSettings().functions - {2, 4})
    result = await bench.result(bench.read("a", "level"))
    assert result["values"].keys() == {"a"}
    assert "function code 4" in result["errors"]["level"]["message"]
    assert (await bench.error(bench.read("door"))).code == Code.BAD_ARGS
    assert requests(bench) == 1


async def test_bits_that_are_no_value_fail_their_tag_only(bench):
    bench.plc.unit.holding[35] = 0xFFFF
    result = await bench.result(bench.read("bcd", "mode"))
    assert result["values"] == {"mode": "idle"}
    assert result["errors"]["bcd"]["code"] == "device_error"


@pytest.mark.parametrize(("code", "retryable"), [(1, False), (4, False), (5, False), (10, True), (11, True)])
async def test_no_exception_to_a_read_has_changed_anything(bench, code, retryable):
    with bench.plc.fault(ExceptionReply(code=code)):
        error = await bench.error(bench.read("a"))
    assert (error.code, error.outcome, error.retryable) == (
        Code.DEVICE_ERROR,
        Outcome.NOT_EXECUTED,
        retryable,
    )


async def test_a_busy_device_is_asked_again(bench):
    fault = Busy(p=1.0)
    bench.plc.add(fault)
    end = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.exceptions[6] == 2)
    bench.plc.remove(fault)
    assert (await bench.result(end))["values"] == {"a": 0}


async def test_a_device_that_stays_busy_is_told_of(bench, monkeypatch):
    monkeypatch.setattr("plcmq.devices.channel.busy.PAUSES", (0.001, 0.001))
    with bench.plc.fault(Busy(p=1.0)):
        error = await bench.error(bench.read("a"))
    assert (error.code, error.details["exception"], error.retryable) == (Code.DEVICE_ERROR, 6, True)
    assert bench.plc.evidence.exceptions[6] == 3


async def test_a_fault_of_our_own_ends_the_reads_and_not_the_reading(bench, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(bench.worker._reader.plans, "plan", lambda _tags, _now: 1 / 0)
        error = await bench.error(bench.read("a"))
    assert error.code == Code.INTERNAL
    assert error.details["reference"] in caplog.text
    await bench.result(bench.read("a"))


async def test_a_full_queue_says_busy(start_bench, monkeypatch):
    monkeypatch.setattr(reader, "QUEUE_LIMIT", 3)
    bench = await start_bench(delay=0.02)
    ends = [bench.read("a") for _ in range(4)]
    error = await bench.error(ends[3])
    assert (error.code, error.outcome, error.retryable) == (Code.BUSY, Outcome.NOT_EXECUTED, True)
    assert error.retry_after
    for end in ends[:3]:
        await bench.result(end)


async def test_a_read_whose_time_passes_in_the_queue_is_never_sent(start_bench):
    bench = await start_bench(delay=0.15)
    first = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    late = bench.read("far", timeout=SHORT)
    await bench.result(first)
    error = await bench.error(late)
    assert (error.code, error.outcome, error.retryable) == (Code.EXPIRED, Outcome.NOT_EXECUTED, True)
    await bench.result(bench.read("b"))
    assert requests(bench) == 2


async def test_a_read_whose_time_passes_while_it_waits_for_its_turn_is_never_sent(start_bench):
    bench = await start_bench(delay=0.15)
    raw = bench.submit("read_raw", {"table": "holding", "address": 600})
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    late = bench.read("far", timeout=SHORT)
    await bench.took_turn()
    await bench.result(raw)
    await bench.took_turn()
    bench.worker.expire(float("inf"))
    assert (await bench.error(late)).code == Code.EXPIRED
    await bench.result(bench.read("b"))
    assert requests(bench) == 2


async def test_a_read_whose_time_passes_while_the_device_is_asked_times_out(start_bench):
    bench = await start_bench(delay=0.2)
    end = bench.read("a", timeout=SHORT)
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    await bench.took_turn()
    bench.worker.expire(float("inf"))
    error = await bench.error(end)
    assert (error.code, error.outcome, error.retryable) == (Code.TIMEOUT, Outcome.NOT_EXECUTED, True)


async def test_expiry_ends_only_what_is_due(start_bench):
    bench = await start_bench(delay=0.05)
    short, long = bench.read("a", timeout=SHORT), bench.read("a", timeout=60)
    bench.worker.expire(bench.worker._reader._clock() + 1)
    assert short.done()
    assert (await bench.result(long))["values"] == {"a": 0}


async def test_a_silent_device_is_a_timeout(start_bench):
    bench = await start_bench(timeout=0.05)
    with bench.plc.fault(Blackhole()):
        error = await bench.error(bench.read("a"))
    assert (error.code, error.outcome) == (Code.TIMEOUT, Outcome.NOT_EXECUTED)


async def test_a_device_that_is_away_is_down_at_once(bench):
    await bench.plc.unplug()
    await bench.error(bench.read("a"))
    error = await bench.error(bench.read("a"))
    assert (error.code, error.outcome, error.retryable) == (Code.DEVICE_DOWN, Outcome.NOT_EXECUTED, True)
    assert error.retry_after is not None


@pytest.mark.parametrize("running", [False, True])
async def test_a_read_can_be_taken_back_at_any_time(start_bench, running):
    bench = await start_bench(delay=0.05)
    end = bench.read("a")
    if running:
        await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    assert await bench.result(bench.submit(CANCEL, {"job": 1})) == {"cancelled": True}
    error = await bench.error(end)
    assert (error.code, error.outcome) == (Code.CANCELLED, Outcome.NOT_EXECUTED)
    assert await bench.result(bench.submit(CANCEL, {"job": 1})) == {"cancelled": False}


async def test_a_read_taken_back_costs_the_others_nothing(start_bench):
    bench = await start_bench(delay=0.05)
    kept, taken = bench.read("a", "far"), bench.read("far")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    bench.submit(CANCEL, {"job": 2})
    assert (await bench.result(kept))["values"] == {"a": 0, "far": 0}
    assert taken.done()


async def test_closing_ends_every_read_with_its_reason(start_bench):
    bench = await start_bench(delay=0.2)
    running = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    waiting = bench.read("b")
    bench.is_closed = True
    await bench.worker.close(leaving("press-7"))
    for end in (running, waiting):
        assert (await bench.error(end)).code == Code.SHUTTING_DOWN
    assert bench.worker.depth == 0


async def test_values_of_many_reads_under_delay_are_their_own(start_bench):
    tags = {f"t{i}": Tag(f"t{i}", Table.HOLDING, 7 * i, Type.UINT16) for i in range(60)}
    bench = await start_bench(tags=tags)
    bench.plc.unit.holding[0:500] = range(500)
    bench.plc.add(Delay(seconds=0.001))
    ends = {i: bench.read(f"t{i}", f"t{i * 7 % 60}") for i in range(60)}
    for i, end in ends.items():
        values = (await bench.result(end))["values"]
        assert values == {f"t{i}": 7 * i, f"t{i * 7 % 60}": 7 * (i * 7 % 60)}


async def test_what_came_before_the_time_ran_out_is_given(start_bench):
    bench = await start_bench(delay=0.1, max_gap=0)
    end = bench.read("a", "far", "level", timeout=60)
    await bench.plc.evidence.wait_until(lambda e: e.requests == 2)
    bench.worker.expire(float("inf"))
    error = await bench.error(end)
    assert error.code == Code.TIMEOUT
    assert len(error.details["values"]) == 1
