"""An endpoint's connection over its life: never two sockets, honest states, fair turns."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from plcmq.devices.channel.channel import Channel, Lane
from plcmq.devices.modbus.errors import BadReply, Down, ExceptionReply, LinkError, NoReply, NotSent
from plcmq.devices.modbus.pdu import read, write_register
from plcmq.devices.model.devices import LinkSettings, State
from plcmq.devices.model.tags import Table
from plcmq.devices.transport.link import Link

MS = 0.001
QUICK = LinkSettings(timeout=60 * MS, connect_timeout=1.0)
READ = read(Table.HOLDING, 7, 1)
WRITE = write_register(1, 3)
SEVEN = b"\0\7"

pytestmark = pytest.mark.timeout(30)


class Watched:
    """A channel, its states so far, and waiting for one of them."""

    def __init__(self, plc: Any, settings: LinkSettings) -> None:
        self.states: list[State] = []
        self._news = asyncio.Condition()
        self.changed = asyncio.Event()
        self.channel = Channel(plc.endpoint, settings, on_state=self._note, jitter=lambda: 0.1)

    def _note(self, state: State, _reason: str) -> None:
        self.states.append(state)
        self.changed.set()

    async def until(self, *states: State) -> None:
        async with asyncio.timeout(10):
            while self.channel.state not in states:
                self.changed.clear()
                await self.changed.wait()

    async def proven(self) -> None:
        """Waits until the trial of several requests at once has ended."""
        window = self.channel.settings.window
        async with asyncio.timeout(10):
            while self.channel.window < window and "until the setting" not in self.reason:
                await self.read()

    @property
    def reason(self) -> str:
        """Why the window is not used."""
        return str(self.channel.status()["window"].get("reason", ""))

    async def read(self, device_id: int = 1, unit: int = 1, lane: Lane = Lane.READ) -> bytes:
        async with self.channel.turn(lane, device_id) as turn:
            return await turn.transact(unit, READ)

    async def write(self) -> bytes:
        async with self.channel.turn(Lane.COMMAND, 1) as turn:
            return await turn.transact(1, WRITE)


Open = Callable[..., Watched]


@pytest.fixture
async def watch(plc: Any) -> AsyncIterator[Open]:
    """Starts a channel to the PLC, with one device; in the end there was never more than one socket."""
    watched = []

    def start(settings: LinkSettings = QUICK, units: tuple[int, ...] = (1,), **changes: Any) -> Watched:
        one = Watched(plc, replace(settings, **changes))
        for unit in units:
            one.channel.register(unit, unit)
        one.channel.start()
        watched.append(one)
        return one

    yield start
    await asyncio.gather(*(one.channel.close() for one in watched))
    await plc.until(lambda: plc.open_now == 0)
    assert plc.peak <= 1


def answering(*answers: Callable[[Any], bytes | None]) -> Callable[[Any], Awaitable[bytes | None]]:
    """Answers that are used one after the other; then all is well."""
    left = iter(answers)

    async def answer(request: Any) -> bytes | None:
        return next(left, lambda r: r.good())(request)

    return answer


def silent(_request: Any) -> None:
    return None


def hang_up(request: Any) -> None:
    request.writer.close()


async def test_it_connects_at_start_and_callers_wait_for_the_first_connection(plc: Any, watch: Open) -> None:
    one = watch()
    assert one.channel.state is State.CONNECTING
    assert await one.read() == SEVEN
    assert one.states == [State.CONNECTING, State.UP]
    assert plc.opened == 1


async def test_hundred_callers_share_one_connection(plc: Any, watch: Open) -> None:
    one = watch()
    assert await asyncio.gather(*(one.read(n % 7) for n in range(100))) == [SEVEN] * 100
    assert plc.opened == 1


@pytest.mark.parametrize("window", [1, 4])
async def test_no_more_requests_are_in_flight_than_the_window_allows(
    plc: Any, watch: Open, window: int
) -> None:
    held: list[Any] = []
    most = 0

    async def hold(request: Any) -> bytes | None:
        nonlocal most
        held.append(request)
        most = max(most, len(held))
        if len(held) < window:
            return None
        answers = b"".join(one.good() for one in held)
        held.clear()
        return answers

    one = watch(window=window, timeout=5.0)
    await one.proven()
    plc.answer = hold
    assert await asyncio.gather(*(one.read(n) for n in range(window * 10))) == [SEVEN] * window * 10
    assert most == window


async def test_a_command_goes_before_the_reads_that_wait(plc: Any, watch: Open) -> None:
    one = watch(timeout=5.0)
    release = asyncio.Event()

    async def hold_first(request: Any) -> bytes:
        if len(plc.requests) == 1:
            await release.wait()
        return bytes(request.good())

    plc.answer = hold_first
    reads = [asyncio.create_task(one.read(n)) for n in range(5)]
    await plc.until(lambda: len(plc.requests) == 1)
    command = asyncio.create_task(one.write())
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(command, *reads)
    assert [request.pdu[0] for request in plc.requests] == [3, 6, 3, 3, 3, 3]


async def test_a_turn_may_hold_several_transactions_together(plc: Any, watch: Open) -> None:
    one = watch(timeout=5.0)

    async def both() -> None:
        async with one.channel.turn(Lane.COMMAND, 1) as turn:
            await turn.transact(1, READ)
            await turn.transact(1, WRITE)

    await asyncio.gather(both(), one.read(2), both(), one.read(3))
    assert [request.pdu[0] for request in plc.requests][:4] == [3, 6, 3, 6]


async def test_an_exception_is_told_untouched_and_means_that_the_device_is_up(plc: Any, watch: Open) -> None:
    plc.answer = answering(lambda r: r.refuse(2))
    one = watch()
    with pytest.raises(ExceptionReply) as caught:
        await one.read()
    assert caught.value.code == 2
    assert await one.read() == SEVEN
    assert plc.opened == 1
    assert one.channel.status()["counters"]["exceptions"] == 1


async def test_status_tells_what_has_happened(plc: Any, watch: Open) -> None:
    one = watch()
    await one.read()
    status = one.channel.status()
    assert (status["state"], status["endpoint"], status["waiting"]) == ("up", str(plc.endpoint), 0)
    assert status["counters"] == {
        "connects": 1,
        "disconnects": 0,
        "requests": 1,
        "timeouts": 0,
        "exceptions": 0,
        "bad_replies": 0,
        "strays": 0,
        "bytes_sent": 12,
        "bytes_received": 11,
    }
    assert status["round_trip"]["max"] > 0
    assert time.time() - status["since"] < 60


async def test_the_gap_between_requests_counts_from_the_end_of_one_to_the_start_of_the_next(
    plc: Any, watch: Open
) -> None:
    at: list[float] = []

    async def note(request: Any) -> bytes:
        at.append(time.monotonic())
        return bytes(request.good())

    plc.answer = note
    one = watch(request_gap=20 * MS)

    async def two_in_one_turn() -> None:
        async with one.channel.turn(Lane.READ, 1) as turn:
            await turn.transact(1, READ)
            await turn.transact(1, READ)

    await asyncio.gather(two_in_one_turn(), two_in_one_turn(), one.read(), one.write())
    assert len(at) == 6
    assert min(b - a for a, b in itertools.pairwise(at)) >= 20 * MS


async def test_the_gap_counts_from_a_reply_whose_caller_left_in_the_same_moment(
    plc: Any, watch: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float] = []
    received: list[float] = []

    def take(link: Link, data: bytes) -> None:
        take_in(link, data)
        received.append(time.monotonic())
        hasty.cancel()

    async def note(request: Any) -> bytes:
        sent.append(time.monotonic())
        return bytes(request.good())

    take_in = Link.data_received
    monkeypatch.setattr(Link, "data_received", take)
    plc.answer = note
    one = watch(request_gap=50 * MS)
    hasty = asyncio.create_task(one.read())
    with pytest.raises(asyncio.CancelledError):
        await hasty
    await one.read()
    assert sent[1] - received[0] >= 50 * MS


async def test_the_gap_counts_from_a_late_reply_too(plc: Any, watch: Open) -> None:
    given_up, late = asyncio.Event(), 0.0
    sent: list[float] = []

    async def first_late(request: Any) -> bytes:
        nonlocal late
        sent.append(time.monotonic())
        if len(sent) == 1:
            await given_up.wait()
            late = time.monotonic()
        return bytes(request.good())

    plc.answer = first_late
    one = watch(units=(1, 2), request_gap=300 * MS)
    with pytest.raises(NoReply):
        await one.read()
    given_up.set()
    await one.read(2, 2)
    assert sent[1] - late >= 300 * MS


async def test_the_first_request_waits_for_the_connect_delay(plc: Any, watch: Open) -> None:
    at: list[float] = []

    def note(_number: int) -> bool:
        at.append(time.monotonic())
        return True

    plc.welcome = note
    one = watch(connect_delay=50 * MS)
    assert await one.read() == SEVEN
    assert time.monotonic() - at[0] >= 49 * MS


async def test_with_idle_close_it_connects_on_demand_and_closes_when_quiet(plc: Any, watch: Open) -> None:
    one = watch(idle_close=30 * MS)
    assert one.channel.state is State.IDLE
    assert await one.read() == SEVEN
    await one.until(State.IDLE)
    await plc.until(lambda: plc.fins == 1)
    assert await one.read() == SEVEN
    assert (plc.opened, plc.resets) == (2, 0)


async def test_keep_warm_reads_what_has_been_answered_before(plc: Any, watch: Open) -> None:
    one = watch(keep_warm=20 * MS)
    await one.read()
    await plc.until(lambda: len(plc.requests) >= 4)
    assert {request.pdu for request in plc.requests} == {READ.pdu}


async def test_a_refused_device_is_down_at_once_and_found_when_it_comes_back(plc: Any, watch: Open) -> None:
    await plc.stop()
    one = watch()
    with pytest.raises(Down) as caught:
        await one.read()
    assert caught.value.reason == f"cannot connect to {plc.endpoint} (refused)"
    assert one.channel.retry_at is not None
    with pytest.raises(Down):
        await one.read()
    await plc.start()
    await one.until(State.UP)
    assert await one.read() == SEVEN


async def test_nobody_is_left_waiting_when_it_goes_down(plc: Any, watch: Open) -> None:
    plc.answer = answering(*[silent] * 4)
    one = watch()
    results = await asyncio.gather(*(one.read(n) for n in range(50)), return_exceptions=True)
    assert [type(result) for result in results].count(NoReply) == 2
    assert [type(result) for result in results].count(Down) == 48
    assert one.states[-1] is State.DOWN


async def test_one_timeout_replaces_the_connection_and_harms_nobody_else(plc: Any, watch: Open) -> None:
    plc.answer = answering(lambda r: r.good(), silent)
    one = watch()
    await one.read()
    results = await asyncio.gather(*(one.read(n) for n in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [NoReply, bytes, bytes, bytes, bytes]
    assert State.DOWN not in one.states
    assert (plc.opened, plc.resets) == (2, 0)


async def test_a_device_that_accepts_but_never_answers_is_down_after_two_timeouts(
    plc: Any, watch: Open
) -> None:
    dead = True

    async def perhaps(request: Any) -> bytes | None:
        return None if dead else bytes(request.good())

    plc.answer = perhaps
    one = watch()
    for _ in range(2):
        with pytest.raises(NoReply):
            await one.read()
    with pytest.raises(Down) as caught:
        await one.read()
    assert "accepts connections but does not answer" in caught.value.reason
    before = len(plc.requests)
    await plc.until(lambda: len(plc.requests) > before + 2)  # it tries by itself
    with pytest.raises(Down):
        await one.read()
    dead = False
    await one.until(State.UP)
    assert await one.read() == SEVEN


async def test_a_device_that_closes_each_new_connection_is_not_stormed(plc: Any, watch: Open) -> None:
    plc.welcome = lambda number: number > 4
    one = watch()
    await one.until(State.DOWN)
    assert one.channel.reason.endswith("the device closes each new connection (connection limit reached?)")
    with pytest.raises(Down):
        await one.read()
    await one.until(State.UP)
    assert await one.read() == SEVEN
    assert plc.opened == 5


async def test_a_lost_connection_is_opened_again_at_once_and_the_write_is_not_repeated(
    plc: Any, watch: Open
) -> None:
    plc.answer = answering(lambda r: r.good(), hang_up)
    one = watch()
    await one.read()
    with pytest.raises(NoReply):
        await one.write()
    assert await one.read() == SEVEN
    assert [request.pdu[0] for request in plc.requests] == [3, 6, 3]
    assert State.DOWN not in one.states


async def test_a_connection_closed_while_idle_is_noticed_before_anything_is_sent(
    plc: Any, watch: Open
) -> None:
    one = watch()
    await one.read()
    plc.writers[0].close()
    await plc.until(lambda: plc.opened == 2)
    assert await one.write() == b""
    assert [request.connection for request in plc.requests] == [1, 2]


async def test_a_write_goes_out_once_on_the_new_connection_if_the_old_one_was_seen_to_end(
    plc: Any, watch: Open
) -> None:
    one = watch()
    async with one.channel.turn(Lane.COMMAND, 1) as turn:
        await turn.transact(1, READ)
        plc.writers[0].close()
        await plc.until(lambda: plc.opened == 2)
        assert await turn.transact(1, WRITE) == b""
    assert [request.pdu[0] for request in plc.requests] == [3, 6]


async def test_a_bad_reply_fails_one_request_and_the_next_succeeds(plc: Any, watch: Open) -> None:
    plc.answer = answering(lambda r: r.frame(b"\4\2\0\7"))
    one = watch()
    with pytest.raises(BadReply):
        await one.read()
    assert await one.read() == SEVEN
    assert plc.opened == 1


async def test_a_broken_frame_fails_one_request_and_the_next_succeeds(plc: Any, watch: Open) -> None:
    plc.answer = answering(lambda r: r.frame(b"\3\2\0\7", protocol=1))
    one = watch()
    with pytest.raises(NoReply):
        await one.read()
    assert await one.read() == SEVEN
    assert plc.opened == 2


async def test_mixed_up_replies_end_the_sending_of_several_requests_at_once(plc: Any, watch: Open) -> None:
    one = watch(window=4, timeout=5.0)
    await one.proven()
    assert one.channel.window == 4
    plc.answer = answering(lambda r: r.frame(b"\3\4\0\7\0\7"))
    with pytest.raises(BadReply):
        await one.read()
    in_flight = most = 0

    async def count(request: Any) -> bytes:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        return bytes(request.good())

    plc.answer = count
    await asyncio.gather(*(one.read() for _ in range(8)))
    assert (most, plc.opened) == (1, 2)
    assert "one request at a time" in one.reason


async def test_a_silent_unit_does_not_tear_down_the_connection_of_the_others(plc: Any, watch: Open) -> None:
    async def unit_2_is_dead(request: Any) -> bytes | None:
        return None if request.unit == 2 else bytes(request.good())

    plc.answer = unit_2_is_dead
    one = watch(units=(1, 2, 3))
    told: list[State] = []
    one.channel.register(2, 2, lambda state, _reason: told.append(state))
    await one.read(1, 1)
    for _ in range(2):
        with pytest.raises(NoReply):
            await one.read(2, 2)
        assert await one.read(3, 3) == SEVEN
    with pytest.raises(Down, match="unit 2 does not answer"):
        await one.read(2, 2)
    assert await one.read(1, 1) == SEVEN
    assert one.channel.standing(2)[0] is State.DOWN
    assert one.channel.standing(1) == (State.UP, "")
    assert told[-1] is State.DOWN
    assert plc.opened == 1


async def test_a_silent_unit_is_found_when_it_comes_back(plc: Any, watch: Open) -> None:
    dead = True

    async def perhaps(request: Any) -> bytes | None:
        return None if request.unit == 2 and dead else bytes(request.good())

    plc.answer = perhaps
    one = watch(units=(1, 2), timeout=10 * MS, backoff_max=10 * MS)
    back = asyncio.Event()
    one.channel.register(2, 2, lambda state, _reason: back.set() if state is State.UP else back.clear())
    await one.read(1, 1)
    for _ in range(2):
        with pytest.raises(NoReply):
            await one.read(2, 2)
        await one.read(1, 1)
    assert one.channel.standing(2)[0] is State.DOWN
    dead = False
    back.clear()
    async with asyncio.timeout(10):
        await back.wait()
    assert await one.read(2, 2) == SEVEN
    assert plc.opened == 1


async def test_units_that_their_gateway_gives_up_are_found_when_they_come_back(plc: Any, watch: Open) -> None:
    dead = False

    async def perhaps(request: Any) -> bytes | None:
        return request.refuse(11) if request.unit in (2, 3) and dead else request.good()

    plc.answer = perhaps
    one = watch(units=(1, 2, 3), timeout=10 * MS, backoff_max=10 * MS)
    assert await one.read(1, 1) == SEVEN
    dead = True
    for unit in (2, 3) * 2:
        with pytest.raises(ExceptionReply):
            await one.read(unit, unit)
    assert [one.channel.standing(unit)[0] for unit in (1, 2, 3)] == [State.UP, State.DOWN, State.DOWN]
    dead = False
    async with asyncio.timeout(10):
        while State.DOWN in {one.channel.standing(unit)[0] for unit in (2, 3)}:
            await asyncio.sleep(10 * MS)
    assert plc.opened == 1


async def test_if_no_unit_answers_the_connection_is_replaced(plc: Any, watch: Open) -> None:
    plc.answer = answering(*[silent] * 3)
    one = watch(units=(1, 2, 3))
    results = await asyncio.gather(*(one.read(n, n) for n in (1, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [NoReply] * 3
    assert await one.read(1, 1) == SEVEN
    assert plc.opened == 2


async def test_a_cancelled_caller_in_the_queue_takes_no_turn(plc: Any, watch: Open) -> None:
    one = watch(timeout=5.0)
    async with one.channel.turn(Lane.READ, 1) as turn:
        waiting = [asyncio.create_task(one.read(n)) for n in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[2].cancel()
        await turn.transact(1, READ)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[1] == SEVEN
    assert await one.read() == SEVEN
    assert len(plc.requests) == 3


async def test_a_turn_given_in_the_moment_of_its_cancelling_is_passed_on(plc: Any, watch: Open) -> None:
    one = watch()
    await one.read()
    turn = one.channel.turn(Lane.READ, 1)
    await turn.__aenter__()
    first, second = asyncio.create_task(one.read(1)), asyncio.create_task(one.read(2))
    await asyncio.sleep(0)
    await turn.__aexit__(None, None, None)
    first.cancel()
    assert await second == SEVEN


async def test_after_a_cancelled_transaction_the_device_is_not_asked_until_it_has_answered(
    plc: Any, watch: Open
) -> None:
    release = asyncio.Event()

    async def hold_first(request: Any) -> bytes:
        if len(plc.requests) == 1:
            await release.wait()
        return bytes(request.good())

    plc.answer = hold_first
    one = watch(timeout=5.0)
    caller = asyncio.create_task(one.write())
    await plc.until(lambda: len(plc.requests) == 1)
    caller.cancel()
    next_one = asyncio.create_task(one.read())
    await asyncio.wait((caller,))
    await asyncio.sleep(0)
    assert len(plc.requests) == 1
    release.set()
    assert await next_one == SEVEN
    assert plc.opened == 1


async def test_a_cancelled_transaction_that_is_never_answered_counts_as_a_timeout(
    plc: Any, watch: Open
) -> None:
    plc.answer = answering(silent)
    one = watch()
    caller = asyncio.create_task(one.read())
    await plc.until(lambda: len(plc.requests) == 1)
    caller.cancel()
    assert await one.read() == SEVEN
    assert plc.opened == 2
    assert one.channel.status()["counters"]["timeouts"] == 1


async def test_closing_fails_those_who_wait_and_ends_with_a_fin(plc: Any, watch: Open) -> None:
    one = watch(timeout=5.0)
    async with one.channel.turn(Lane.READ, 1) as turn:
        await turn.transact(1, READ)
        waiting = asyncio.create_task(one.read())
        await asyncio.sleep(0)
        await one.channel.close()
        with pytest.raises(NotSent):
            await turn.transact(1, WRITE)
    with pytest.raises(NotSent):
        await waiting
    with pytest.raises(NotSent):
        await one.read()
    await plc.until(lambda: plc.open_now == 0)
    assert (plc.fins, plc.resets, len(plc.requests)) == (1, 0, 1)


@pytest.mark.parametrize("steps", range(8))
async def test_closing_at_any_moment_of_connecting_leaves_no_socket(
    plc: Any, watch: Open, steps: int
) -> None:
    one = watch()
    reading = asyncio.create_task(one.read())
    for _ in range(steps):
        await asyncio.sleep(0)
    await one.channel.close()
    await asyncio.gather(reading, return_exceptions=True)


async def test_unregistering_a_device_frees_those_who_wait_for_it(plc: Any, watch: Open) -> None:
    await plc.stop()
    one = watch(units=(1, 2), idle_close=60.0)
    async with asyncio.timeout(10):
        plc.port = 0
        waiting = asyncio.create_task(one.channel.enter(Lane.READ, 2))
        await asyncio.sleep(0)
        one.channel.unregister(2)
        with pytest.raises(NotSent, match="not served here"):
            await waiting


async def test_new_settings_leave_the_connection_alone(plc: Any, watch: Open) -> None:
    one = watch()
    await one.read()
    await one.channel.reconfigure(replace(QUICK, window=3, any_unit=True, request_gap=MS, timeout=2.0))
    plc.answer = answering(lambda r: r.frame(b"\3\2\0\7", unit=77))
    assert await one.read() == SEVEN
    assert plc.opened == 1


async def test_new_settings_can_end_connecting_on_demand(plc: Any, watch: Open) -> None:
    one = watch(idle_close=60.0)
    assert one.channel.state is State.IDLE
    await one.channel.reconfigure(QUICK)
    await one.until(State.UP)


async def test_new_settings_try_a_device_that_is_down_at_once(plc: Any, watch: Open) -> None:
    await plc.stop()
    one = watch(backoff_max=600.0)
    one.channel._health._jitter = lambda: 600.0
    await one.until(State.DOWN)
    await plc.start()
    await one.channel.reconfigure(replace(QUICK, timeout=2.0))
    await one.until(State.UP)


async def test_there_are_never_two_sockets_whatever_the_device_does(plc: Any, watch: Open) -> None:
    faults = itertools.cycle(
        [
            lambda r: r.good(),
            silent,
            lambda r: r.good(),
            hang_up,
            lambda r: r.frame(b"\3\2\0\7", protocol=9),
            lambda r: r.good()[:9],
            lambda r: r.refuse(6),
            lambda r: r.writer.transport.abort(),
        ]
    )

    async def trouble(request: Any) -> bytes | None:
        answer = next(faults)(request)
        return bytes(answer) if answer else None

    plc.answer = trouble
    one = watch(timeout=10 * MS, backoff_max=0.1)

    async def client(n: int) -> None:
        for _ in range(10):
            try:
                assert await one.read(n) == SEVEN
            except (LinkError, ExceptionReply):
                await asyncio.sleep(5 * MS)

    await asyncio.gather(*(client(n) for n in range(8)))
    assert plc.opened > 5
    await one.channel.close()
    await plc.until(lambda: plc.open_now == 0)
    counters = one.channel.status()["counters"]
    assert counters["connects"] == counters["disconnects"]
    assert plc.opened - counters["connects"] in (0, 1)  # the last one may have been given up while it opened


async def test_nothing_is_sent_while_the_host_may_not(plc: Any) -> None:
    permitted = True
    channel = Channel(plc.endpoint, QUICK, permitted=lambda: permitted)
    channel.register(1, 1)
    channel.start()
    async with channel.turn(Lane.COMMAND, 1) as turn:
        await turn.transact(1, WRITE)
        permitted = False
        with pytest.raises(NotSent):
            await turn.transact(1, WRITE)
        permitted = True
        await turn.transact(1, WRITE)
    await channel.close()
    assert len(plc.requests) == 2


async def test_without_the_lease_no_socket_is_opened_and_nothing_is_sent(plc: Any) -> None:
    """A host that was stopped wakes up: its devices that were down are due, and belong to another host."""
    looked, may = asyncio.Event(), False

    def permitted() -> bool:
        looked.set()
        return may

    channel = Channel(plc.endpoint, QUICK, jitter=lambda: 0.1, permitted=permitted)
    channel.register(1, 1)
    channel.start()
    try:
        for _ in range(3):
            looked.clear()
            await asyncio.wait_for(looked.wait(), 10)
        assert plc.opened == 0
        may = True
        async with channel.turn(Lane.READ, 1) as turn:
            assert await turn.transact(1, READ) == SEVEN
        assert plc.opened == 1
    finally:
        await channel.close()
