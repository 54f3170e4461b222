"""A host brings about what the broker wants, one device at a time, and every job ends once."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from unittest.mock import Mock

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.host import host
from plcmq.devices.host.host import DeviceHost
from plcmq.devices.model.devices import State
from plcmq.devices.protocol.messages import (
    CANCEL,
    LETTING_GO,
    DeviceState,
    Done,
    Job,
    Release,
    Released,
    Serve,
)
from plcmq.devices.simulator.evidence import Ending
from plcmq.devices.simulator.faults.pace import Delay
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.transport.link import CLOSE_TIME
from plcmq.devices.worker.commander import CLOSING_TIME

PRESS = {
    "tags": {
        "a": {"address": "holding:0", "type": "uint16", "access": "rw"},
        "start": {"address": "coil:0", "type": "bool", "access": "rw"},
    },
    "actions": {
        "hold": {
            "steps": [{"write": {"start": True}}, {"sleep": 30}],
            "finally": [{"write": {"start": False}}],
        }
    },
}


def form(number, plc, **more):
    return {
        "id": number,
        "name": f"press-{number}",
        "host": plc.host,
        "port": plc.port,
        "profile": "press",
    } | more


class Rig:
    """A host, and what it says."""

    def __init__(self):
        self.said = []
        self.news = asyncio.Event()
        self.host = DeviceHost(self.hear)
        self.jobs = 0

    def hear(self, message):
        self.said.append(message)
        self.news.set()

    def serve(self, *forms, profile=PRESS):
        self.host.serve(Serve({"press": profile}, list(forms)))

    def submit(self, action, args=None, device=1, timeout=5.0):
        self.jobs += 1
        self.host.submit(Job(self.jobs, device, action, args or {}, time.monotonic() + timeout))
        return self.jobs

    def read(self, device=1, timeout=5.0, tag="a"):
        return self.submit("read", {"tags": [tag], "max_age": 0.0}, device, timeout)

    def write(self, value, device=1, timeout=5.0):
        return self.submit("write", {"values": {"a": value}, "verify": False}, device, timeout)

    async def until(self, found):
        async with asyncio.timeout(10):
            while not (result := found()):
                self.news.clear()
                await self.news.wait()
        return result

    async def done(self, job):
        return await self.until(
            lambda: next((m for m in self.said if isinstance(m, Done) and m.job == job), None)
        )

    async def error(self, job):
        error = (await self.done(job)).error
        assert error is not None
        return error

    async def released(self, *devices):
        await self.until(
            lambda: set(devices) <= {d for m in self.said if isinstance(m, Released) for d in m.devices}
        )

    async def close(self):
        await self.host.close()
        ends = Counter(message.job for message in self.said if isinstance(message, Done))
        assert ends == dict.fromkeys(range(1, self.jobs + 1), 1)


@pytest.fixture
async def rig():
    rig = Rig()
    yield rig
    await rig.close()


@pytest.fixture
async def plcs():
    """Three simulated PLCs."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(SimulatedPlc()) for _ in range(3)]


def open_now(plc):
    return plc.evidence.sockets.open


async def test_a_job_may_come_together_with_its_device(rig, plcs):
    rig.serve(form(1, plcs[0]))
    assert (await rig.done(rig.read())).result["values"] == {"a": 0}
    states = [m.state for m in rig.said if isinstance(m, DeviceState)]
    assert states[-1] is State.UP


async def test_a_device_that_is_not_served_has_executed_nothing(rig):
    error = await rig.error(rig.read(device=9))
    assert (error.code, error.outcome, error.retryable) == (Code.SHUTTING_DOWN, Outcome.NOT_EXECUTED, True)


async def test_the_same_definition_again_touches_nothing(rig, plcs):
    rig.serve(form(1, plcs[0]))
    held = rig.submit("hold", timeout=60)
    await plcs[0].evidence.wait_until(lambda e: e.writes == 1)
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    assert not [m for m in rig.said if isinstance(m, Done) and m.job == held]
    assert plcs[0].evidence.sockets.opened == 1


async def test_a_broker_that_asks_again_is_told_the_state_as_it_was(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    told = [m for m in rig.said if isinstance(m, DeviceState)]
    rig.serve(form(1, plcs[0]))
    assert [m for m in rig.said if isinstance(m, DeviceState)] == [*told, told[-1]]


async def test_devices_behind_one_endpoint_share_its_socket(rig, plcs):
    plc = plcs[0]
    plc.add_unit(2).holding[0] = 22
    rig.serve(form(1, plc), form(2, plc, unit=2))
    one, two = rig.read(1), rig.read(2)
    assert (await rig.done(one)).result["values"] == {"a": 0}
    assert (await rig.done(two)).result["values"] == {"a": 22}
    rig.host.release(Release([1]))
    await rig.released(1)
    await rig.done(rig.read(2))
    assert plc.evidence.sockets.opened == 1
    rig.host.release(Release([2]))
    await rig.released(2)
    assert open_now(plc) == 0 or await plc.evidence.wait_until(lambda e: e.sockets.open == 0) is None


async def test_one_device_that_is_away_does_not_slow_another(rig, plcs):
    plcs[0].add(Blackhole())
    rig.serve(form(1, plcs[0], link={"timeout": 5.0}), form(2, plcs[1]))
    stuck = rig.read(1)
    for _ in range(20):
        await rig.done(rig.read(2))
    assert not [m for m in rig.said if isinstance(m, Done) and m.job == stuck]


async def test_a_new_name_or_profile_needs_no_new_connection(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    other = {"tags": {"b": {"address": "holding:7", "type": "uint16"}}}
    plcs[0].unit.holding[7] = 77
    rig.serve(form(1, plcs[0], name="renamed"), profile=other)
    assert (await rig.done(rig.read(tag="b"))).result["values"] == {"b": 77}
    assert plcs[0].evidence.sockets.opened == 1


async def test_a_lock_goes_with_its_device_by_its_new_name(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.submit("lock", {"ttl": 60.0}))
    rig.serve(form(1, plcs[0], name="renamed"))
    error = await rig.error(rig.write(7))
    assert (error.code, error.message[:18]) == (Code.LOCKED, "renamed is locked ")


async def test_another_endpoint_is_opened_when_the_old_one_is_closed(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    rig.serve(form(1, plcs[1]))
    await rig.done(rig.read())
    assert open_now(plcs[1]) == 1
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)
    assert plcs[0].evidence.sockets.closed[Ending.FIN] == 1


async def test_jobs_under_way_end_when_their_device_is_redefined(rig, plcs):
    plcs[0].add(Delay(seconds=0.05))
    rig.serve(form(1, plcs[0]))
    action = rig.submit("hold", timeout=60)
    await plcs[0].evidence.wait_until(lambda e: e.writes == 1)
    jobs = [rig.read() for _ in range(5)] + [rig.write(1)]
    rig.serve(form(1, plcs[0], description="redefined"))
    after = rig.read()
    for job in jobs:
        assert (await rig.error(job)).code == Code.SHUTTING_DOWN
    error = await rig.error(action)
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, Outcome.EXECUTED)
    assert plcs[0].unit.coils[0] == 0, "`finally` has taken it back"
    assert (await rig.done(after)).result["values"] == {"a": 0}
    assert plcs[0].evidence.sockets.opened == 1


async def test_a_job_that_waited_for_a_definition_is_checked_against_the_last_one(rig, plcs):
    rig.serve(form(1, plcs[0]))
    waits = rig.read()
    rig.serve(form(1, plcs[0]), profile={"tags": {"b": {"address": "holding:7", "type": "uint16"}}})
    assert (await rig.error(waits)).code == Code.UNKNOWN_TAG
    assert (await rig.done(rig.read(tag="b"))).error is None


async def test_a_job_whose_time_passes_while_its_device_changes_expires(rig, plcs):
    rig.serve(form(1, plcs[0], link={"timeout": 30.0}))
    await rig.done(rig.read())
    plcs[0].add(Blackhole())
    rig.write(1, timeout=60)
    before = plcs[0].evidence.requests
    await plcs[0].evidence.wait_until(lambda e: e.requests > before)
    rig.serve(form(1, plcs[0], name="renamed"))  # waits for the write to end
    await asyncio.sleep(0)
    error = await rig.error(rig.read(timeout=0.05))
    assert (error.code, error.outcome) == (Code.EXPIRED, Outcome.NOT_EXECUTED)


async def test_a_job_that_waits_for_a_definition_can_be_taken_back(rig, plcs):
    rig.serve(form(1, plcs[0]))
    waits = rig.read()
    cancel = rig.submit(CANCEL, {"job": waits})
    assert (await rig.error(waits)).code == Code.CANCELLED
    assert (await rig.done(cancel)).result == {"cancelled": True}


async def test_a_definition_that_is_of_no_use_is_told_and_keeps_nobody_from_being_served(rig, plcs, caplog):
    broken = form(1, plcs[0], profile="broken")
    rig.host.serve(Serve({"broken": {"tags": {"a": {"address": "holding:0"}}}, "press": PRESS}, [broken]))
    rig.serve(form(2, plcs[1]))
    assert (await rig.done(rig.read(2))).error is None
    error = await rig.error(rig.read(1))
    assert (error.code, error.outcome) == (Code.DEVICE_DOWN, Outcome.NOT_EXECUTED)
    assert State.DOWN in [m.state for m in rig.said if isinstance(m, DeviceState) and m.device == 1]
    assert "cannot be served" in caplog.text
    rig.serve(form(1, plcs[0]))
    assert (await rig.done(rig.read(1))).error is None


async def test_a_device_that_cannot_be_set_up_is_told_and_can_be_defined_anew(rig, plcs, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(host, "Worker", Mock(side_effect=RuntimeError("no room")))
        rig.serve(form(1, plcs[0]))
        error = await rig.error(rig.read(1))
    assert (error.code, error.outcome) == (Code.DEVICE_DOWN, Outcome.NOT_EXECUTED)
    assert error.message == "device 1 cannot be served: no room"
    assert "RuntimeError" in caplog.text
    assert State.DOWN in [m.state for m in rig.said if isinstance(m, DeviceState)]
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)
    rig.serve(form(1, plcs[0], name="renamed"))
    assert (await rig.done(rig.read(1))).error is None


@pytest.mark.parametrize("then", ["release", "redefine"])
async def test_what_is_wanted_while_a_set_up_fails_is_brought_about(rig, plcs, monkeypatch, then):
    worker, failing = host.Worker, True

    def fail_once(*args):
        nonlocal failing
        if not failing:
            return worker(*args)
        failing = False
        if then == "release":
            rig.host.release(Release([1]))
        else:
            rig.serve(form(1, plcs[1]))
        raise RuntimeError("no room")

    monkeypatch.setattr(host, "Worker", fail_once)
    rig.serve(form(1, plcs[0]))
    if then == "release":
        await rig.until(lambda: Released([1]) in rig.said)
        assert rig.host.devices == []
    else:
        assert (await rig.done(rig.read(1))).error is None
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)


async def test_a_worker_that_does_not_end_in_order_keeps_no_socket(rig, plcs, monkeypatch, caplog):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read(1))
    monkeypatch.setattr(rig.host._workers[1], "close", Mock(side_effect=RuntimeError("a bug")))
    rig.host.release(Release([1]))
    await rig.until(lambda: Released([1]) in rig.said)
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)
    assert "a bug" in caplog.text


async def test_changes_at_once_end_in_the_last_one_with_one_socket(rig, plcs):
    for round_ in range(20):
        rig.serve(form(1, plcs[round_ % 3]))
        rig.read()
        if round_ % 4 == 3:
            rig.host.release(Release([1]))
        await asyncio.sleep(0.001 * (round_ % 3))
    rig.serve(form(1, plcs[0]))
    assert (await rig.done(rig.read())).error is None
    for plc in plcs[1:]:
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
    assert [plc.evidence.sockets.peak <= 1 for plc in plcs] == [True] * 3
    assert open_now(plcs[0]) == 1


async def test_a_device_is_released_when_its_socket_is_closed(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    rig.host.release(Release([1]))
    await rig.released(1)
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)
    assert plcs[0].evidence.sockets.closed[Ending.FIN] == 1
    assert rig.host.devices == []


async def test_what_was_never_served_is_released_at_once(rig):
    rig.host.release(Release([5]))
    assert rig.said == [Released([5])]


async def test_a_device_released_while_it_is_set_up_is_closed_again(rig, plcs):
    rig.serve(form(1, plcs[0]))
    job = rig.read()
    await asyncio.sleep(0)
    rig.host.release(Release([1]))
    await rig.released(1)
    await rig.done(job)
    await plcs[0].evidence.wait_until(lambda e: e.sockets.open == 0)


async def test_a_released_device_can_be_served_again(rig, plcs):
    rig.serve(form(1, plcs[0]))
    await rig.done(rig.read())
    rig.host.release(Release([1]))
    await rig.released(1)
    rig.serve(form(1, plcs[0]))
    assert (await rig.done(rig.read())).error is None
    assert plcs[0].evidence.sockets.peak == 1


async def test_closing_answers_every_job_and_closes_every_socket_with_fin(rig, plcs):
    for number, plc in enumerate(plcs, 1):
        plc.add(Delay(seconds=0.02))
        rig.serve(form(number, plc))
        await rig.done(rig.read(number))
    jobs = [rig.read(number) for number in (1, 2, 3)] + [rig.write(5, number) for number in (1, 2, 3)]
    held = rig.submit("hold", device=1, timeout=60)
    await rig.host.close()
    for job in jobs:
        done = await rig.done(job)
        assert done.error is None or done.error.code == Code.SHUTTING_DOWN
    await rig.done(held)
    for plc in plcs:
        await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
        assert plc.evidence.sockets.closed[Ending.FIN] == 1


async def test_a_closed_host_serves_nothing_any_more(rig, plcs):
    await rig.host.close()
    rig.serve(form(1, plcs[0]))
    assert (await rig.error(rig.read())).code == Code.SHUTTING_DOWN
    assert rig.host.devices == []


async def test_what_waits_or_is_under_way_is_counted(rig, plcs):
    rig.serve(form(1, plcs[0]))
    first = rig.read()
    assert rig.host.queued == 1, "held until its device is there"
    await rig.done(first)
    held = rig.submit("hold", timeout=60)
    await plcs[0].evidence.wait_until(lambda e: e.writes == 1)
    assert rig.host.queued == 1
    rig.submit(CANCEL, {"job": held})
    await rig.done(held)
    assert rig.host.queued == 0


async def test_the_host_ends_by_itself_what_is_due(rig, plcs):
    plcs[0].add(Blackhole())
    rig.serve(form(1, plcs[0], link={"timeout": 30.0}))
    first = rig.read(timeout=0.2)
    await plcs[0].evidence.wait_until(lambda e: e.requests == 1)
    raw = rig.submit("read_raw", {"table": "holding", "address": 0, "count": 1}, timeout=0.1)
    write = rig.write(1, timeout=0.1)
    codes = [(await rig.error(job)).code for job in (first, raw, write)]
    assert codes == ["timeout", "expired", "expired"], "one was sent, the others were not"


def test_a_host_lets_go_of_a_device_within_the_time_that_the_broker_allows_for_it():
    assert CLOSING_TIME + CLOSE_TIME <= LETTING_GO
