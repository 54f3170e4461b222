"""Traps of the register map (F10)."""

import asyncio

from plcmq.devices.simulator.faults.register_map import (
    ExceptionReply,
    Hole,
    MaxRegisters,
    NoFunction,
    SelfReset,
    Tear,
    WholeObject,
)


async def test_an_exception_at_will(plc, master):
    with plc.fault(ExceptionReply(code=4, functions=frozenset({6}))):
        assert await master.ask("06 0000 0001") == "8604"
        assert await master.ask("03 0000 0001") == "03020000"
    assert plc.evidence.writes == 0
    assert plc.evidence.exceptions == {4: 1}


async def test_an_exception_after_the_write_was_carried_out(plc, master):
    with plc.fault(ExceptionReply(code=5, execute=True)):
        assert await master.ask("06 0000 0001") == "8605"
    assert plc.unit.holding[0] == 1


async def test_a_function_that_is_not_there(plc, master):
    with plc.fault(NoFunction(functions=frozenset({6}))):
        assert await master.ask("06 0000 0001") == "8601"


async def test_a_read_that_is_too_long(plc, master):
    with plc.fault(MaxRegisters(registers=32)):
        assert await master.ask("03 0000 0021") == "8303"
        assert (await master.ask("03 0000 0020")).startswith("0340")


async def test_a_hole_spoils_the_whole_read(plc, master):
    with plc.fault(Hole(address=5)):
        assert await master.ask("03 0000 0006") == "8302"
        assert await master.ask("03 0000 0005") != "8302"
        assert await master.ask("04 0005 0001") == "04020000"


async def test_an_object_is_read_whole_or_not_at_all(plc, master):
    with plc.fault(WholeObject(address=10, count=2)):
        assert await master.ask("03 000a 0001") == "8302"
        assert await master.ask("03 000a 0002") == "030400000000"
        assert (await master.ask("03 0000 0014")).startswith("0328")


async def test_a_value_read_in_two_parts_is_torn(plc, master):
    with plc.fault(Tear(address=10)) as tear:
        assert await master.ask("03 000a 0002") == "030400010001"
        assert await master.ask("03 000a 0001") == "03020002"
        assert await master.ask("03 000b 0001") == "03020003"
        assert plc.evidence.faults == {"tear": 2}
        assert tear.struck == 0, "the evidence has taken it over"


async def test_a_register_falls_back(plc, master):
    plc.unit.holding[3] = 5
    with plc.fault(SelfReset(address=3)):
        assert await master.ask("06 0003 0009") == "0600030009"
        assert await master.ask("03 0003 0001") == "03020005"


async def test_a_register_falls_back_later(plc, master):
    with plc.fault(SelfReset(address=3, after_seconds=0.4)):
        await master.ask("06 0003 0009")
        assert plc.unit.holding[3] == 9
        async with asyncio.timeout(5):
            while plc.unit.holding[3]:
                await asyncio.sleep(0.005)
