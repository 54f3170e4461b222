"""A simulated PLC with tags, as other tests use it."""

import pytest
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.simulator.plant import Pace
from plcmq.devices.simulator.plc import SimulatedPlc

FAST = Pace(reaction=0.02, batch=0.4)
START, STOP = "05 0000 ff00", "05 0000 0000"


async def test_a_master_can_run_a_batch_and_another(press, join):
    async with SimulatedPlc(press, name="press-1", pace=FAST) as plc:
        master = await join(plc)
        for number in (1, 2):
            await plc.evidence.wait_until(lambda _: plc.get("running") is False)
            await master.ask("10 0000 0002 04 000f 0003")
            await master.ask(START)
            await plc.evidence.wait_until(lambda _: plc.get("running") is True)
            assert await master.ask("02 0000 0001") == "020101"
            assert await master.ask("03 000a 0003") == f"03060000{number:04x}0001"
            await master.ask(STOP)
        assert plc.unit.holding[0:2] == [15, 3]
        assert plc.evidence.strokes == {
            "press-1.batch_size": 2,
            "press-1.nok_limit": 2,
            "press-1.start": 4,
        }
        assert plc.evidence.rises["press-1.start"] == 2


async def test_tags_are_set_and_read_by_name(press, join):
    async with SimulatedPlc(press) as plc:
        plc.set("temperature", 21.5)
        assert plc.get("temperature") == 21.5
        assert await (await join(plc)).ask("04 0000 0001") == "040200d7"


async def test_a_stroke_of_a_bit_is_its_change(join):
    tags = {
        name: Tag(name, Table.HOLDING, 0, Type.BOOL, Access.RW, bit=bit)
        for bit, name in enumerate(("lamp", "pump"))
    }
    async with SimulatedPlc(Profile("p", tags)) as plc:
        master = await join(plc)
        await master.ask("06 0000 0002")
        await master.ask("16 0000 fffe 0001")
        assert plc.evidence.strokes == {"plc.pump": 1, "plc.lamp": 1}


async def test_several_devices_share_an_endpoint(press, join):
    async with SimulatedPlc(press, name="a", pace=FAST) as plc:
        plc.add_unit(2, press, "b")
        master = await join(plc)
        await master.ask(START, unit=2)
        await plc.evidence.wait_until(lambda _: plc.plants["b"].get("running") is True)
        assert plc.plants["a"].get("running") is False
        assert plc.evidence.strokes == {"b.start": 1}


async def test_writing_from_the_test_is_no_stroke(plc):
    plc.unit.holding[0] = 1
    assert plc.evidence.writes == 0


async def test_a_fault_is_gone_after_its_block_even_when_that_fails(plc, master):
    with pytest.raises(ZeroDivisionError), plc.fault(Blackhole()):
        _ = 1 / 0
    assert plc.endpoint.faults == []
    assert await master.ask("03 0000 0001") == "03020000"


async def test_faults_that_look_alike_are_not_confused(plc):
    first, second = Blackhole(), Blackhole()
    plc.add(first)
    plc.add(second)
    plc.remove(second)
    assert plc.endpoint.faults[0] is first


async def test_it_can_be_stopped_twice_and_asked_for_its_evidence_then(press):
    plc = SimulatedPlc(press)
    plc.start()
    await plc.stop()
    await plc.stop()
    assert plc.evidence.sockets.open == 0
    with pytest.raises(RuntimeError, match="not running"):
        plc.add(Blackhole())


def test_without_a_profile_there_are_no_tags():
    with pytest.raises(LookupError, match="without a profile"):
        SimulatedPlc().get("temperature")
