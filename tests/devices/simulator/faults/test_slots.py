"""A simulated PLC that takes only a few connections (F3)."""

import asyncio

import pytest
from plcmq.devices.simulator.faults.slots import Full, SlotLimit
from plcmq.devices.simulator.plc import SimulatedPlc

READ = "03 0000 0001"


async def test_one_too_many_is_reset_and_seen(join):
    async with SimulatedPlc(max_connections=1) as plc:
        first = await join(plc)
        with pytest.raises(ConnectionResetError):
            await (await join(plc)).rest()
        assert await first.ask(READ) == "03020000"
        assert (plc.evidence.sockets.peak, plc.evidence.sockets.turned_away) == (2, 1)


async def test_one_too_many_is_closed(join):
    async with SimulatedPlc(max_connections=1, overflow=Full.CLOSE) as plc:
        await join(plc)
        assert await (await join(plc)).rest() == b""


async def test_a_full_plc_refuses_and_takes_the_next_when_a_slot_is_free(join):
    async with SimulatedPlc(max_connections=1, overflow=Full.REFUSE) as plc:
        first = await join(plc)
        await plc.evidence.wait_until(lambda e: e.sockets.open == 1)
        with pytest.raises(ConnectionRefusedError):
            await join(plc)
        await first.close()
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        assert await (await join(plc)).ask(READ) == "03020000"
        assert plc.evidence.sockets.peak == 1


async def test_a_new_connection_may_kill_the_oldest(join):
    async with SimulatedPlc(max_connections=2, overflow=Full.KILL_OLDEST) as plc:
        masters = [await join(plc) for _ in range(3)]
        assert await masters[0].rest() == b""
        assert await masters[1].ask(READ) == await masters[2].ask(READ) == "03020000"


async def test_one_too_many_may_never_be_answered(join):
    async with SimulatedPlc(max_connections=1, overflow=Full.ACCEPT_SILENT) as plc:
        first, second = await join(plc), await join(plc)
        second.send(READ)
        await first.ask(READ)
        await asyncio.sleep(0.02)
        assert second.silent()
        assert plc.evidence.requests == 1


async def test_a_closed_connection_may_hold_its_slot_for_a_time(plc, join):
    with plc.fault(SlotLimit(max=1, overflow=Full.REFUSE, half_open_hold=0.5)):
        await (await join(plc)).close()
        await plc.evidence.wait_until(lambda e: e.sockets.opened == 1 and e.sockets.open == 0)
        with pytest.raises(ConnectionRefusedError):
            await join(plc)
        async with asyncio.timeout(5):
            while True:
                try:
                    await join(plc)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.02)
