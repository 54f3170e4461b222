"""Writing tags of a simulated PLC: in which requests, read back how, and with which outcome."""

import asyncio
from dataclasses import dataclass

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.model.tags import Table
from plcmq.devices.protocol.messages import CANCEL
from plcmq.devices.simulator.faults.base import Close, RequestFault
from plcmq.devices.simulator.faults.pace import Busy
from plcmq.devices.simulator.faults.register_map import ExceptionReply, Hole, NoFunction, SelfReset
from plcmq.devices.simulator.faults.silence import Blackhole, Loss, ReplyLost


@dataclass(kw_only=True, eq=False)
class Clamp(RequestFault):
    """Answers a write of one register as if it had written 100."""

    def before(self, exchange):
        if exchange.function == 6:
            exchange.answer = exchange.pdu[:3] + (100).to_bytes(2)


NOT, DONE, UNKNOWN = Outcome.NOT_EXECUTED, Outcome.EXECUTED, Outcome.UNKNOWN
ALL = LinkSettings().functions
SHORT = 0.1  # seconds: a deadline that passes soon


def functions(bench):
    """The requests by function code."""
    return {code: count for code, count in enumerate(bench.plc.evidence.functions) if count}


def says(error, code, outcome):
    assert (error.code, error.outcome) == (code, outcome), error
    return error.details


async def test_values_of_every_kind_reach_the_memory(start_bench):
    bench = await start_bench()
    values = {"a": 7, "long": 65538, "text": "ABC", "mode": "running", "flag": True, "bcd": 1234}
    values |= {"start": True, "lamps": [True, False, True]}
    assert await bench.result(bench.write(values)) == {"written": list(values)}
    unit = bench.plc.unit
    assert unit.holding[0] == 7
    assert unit.holding[10:12] == [1, 2]
    assert unit.holding[20:24] == [0x4142, 0x4300, 0, 0]
    assert unit.holding[29:31] == [1, 0b1000]
    assert unit.holding[35] == 0x1234
    assert [unit.coils[0], *unit.coils[9:12]] == [1, 1, 0, 1]


async def test_adjacent_values_are_one_request_and_the_order_is_kept(start_bench):
    bench = await start_bench()
    await bench.result(bench.write({"a": 1, "b": 2}))
    assert functions(bench) == {16: 1}
    await bench.result(bench.write({"b": 4, "a": 3}))
    assert functions(bench) == {16: 1, 6: 2}
    assert bench.plc.unit.holding[0:2] == [3, 4]


@pytest.mark.parametrize(
    ("has", "values", "used"),
    [
        ({5, 6, 15, 16}, {"a": 1}, {6: 1}),
        ({5, 15, 16}, {"a": 1}, {16: 1}),
        ({5, 6, 15, 16}, {"long": 65538}, {16: 1}),
        ({5, 6, 15}, {"long": 65538}, {6: 2}),
        ({5, 6, 15, 16}, {"start": True}, {5: 1}),
        ({6, 15, 16}, {"start": True}, {15: 1}),
        ({5, 6, 15, 16}, {"lamps": [True, True, False]}, {15: 1}),
        ({5, 6, 16}, {"lamps": [True, True, False]}, {5: 3}),
        ({5, 6, 15, 16, 22}, {"flag": True}, {22: 1}),
        ({3, 5, 6, 15, 16}, {"flag": True}, {3: 1, 6: 1}),
        ({3, 5, 15, 16}, {"flag": True}, {3: 1, 16: 1}),
        ({3, 6, 23}, {"text": "ab"}, {23: 1}),
        ({3, 23}, {"a": 7}, {23: 1}),
    ],
)
async def test_only_function_codes_that_the_device_has_are_used(start_bench, has, values, used):
    bench = await start_bench(functions=frozenset(has))
    bench.plc.add(NoFunction(functions=ALL - has | {22} - has))
    await bench.result(bench.write(values))
    assert functions(bench) == used
    name = next(iter(values))
    bench.plc.remove(bench.plc.endpoint.faults[-1])
    codec = bench.kind.codecs[name]
    tag = codec.tag
    if tag.table is Table.HOLDING:
        assert codec.decode(bench.plc.unit.load(tag.table, tag.address, codec.width), 0) == values[name]
    else:
        bits = bench.plc.unit.coils[tag.address : tag.address + codec.width]
        assert bits == (values[name] if codec.width > 1 else [values[name]])


@pytest.mark.parametrize("mask_write", [True, False])
@pytest.mark.parametrize("value", [True, False])
async def test_a_bit_is_written_and_its_neighbours_stay(start_bench, mask_write, value):
    bench = await start_bench(functions=ALL | {22} if mask_write else ALL)
    bench.plc.unit.holding[30] = 0b1010_0101_1010_0101 ^ (0 if value else 8)
    await bench.result(bench.write({"flag": value}))
    assert bench.plc.unit.holding[30] == (0b1010_0101_1010_0101 | 8 if value else 0b1010_0101_1010_0101)


@pytest.mark.parametrize(("has", "name"), [({3, 5}, "a"), ({3, 6}, "start"), ({6}, "flag"), ({3}, "flag")])
async def test_what_no_function_code_can_write_is_refused_before_anything_is_sent(start_bench, has, name):
    bench = await start_bench(functions=frozenset(has))
    error = await bench.error(bench.write({name: True if name != "a" else 1}))
    assert says(error, Code.BAD_ARGS, NOT)["path"] == f"rqargs.values.{name}"
    assert bench.plc.evidence.requests == 0


async def test_a_value_longer_than_the_device_takes_is_refused_whole(start_bench):
    bench = await start_bench(max_write_registers=2)
    says(await bench.error(bench.write({"a": 1, "text": "x"})), Code.BAD_ARGS, NOT)
    assert bench.plc.evidence.requests == 0


async def test_raw_registers_and_bits_are_written(start_bench):
    bench = await start_bench()
    for table, values in (("holding", [1, 65535]), ("coil", [1, False, True])):
        args = {"table": table, "address": 50, "values": values}
        assert await bench.result(bench.submit("write_raw", args)) == {}
    assert bench.plc.unit.holding[50:52] == [1, 65535]
    assert bench.plc.unit.coils[50:53] == [1, 0, 1]


@pytest.mark.parametrize(
    ("code", "outcome", "retryable"),
    [
        (1, NOT, False),
        (2, NOT, False),
        (3, NOT, False),
        (4, UNKNOWN, False),
        (5, UNKNOWN, False),
        (6, NOT, True),
        (10, NOT, True),
        (11, UNKNOWN, False),
    ],
)
async def test_an_exception_to_a_write_has_the_protocols_outcome(
    bench, monkeypatch, code, outcome, retryable
):
    monkeypatch.setattr("plcmq.devices.channel.busy.PAUSES", ())
    with bench.plc.fault(ExceptionReply(code=code)):
        error = await bench.error(bench.write({"a": 1}))
    details = says(error, Code.DEVICE_ERROR, outcome)
    assert ("hint" in details) == (code in (1, 3))
    assert {name: value for name, value in details.items() if name != "hint"} == {
        "exception": code,
        "name": error.details["name"],
        "function": 6,
    }
    assert error.retryable is retryable


@pytest.mark.parametrize("mode", list(Loss))
@pytest.mark.parametrize("values", [{"a": 1}, {"a": 1, "b": 2}, {"start": True}, {"lamps": [True] * 3}])
async def test_a_write_whose_reply_is_lost_is_unknown_and_never_sent_again(start_bench, mode, values):
    bench = await start_bench(timeout=0.05)
    with bench.plc.fault(ReplyLost(mode=mode, delay=0.07)):
        error = await bench.error(bench.write(values))
        says(error, Code.OUTCOME_UNKNOWN, UNKNOWN)
        assert not error.retryable
    await bench.result(bench.read("far"))
    assert bench.plc.evidence.writes == 1
    assert bench.plc.evidence.sockets.peak == 1


async def test_a_device_that_refuses_connections_has_not_been_written(bench):
    await bench.plc.unplug(Close.FIN)
    error = await bench.error(bench.write({"a": 1}))
    says(error, Code.DEVICE_DOWN, NOT)
    assert error.retryable


async def test_a_bit_that_could_not_be_read_first_has_not_been_written(start_bench):
    bench = await start_bench(timeout=0.05)
    with bench.plc.fault(Blackhole(functions=frozenset({3}))):
        says(await bench.error(bench.write({"flag": True})), Code.TIMEOUT, NOT)
    assert bench.plc.evidence.writes == 0


async def test_a_busy_device_is_asked_again_and_written_once(bench):
    fault = Busy(p=1.0)
    bench.plc.add(fault)
    end = bench.write({"a": 1})
    await bench.plc.evidence.wait_until(lambda e: e.exceptions[6] == 2)
    bench.plc.remove(fault)
    await bench.result(end)
    assert bench.plc.evidence.writes == 1


async def test_a_write_that_is_refused_halfway_says_what_was_written(bench):
    bench.plc.add(Hole(table=Table.HOLDING, address=500))
    error = await bench.error(bench.write({"a": 1, "far": 2, "long": 3}))
    details = says(error, Code.ACTION_FAILED, DONE)
    assert details["written"] == ["a"]
    assert details["cause"]["code"] == "device_error"
    assert details["exception"] == 2
    assert not error.retryable
    assert bench.plc.unit.holding[10:12] == [0, 0]


async def test_a_value_of_which_only_a_part_was_written_is_not_not_executed(start_bench):
    bench = await start_bench(functions=ALL - {16})
    bench.plc.add(Hole(table=Table.HOLDING, address=11))
    details = says(await bench.error(bench.write({"long": 65538})), Code.ACTION_FAILED, DONE)
    assert details["written"] == []
    assert bench.plc.unit.holding[10] == 1


async def test_without_a_function_for_many_whole_values_are_named_as_written(start_bench):
    bench = await start_bench(functions=ALL - {16})
    bench.plc.add(Hole(table=Table.HOLDING, address=1))
    assert (await bench.error(bench.write({"a": 1, "b": 2}))).details["written"] == ["a"]


async def test_a_raw_write_that_is_refused_halfway_is_not_not_executed(start_bench):
    bench = await start_bench(functions=ALL - {16})
    bench.plc.add(Hole(table=Table.HOLDING, address=52))
    args = {"table": "holding", "address": 50, "values": [1, 2, 3]}
    says(await bench.error(bench.submit("write_raw", args)), Code.ACTION_FAILED, DONE)


async def test_a_second_write_without_an_answer_is_unknown_and_names_the_first(start_bench):
    bench = await start_bench(timeout=0.05)
    bench.plc.add(ReplyLost(functions=frozenset({16})))
    error = await bench.error(bench.write({"a": 1, "long": 2}))
    assert says(error, Code.OUTCOME_UNKNOWN, UNKNOWN)["written"] == ["a"]


async def test_verify_compares_what_the_device_holds_then(start_bench):
    bench = await start_bench()
    values = {"a": 1, "mode": 1, "flag": True, "text": "ok", "lamps": [True, False, True], "long": 2**31}
    assert await bench.result(bench.write(values, verify=True)) == {"written": list(values)}
    bench.plc.add(SelfReset(table=Table.HOLDING, address=0))
    error = await bench.error(bench.write({"a": 5, "far": 6}, verify=True))
    assert says(error, Code.VERIFY_FAILED, DONE) == {"written": {"a": 5}, "read": {"a": 1}}


async def test_a_tag_that_wants_it_is_verified_without_being_asked(start_bench):
    bench = await start_bench()
    await bench.result(bench.write({"checked": 1}))
    assert functions(bench) == {6: 1, 3: 1}
    bench.plc.add(SelfReset(table=Table.HOLDING, address=40))
    says(await bench.error(bench.write({"checked": 2})), Code.VERIFY_FAILED, DONE)


async def test_another_tag_is_read_back_after_its_settle_time(start_bench):
    bench = await start_bench()
    end = bench.write({"wished": 9})
    await bench.plc.evidence.wait_until(lambda e: e.writes == 1)
    bench.plc.unit.holding[42] = 9
    await bench.result(end)
    details = says(await bench.error(bench.write({"wished": 10})), Code.VERIFY_FAILED, DONE)
    assert details == {"written": {"wished": 10}, "read": {"wished": 9}}


async def test_a_write_that_cannot_be_read_back_is_written_all_the_same(start_bench):
    bench = await start_bench(timeout=0.05)
    bench.plc.add(Blackhole(functions=frozenset({3})))
    details = says(await bench.error(bench.write({"a": 1}, verify=True)), Code.VERIFY_FAILED, DONE)
    assert details["cause"]["code"] == "timeout"
    assert details["read"] is None


async def test_a_write_that_fails_is_not_read_back(bench):
    bench.plc.add(ExceptionReply(code=3, functions=frozenset({6})))
    reads = bench.plc.evidence.reads
    says(await bench.error(bench.write({"a": 1}, verify=True)), Code.DEVICE_ERROR, NOT)
    assert bench.plc.evidence.reads == reads


async def test_no_time_to_read_back_is_told_before_the_deadline(start_bench):
    bench = await start_bench()
    bench.plc.unit.holding[42] = 1
    details = says(await bench.error(bench.write({"wished": 1}, timeout=0.04)), Code.VERIFY_FAILED, DONE)
    assert details["cause"]["code"] == "expired"
    assert functions(bench) == {6: 1}


async def test_a_write_whose_time_passes_while_it_waits_for_its_turn_is_never_sent(start_bench):
    bench = await start_bench(delay=0.3)
    read = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    late = bench.write({"a": 1}, timeout=SHORT)
    says(await bench.error(late), Code.EXPIRED, NOT)
    assert not read.done(), "it was told when its time was up"
    await bench.result(read)
    await bench.result(bench.read("b"))
    assert bench.plc.evidence.writes == 0


async def test_a_write_is_not_sent_when_the_connection_comes_too_late(start_bench):
    bench = await start_bench(connect_delay=0.2)
    says(await bench.error(bench.write({"a": 1}, timeout=SHORT)), Code.EXPIRED, NOT)
    await bench.result(bench.read("a"))
    assert bench.plc.evidence.writes == 0


async def test_a_write_that_has_been_sent_is_waited_for_beyond_its_deadline(start_bench):
    bench = await start_bench(delay=0.15)
    assert await bench.result(bench.write({"a": 1}, timeout=SHORT)) == {"written": ["a"]}


async def test_time_that_runs_out_between_two_writes_tells_what_was_written(start_bench):
    bench = await start_bench(delay=0.15)
    error = await bench.error(bench.write({"a": 1, "far": 2}, timeout=SHORT))
    details = says(error, Code.ACTION_FAILED, DONE)
    assert details["written"] == ["a"]
    assert details["cause"]["code"] == "expired"
    assert bench.plc.unit.holding[500] == 0


async def test_a_write_that_waits_for_its_turn_can_be_taken_back(start_bench):
    bench = await start_bench(delay=0.1)
    read = bench.read("a")
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    write = bench.write({"a": 1})
    await bench.took_turn()
    assert await bench.result(bench.submit(CANCEL, {"job": 2})) == {"cancelled": True}
    says(await bench.error(write), Code.CANCELLED, NOT)
    assert not read.done()
    await bench.result(bench.write({"b": 2}))
    assert bench.plc.unit.holding[0:2] == [0, 2]


async def test_a_write_that_has_been_sent_cannot_be_taken_back(start_bench):
    bench = await start_bench(delay=0.05)
    write = bench.write({"a": 1})
    await bench.plc.evidence.wait_until(lambda e: e.requests == 1)
    assert await bench.result(bench.submit(CANCEL, {"job": 1})) == {"cancelled": False}
    assert await bench.result(write) == {"written": ["a"]}


async def test_what_is_read_during_a_write_is_never_taken_for_recent(start_bench):
    bench = await start_bench(delay=0.01)
    for value in range(10):
        reads = [bench.read("a") for _ in range(3)]
        write = bench.write({"a": value})
        await bench.result(write)
        assert (await bench.result(bench.read("a", max_age=60)))["values"] == {"a": value}
        await asyncio.gather(*reads)


async def test_a_device_that_confirms_another_value_has_executed_the_write(bench):
    bench.plc.add(Clamp())
    error = await bench.error(bench.write({"a": 500}))
    details = says(error, Code.VERIFY_FAILED, DONE)
    assert (details["written"], details["read"]) == ({"a": 500}, {"a": 100})
