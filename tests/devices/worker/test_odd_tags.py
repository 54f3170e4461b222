"""Tags as manuals describe them, on a simulated PLC: exponents, parts of registers, what is read alone."""

import pytest
from plcmq.client.protocol.errors import Code
from plcmq.devices.model.actions import Action, Check, Wait, Write
from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.model.tags import Access, Table, Tag, Type, Verify
from plcmq.devices.simulator.faults.register_map import Hole

RW, H, U16, I16 = Access.RW, Table.HOLDING, Type.UINT16, Type.INT16
NONE = frozenset({-32768})
TAGS = {
    tag.name: tag
    for tag in (
        Tag("power", H, 0, I16, RW, scale_exponent="power_sf", no_value=NONE, precision=2),
        Tag("power_sf", H, 30, I16, no_value=NONE),
        Tag("speed", H, 1, U16, RW),
        Tag("mode", H, 2, U16, RW, bits=(4, 6)),
        Tag("on", H, 2, Type.BOOL, RW, bit=0),
        Tag("low", H, 3, Type.INT8, RW, byte="low"),
        Tag("high", H, 3, Type.UINT8, RW, byte="high"),
        Tag("alarms", H, 4, U16, flags={0: "hot", 3: "door"}),
        Tag("event", H, 5, U16, alone=True),
        Tag("code", H, 6, U16, Access.WO, verify=Verify("speed")),
        Tag("single", H, 7, U16, RW, write_function=6),
        Tag("many", H, 8, U16, RW, write_function=16),
        Tag("name", H, 10, Type.STRING, RW, length=6, header="s7"),
        Tag("odd", H, 20, Type.UINT64, RW, order="EFGHABCD"),
    )
}


@pytest.fixture
async def bench(start_bench):
    bench = await start_bench(
        Action("await", steps=(Wait({"power": 1200}, timeout=0.2, poll=0.02), Check({"mode": 5}))),
        Action("set", steps=(Write({"power": 500}),)),
        tags=TAGS,
        max_gap=100,
    )
    bench.plc.unit.holding[30] = 1
    return bench


def requests(bench):
    return bench.plc.evidence.requests


async def test_a_value_and_its_exponent_are_read_in_one_request(bench):
    bench.plc.unit.holding[0] = 120
    before = requests(bench)
    result = await bench.result(bench.read("power"))
    assert result["values"] == {"power": 1200}
    assert result["age"].keys() == {"power"}
    assert requests(bench) == before + 1


async def test_an_exponent_that_changes_is_followed_and_none_is_none(bench):
    bench.plc.unit.holding[0] = 12345
    for exponent, value in ((-2, 123.45), (-3, 12.35), (2, 1234500), (-32768, None)):
        bench.plc.unit.holding[30] = exponent & 0xFFFF
        assert (await bench.result(bench.read("power")))["values"] == {"power": value}


async def test_where_the_two_cannot_be_joined_they_are_read_apart(start_bench):
    bench = await start_bench(tags=TAGS, max_registers=10)
    bench.plc.unit.holding[0], bench.plc.unit.holding[30] = 7, 1
    assert (await bench.result(bench.read("power", "speed")))["values"] == {"power": 70, "speed": 0}


async def test_a_hole_between_the_two_costs_no_value(bench):
    bench.plc.add(Hole(table=H, address=25))
    for _ in range(3):
        result = await bench.result(bench.read("power", "power_sf"))
    assert result["values"] == {"power": 0, "power_sf": 1}


async def test_an_exponent_that_cannot_be_read_fails_its_tag(bench):
    bench.plc.add(Hole(table=H, address=30))
    for _ in range(3):
        result = await bench.result(bench.read("power", "speed"))
    assert result["values"] == {"speed": 0}
    assert result["errors"]["power"]["code"] == "device_error"


async def test_writing_uses_the_exponent_and_reads_it_first_where_it_is_old(bench):
    await bench.result(bench.write({"power": 500}, verify=True))
    assert bench.plc.unit.holding[0] == 50
    reads = bench.plc.evidence.functions[3]
    await bench.result(bench.read("power"))
    await bench.result(bench.submit("set"))
    assert bench.plc.evidence.functions[3] == reads + 1, "the exponent was read a moment ago"


async def test_a_value_without_an_exponent_cannot_be_written(bench):
    bench.plc.unit.holding[30] = 0x8000
    error = await bench.error(bench.write({"power": 500}))
    assert error.code == Code.BAD_ARGS
    assert bench.plc.evidence.writes == 0


async def test_steps_see_the_value_and_not_the_raw_number(bench):
    bench.plc.unit.holding[0], bench.plc.unit.holding[2] = 120, 5 << 4
    await bench.result(bench.submit("await"))


@pytest.mark.parametrize("more", [set(), {22}])
async def test_parts_of_one_register_are_written_in_one_transaction(start_bench, more):
    bench = await start_bench(tags=TAGS, functions=LinkSettings().functions | more)
    bench.plc.unit.holding[2] = 0xFF0E
    await bench.result(bench.write({"mode": 5, "on": True}))
    assert bench.plc.unit.holding[2] == 0xFF5F
    assert bench.plc.evidence.writes == 1
    await bench.result(bench.write({"low": -2, "high": 200}, verify=True))
    assert bench.plc.unit.holding[3] == 0xC8FE
    assert bench.plc.evidence.writes == 2


async def test_flags_are_names(bench):
    bench.plc.unit.holding[4] = 0b101001
    assert (await bench.result(bench.read("alarms")))["values"] == {"alarms": ["hot", "door", "bit5"]}


async def test_what_is_read_alone_is_in_no_other_request(bench):
    result = await bench.result(bench.read("alarms", "event", "single"))
    assert result["values"].keys() == {"alarms", "event", "single"}
    plan = bench.worker._reader.plans.plan(frozenset({"alarms", "event", "single"}), 0.0)
    assert sorted((block.span.address, block.span.count) for block in plan.blocks) == [(4, 1), (5, 1), (7, 1)]


async def test_what_is_only_written_is_not_read(bench):
    with pytest.raises(Exception, match="only written"):
        bench.kind.fit("read", {"tags": ["code"]})
    bench.plc.unit.holding[1] = 9
    await bench.result(bench.write({"code": 9}))
    assert bench.plc.unit.holding[6] == 9


async def test_each_tag_is_written_with_its_own_function(bench):
    await bench.result(bench.write({"single": 1, "many": 2}))
    functions = bench.plc.evidence.functions
    assert (functions[6], functions[16]) == (1, 1)


async def test_the_length_that_a_text_may_have_is_left_as_it_is(bench):
    bench.plc.unit.holding[10] = 0xFE00
    await bench.result(bench.write({"name": "AB"}, verify=True))
    assert bench.plc.unit.holding[10:14] == [0xFE02, 0x4142, 0, 0]
    assert bench.plc.evidence.writes == 1


async def test_halves_in_any_order(bench):
    await bench.result(bench.write({"odd": 0x0123456789ABCDEF}, verify=True))
    assert bench.plc.unit.holding[20:24] == [0x89AB, 0xCDEF, 0x0123, 0x4567]
