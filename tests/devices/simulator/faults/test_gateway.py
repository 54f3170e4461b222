"""A gateway with dead or misnumbered units behind it (F9)."""

from time import monotonic

from plcmq.devices.simulator.faults.gateway import DeadUnit, WrongUnit

READ = "03 0000 0001"


async def test_a_dead_unit_is_silent_and_blocks_the_bus(plc, master):
    plc.add_unit(2)
    with plc.fault(DeadUnit(units=frozenset({2}), block=0.1)):
        begin = monotonic()
        master.send(READ, unit=2)
        assert await master.ask(READ, unit=1) == "03020000"
        assert monotonic() - begin >= 0.1


async def test_the_gateway_may_say_that_a_unit_is_dead(plc, master):
    with plc.fault(DeadUnit(units=frozenset({2}), block=0.02, code=11)):
        assert await master.ask(READ, unit=2) == "830b"


async def test_a_reply_may_come_from_unit_0(plc, master):
    with plc.fault(WrongUnit(reply_unit=0)):
        sent = master.send(READ)
        assert await master.receive() == (sent, 0, "03020000")
