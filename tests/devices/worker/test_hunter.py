"""What can be read of a request that failed as a whole, tried on a simulated PLC."""

import pytest
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.faults.register_map import Hole, MaxRegisters
from plcmq.devices.simulator.faults.silence import Blackhole

A = {"table": Table.HOLDING, "address": 0}
B = {"table": Table.HOLDING, "address": 1}


def requests(bench):
    return bench.plc.evidence.requests


@pytest.mark.parametrize("code", [1, 3, 4])
async def test_a_value_that_is_refused_does_not_spoil_the_reads_of_others(bench, code):
    bench.plc.add(Hole(**B, code=code))
    result = await bench.result(bench.read("a", "b", "long"))
    assert result["values"].keys() == {"a", "long"}
    assert result["errors"]["b"]["details"]["exception"] == code
    before = requests(bench)
    again = await bench.result(bench.read("a", "b", "long"))
    assert again["values"].keys() == {"a", "long"}
    assert requests(bench) - before == 3, "b stands between the others, so each is read apart, and only once"


async def test_a_refused_value_is_asked_each_time_and_is_there_as_soon_as_it_answers(bench):
    fault = Hole(**B, code=4)
    bench.plc.add(fault)
    await bench.result(bench.read("a", "b"))
    bench.plc.remove(fault)
    assert (await bench.result(bench.read("a", "b")))["values"].keys() == {"a", "b"}


async def test_a_limit_that_the_device_tells_by_exception_3_is_learned(bench):
    bench.plc.add(MaxRegisters(registers=10, code=3))
    names = ("a", "b", "long", "text", "mode")
    told = []
    for _ in range(6):
        assert (await bench.result(bench.read(*names)))["values"].keys() == set(names)
        told.append(bench.plc.evidence.exceptions[3])
    assert told[-3:] == [told[-1]] * 3


async def test_values_that_are_met_with_silence_together_are_asked_one_by_one(start_bench):
    bench = await start_bench(timeout=0.1)
    bench.plc.add(Hole(**B, code=0))
    result = await bench.result(bench.read("a", "b", "long"))
    assert result["values"].keys() == {"a", "long"}
    assert result["errors"]["b"]["code"] == "timeout"
    silent = bench.channel.tally.timeouts
    await bench.result(bench.read("a", "long"))
    assert bench.channel.tally.timeouts == silent, "the silent one is read apart from then on"


async def test_a_device_that_falls_silent_teaches_nothing_and_is_not_asked_one_by_one(start_bench):
    bench = await start_bench(timeout=0.1)
    await bench.result(bench.read("a", "b", "long"))
    with bench.plc.fault(Blackhole()):
        before = requests(bench)
        assert (await bench.error(bench.read("a", "b", "long"))).code == "timeout"
        assert requests(bench) == before + 1
    assert "0 holes" in repr(bench.worker)
