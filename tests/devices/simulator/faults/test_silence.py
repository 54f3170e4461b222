"""A simulated PLC that does not answer, answers too late, or goes away (F1, F2, F4, F5)."""

import asyncio

import pytest
from plcmq.devices.simulator.faults.base import Close, Peer, Scene
from plcmq.devices.simulator.faults.silence import (
    Blackhole,
    IdleClose,
    Lateness,
    LateReplies,
    Loss,
    PlcStop,
    PowerCycle,
    ReplyLost,
    Unplug,
)

READ = "03 0000 0001"
WRITE = "06 0000 0007"
GOOD = "03020000"


async def test_a_blackhole_takes_everything_and_answers_nothing(plc, master):
    with plc.fault(Blackhole()):
        master.send(READ)
        master.send(WRITE)
        await plc.evidence.wait_until(lambda e: e.requests == 2)
        await asyncio.sleep(0.02)
        assert master.silent()
    assert await master.ask(READ) == GOOD, "and is gone afterwards"
    assert plc.evidence.writes == 0


async def test_a_lost_reply_leaves_the_write_applied(plc, master):
    with plc.fault(ReplyLost()):
        master.send(WRITE)
        await plc.evidence.wait_until(lambda e: e.writes == 1)
        assert await master.ask(READ) == "03020007", "reads are answered"


async def test_instead_of_the_reply_comes_a_fin(plc, master):
    with plc.fault(ReplyLost(mode=Loss.FIN)):
        master.send(WRITE)
        assert await master.rest() == b""
    assert plc.evidence.writes == 1


async def test_instead_of_the_reply_comes_a_reset(plc, master):
    with plc.fault(ReplyLost(mode=Loss.RST)):
        master.send(WRITE)
        with pytest.raises(ConnectionResetError):
            await master.rest()
    assert plc.evidence.sockets.closed["server"] == 1


async def test_a_late_reply_is_passed_by_others(plc, master):
    with plc.fault(ReplyLost(mode=Loss.DELAY, delay=0.05)):
        write, read = master.send(WRITE), master.send(READ)
        assert [(await master.receive())[0] for _ in range(2)] == [read, write]


async def test_a_refused_write_keeps_its_reply(plc, master):
    plc.unit.size = 5
    with plc.fault(ReplyLost()):
        assert await master.ask("06 0009 0001") == "8602"


async def test_every_second_reply_waits_for_the_next_request(plc, master):
    with plc.fault(LateReplies(every_n=2, mode=Lateness.OFF_BY_ONE)):
        sent = [master.send(READ) for _ in range(2)]
        assert (await master.receive())[0] == sent[0]
        sent.append(master.send(READ))
        assert [(await master.receive())[0] for _ in range(2)] == sent[1:]


async def test_every_second_reply_has_no_transaction_id(plc, master):
    with plc.fault(LateReplies(every_n=2, mode=Lateness.ZERO)):
        sent = [master.send(READ) for _ in range(2)]
        assert [(await master.receive())[0] for _ in sent] == [sent[0], 0]


async def test_a_stopped_plc_is_silent_and_then_busy(plc, master):
    with plc.fault(PlcStop(silent=0.3)):
        master.send(READ)
        await asyncio.sleep(0.32)
        assert await master.ask(READ) == "8306"


async def test_an_unplugged_cable_tells_nobody(plc, master, join):
    await master.ask(READ)
    with plc.fault(Unplug(close=Close.SILENT)):
        master.send(READ)
        with pytest.raises(ConnectionRefusedError):
            await join(plc)
        assert master.silent()
    with pytest.raises(ConnectionResetError):
        await master.rest()
    assert await (await join(plc)).ask(READ) == GOOD


async def test_after_a_power_cycle_old_connections_are_reset(plc, master, join):
    await master.ask(READ)
    with plc.fault(PowerCycle(dark=0.4)):
        with pytest.raises(ConnectionRefusedError):
            await join(plc)
        with pytest.raises(ConnectionResetError):
            await master.rest()
        assert await (await join(plc)).ask(READ) == GOOD


async def test_an_idle_connection_is_closed(plc, master):
    with plc.fault(IdleClose(seconds=0.05)):
        assert await master.rest() == b""
    assert plc.evidence.faults == {"idle_close": 1}


def test_only_what_has_been_idle_for_long_enough_is_closed():
    idle, busy = Peer(1, opened=0.0, active=10.0), Peer(2, opened=0.0, active=10.5)
    fault = IdleClose(seconds=1.0)
    scene = Scene(11.0, [idle, busy], {})
    assert fault.wake_at(scene) == 11.0
    fault.wake(scene)
    assert scene.cuts == [(idle, Close.FIN)]


async def test_an_idle_connection_is_forgotten(plc, master):
    with plc.fault(IdleClose(seconds=0.02, close=Close.SILENT)):
        await plc.evidence.wait_until(lambda e: e.faults["idle_close"] == 1)
        master.send(READ)
        await asyncio.sleep(0.02)
        assert master.silent()


async def test_probability_is_thrown_with_seeded_dice(plc, master):
    fault = Blackhole(p=0.5)
    fault.random.seed(4)
    expected = [fault.random.random() >= 0.5 for _ in range(20)]
    fault.random.seed(4)
    with plc.fault(fault):
        sent = [master.send(READ) for _ in range(20)]
        answered = [transaction for transaction, good in zip(sent, expected, strict=True) if good]
        assert [(await master.receive())[0] for _ in answered] == answered
