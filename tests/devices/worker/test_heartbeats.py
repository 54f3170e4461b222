"""Heartbeats are written while the connection stands, whoever else is at work, and never late unnoticed."""

import itertools
import time

import pytest
from plcmq.devices.model.actions import Action, Heartbeat, Wait, Write
from plcmq.devices.simulator.faults.pace import Delay

ALIVE = {"heartbeats": (Heartbeat("hurry", 0.05, (0, 1)),)}


def beats_of(bench, address=90):
    """When which value came."""
    seen = []

    def note(_unit, change, _now):
        if change.address == address:
            seen.append((time.monotonic(), int.from_bytes(change.after)))

    bench.plc.endpoint.observers.append(note)
    return seen


async def until(bench, seen, count):
    await bench.plc.evidence.wait_until(lambda _e: len(seen) >= count)


async def test_its_values_are_written_one_after_the_other(start_bench):
    bench = await start_bench(profile=ALIVE)
    seen = beats_of(bench)
    await until(bench, seen, 6)
    values = [value for _at, value in seen[:6]]
    assert values in ([0, 1] * 3, [1, 0] * 3)


async def test_a_count_grows_and_begins_anew_at_the_end(start_bench):
    bench = await start_bench(profile={"heartbeats": (Heartbeat("a", 0.01, count=True),)})
    seen = beats_of(bench, 0)
    await until(bench, seen, 5)
    values = [value for _at, value in seen]
    assert values == list(range(values[0], values[0] + len(values)))


async def test_a_lock_an_action_and_a_thousand_reads_do_not_stop_it(start_bench):
    pause = Action("pause", steps=(Write({"a": 1}), Wait({"b": 1}, timeout=30, poll=0.01)))
    bench = await start_bench(pause, profile={"heartbeats": (Heartbeat("hurry", 0.25, (0, 1)),)})
    seen = beats_of(bench)
    bench.lock.take(None, 60.0, time.monotonic())
    bench.submit("pause", timeout=60, token=bench.lock._token)
    for _ in range(1000):
        bench.read("a", "b", "far", timeout=60)
    await until(bench, seen, 6)
    [status] = bench.worker.status()["heartbeats"]
    assert (status["tag"], status["failed"]) == ("hurry", 0)


async def test_a_heartbeat_that_was_late_is_counted(start_bench):
    bench = await start_bench(profile=ALIVE)
    seen = beats_of(bench)
    await until(bench, seen, 2)
    with bench.plc.fault(Delay(seconds=0.2)):
        await until(bench, seen, 5)
    assert bench.worker.status()["heartbeats"][0]["late"] > 0


async def test_it_pauses_while_the_device_is_away_and_goes_on_after(start_bench):
    bench = await start_bench(profile=ALIVE, backoff_max=0.1)
    seen = beats_of(bench)
    await until(bench, seen, 2)
    await bench.plc.unplug()
    await bench.error(bench.read("a"))
    before = len(seen)
    await bench.plc.plug_in()
    await until(bench, seen, before + 3)
    gaps = [later - sooner for (sooner, _), (later, _) in itertools.pairwise(seen[before:])]
    assert gaps


@pytest.mark.parametrize("action", ["status"])
async def test_a_device_without_heartbeats_tells_of_none(start_bench, action):
    bench = await start_bench()
    assert "heartbeats" not in await bench.result(bench.submit(action))
