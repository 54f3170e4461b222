"""A simulated PLC that is slow or wants to be given time (F6, F7)."""

import asyncio
from time import monotonic

import pytest
from plcmq.devices.simulator.faults.base import Exchange, Peer, Scene
from plcmq.devices.simulator.faults.pace import (
    Busy,
    Delay,
    InFlight,
    MinGap,
    Overflow,
    Scan,
    Violation,
    WarmUp,
)
from plcmq.devices.simulator.plc import SimulatedPlc

READ = "03 0000 0001"
GOOD = "03020000"


@pytest.fixture
def arrive():
    """Lets a fault decide about a read that arrives, in simulated time."""

    def decide(fault, at, free=None):
        free = at if free is None else free
        pdu = bytes.fromhex(READ)
        exchange = Exchange(Peer(1, 0.0, at), 1, 1, pdu, at, 1, free, None, None, execute_at=at)
        fault.before(exchange)
        return exchange

    return decide


async def took(master, count):
    """Seconds for so many pipelined reads."""
    begin = monotonic()
    for _ in range(count):
        master.send(READ)
    for _ in range(count):
        await master.receive()
    return monotonic() - begin


async def test_a_slow_plc_takes_its_time_for_each_request(join):
    async with SimulatedPlc(delay=0.02) as plc:
        assert await took(await join(plc), 5) >= 0.1


async def test_overlapping_delays_are_a_slow_network(arrive):
    one_by_one, overlapping = Delay(seconds=2.0), Delay(seconds=2.0, overlap=True)
    assert [arrive(one_by_one, 10.0, free=free).execute_at for free in (10.0, 12.0)] == [12.0, 14.0]
    assert [arrive(overlapping, 10.0, free=free).execute_at for free in (10.0, 12.0)] == [12.0, 12.0]


async def test_a_write_is_applied_at_the_end_of_its_time(plc, master):
    with plc.fault(Delay(seconds=0.3)):
        master.send("06 0000 0007")
        await plc.evidence.wait_until(lambda e: e.requests == 1)
        assert plc.unit.holding[0] == 0
        await master.receive()
        assert plc.unit.holding[0] == 7


def test_a_scan_answers_all_that_is_there_at_its_end(arrive):
    scan = Scan(period=1.0)
    scan.start(Scene(10.0, [], {}))
    assert [arrive(scan, at).execute_at for at in (10.1, 10.2, 10.9, 11.5)] == [11.0, 11.0, 11.0, 12.0]


def test_a_scan_may_serve_only_some(arrive):
    scan = Scan(period=1.0, per_scan=2)
    scan.start(Scene(10.0, [], {}))
    assert [arrive(scan, 10.1).execute_at for _ in range(5)] == [11.0, 11.0, 12.0, 12.0, 13.0]
    assert arrive(scan, 20.5).execute_at == 21.0


async def test_six_requests_take_six_scans_of_all_connections_together(plc, master, join):
    other = await join(plc)
    with plc.fault(Scan(period=0.03, per_scan=1)):
        assert max(await asyncio.gather(took(master, 3), took(other, 3))) >= 0.15


async def test_a_request_is_executed_though_its_master_has_gone(plc, master):
    with plc.fault(Delay(seconds=0.05)):
        master.send("06 0000 0007")
        await plc.evidence.wait_until(lambda e: e.requests == 1)
        master.reset()
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        await plc.evidence.wait_until(lambda e: e.writes == 1)


async def test_more_than_it_holds_is_dropped_or_busy(plc, master):
    with plc.fault(Delay(seconds=0.05)), plc.fault(InFlight(limit=1)) as fault:
        sent = [master.send(READ) for _ in range(2)]
        assert (await master.receive())[0] == sent[0]
        fault.overflow = Overflow.BUSY
        for _ in range(2):
            master.send(READ)
        assert [(await master.receive())[2] for _ in range(2)] == [GOOD, "8306"]
    assert plc.evidence.faults["in_flight"] == 2


async def test_a_busy_plc_says_so_and_does_nothing(plc, master):
    with plc.fault(Busy(p=1.0, functions=frozenset({6}))):
        assert await master.ask("06 0000 0001") == "8606"
        assert await master.ask(READ) == GOOD
    assert plc.evidence.writes == 0


async def test_what_comes_too_soon_after_connecting_is_ignored(plc, master):
    with plc.fault(WarmUp(ready_after=0.3)):
        master.send(READ)
        await asyncio.sleep(0.32)
        second = master.send(READ)
        assert (await master.receive())[0] == second
    assert plc.evidence.faults == {"warm_up": 1}


async def test_a_master_that_keeps_the_gap_is_served(plc, master):
    with plc.fault(MinGap(seconds=0.02)):
        for _ in range(3):
            assert await master.ask(READ) == GOOD
            await asyncio.sleep(0.03)
    assert plc.evidence.faults == {}


async def test_a_hasty_master_is_punished(plc, master):
    with plc.fault(MinGap(seconds=5.0, violation=Violation.GARBLE_UNIT)) as fault:
        await master.ask(READ)
        master.send(READ)
        assert (await master.receive())[1] == 254
        fault.violation = Violation.CLOSE
        master.send(READ)
        assert await master.rest() == b""
    assert plc.evidence.faults == {"min_gap": 2}
