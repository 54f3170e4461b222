"""The witness, and waiting on what it sees."""

import asyncio

import pytest
from plcmq.devices.simulator.evidence import Ending, Evidence


async def test_waiting_ends_when_it_happens():
    evidence = Evidence()
    waiting = asyncio.create_task(evidence.wait_until(lambda e: e.requests >= 2))
    await asyncio.sleep(0)
    for _ in range(2):
        assert not waiting.done()
        evidence.requests += 1
        evidence.notify()
        await asyncio.sleep(0)
    await waiting
    assert evidence.waiters == []


async def test_waiting_for_what_is_so_ends_at_once():
    await Evidence().wait_until(lambda e: e.requests == 0)


async def test_waiting_in_vain_shows_the_counters():
    evidence = Evidence()
    with pytest.raises(TimeoutError, match="'requests': 0"):
        await evidence.wait_until(lambda e: e.requests > 0, within=0.01)
    assert evidence.waiters == []


def test_the_peak_stays_when_sockets_close():
    sockets = Evidence().sockets
    sockets.add()
    sockets.add()
    sockets.remove(Ending.FIN)
    sockets.add()
    assert (sockets.open, sockets.peak, sockets.opened) == (2, 2, 3)


def test_only_the_shortest_gap_is_kept():
    evidence = Evidence()
    for gap in (0.5, 0.1, 0.3):
        evidence.gap(gap)
    assert evidence.shortest_gap == 0.1
