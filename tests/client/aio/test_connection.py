"""The asyncio client: any number in flight, cancellation of one only, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from plcmq.client import connect
from plcmq.client.aio.connection import AsyncConnection
from plcmq.client.core.retry import Retry
from plcmq.client.protocol.errors import BrokerUnreachable, Code, Outcome, OutcomeUnknown, PlcmqError, failure

NOBODY = "tcp://127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture
async def plc(fake_broker: Any) -> AsyncIterator[AsyncConnection]:
    async with connect(fake_broker.endpoint) as plc:
        yield plc
        assert plc.missed_edges == 0


async def has_held(broker: Any) -> None:
    await asyncio.to_thread(broker.held.get, timeout=10)


async def test_a_request_returns_its_result(plc: AsyncConnection) -> None:
    result = await plc.request("start_batch", {"batch_size": 15}, device="press-1", key="order-4711")
    assert result == {"action": "start_batch", "rqargs": {"batch_size": 15}, "device": "press-1"}


async def test_it_can_be_awaited_instead(fake_broker: Any) -> None:
    plc = await connect(fake_broker.endpoint, device=1, codec="json")
    assert (await plc.request("echo"))["device"] == 1
    assert "open" in repr(plc)
    await plc.close()
    await plc.close()
    assert "closed" in repr(plc)


async def test_everyday_calls_are_the_requests_of_the_protocol(
    plc: AsyncConnection, fake_broker: Any
) -> None:
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1, "b": 2}, "age": {}}
    fake_broker.answers["batch"] = lambda _: {"replies": [{"ok": True, "result": 7}]}
    fake_broker.answers["cancel"] = lambda _: {"cancelled": True}
    assert await plc.read("press-2", "a") == 1
    assert await plc.read("press-2", "a", "b", max_age=1.0) == {"a": 1, "b": 2}
    assert fake_broker.requests[-1].rqargs == {"tags": ["a", "b"], "max_age": 1.0}
    await plc.write("press-2", {"a": 1}, verify=True)
    assert fake_broker.requests[-1].rqargs == {"values": {"a": 1}, "verify": True}
    assert (await plc.describe(1))["action"] == "describe"
    assert (await plc.status(1))["device"] == 1
    assert (await plc.devices(10, 20, "press"))["rqargs"] == {"limit": 10, "offset": 20, "match": "press"}
    assert (await plc.info())["device"] is None
    assert await plc.ping() > 0
    assert [reply.value() for reply in await plc.batch([{"action": "ping"}])] == [7]
    assert await plc.cancel("mine") is True


async def test_a_bound_view_speaks_for_one_device(plc: AsyncConnection, fake_broker: Any) -> None:
    fake_broker.answers["read"] = lambda request: {"values": {"a": request.device}, "age": {}}
    press = plc.bind("press-1")
    assert (await press.request(action="start_batch", rqargs={"batch_size": 1}))["device"] == "press-1"
    assert await press.read("a") == "press-1"
    await press.write({"a": 1})
    assert (await press.describe())["device"] == "press-1"
    assert (await press.status())["device"] == "press-1"
    assert "press-1" in repr(press)


async def test_an_error_reply_is_raised_as_its_class(plc: AsyncConnection, fake_broker: Any) -> None:
    def refuse(_: object) -> object:
        raise failure(Code.OUTCOME_UNKNOWN, "no answer")

    fake_broker.answers["write"] = refuse
    with pytest.raises(OutcomeUnknown):
        await plc.write("press-1", {"start": True})


async def test_5000_in_flight_each_get_their_own_answer(plc: AsyncConnection) -> None:
    async def one(number: int) -> None:
        assert (await plc.request("echo", {"n": number}, timeout=60))["rqargs"] == {"n": number}

    await asyncio.gather(*(one(number) for number in range(5000)))
    assert plc.missed_edges == 0


async def test_answers_come_in_whatever_order(plc: AsyncConnection, fake_broker: Any) -> None:
    held = asyncio.create_task(plc.request("hold", {"n": 1}))
    await has_held(fake_broker)
    assert (await plc.request("echo", {"n": 2}))["rqargs"] == {"n": 2}
    assert not held.done()
    fake_broker.release()
    assert await held == {"n": 1}


async def test_no_broker_is_found_out_within_the_connect_timeout_and_says_where() -> None:
    started = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=re.escape(NOBODY)):
        await connect(NOBODY, connect_timeout=0.2)
    assert time.monotonic() - started < 2


async def test_a_broker_that_is_restarted_while_it_is_asked_for_a_sign_of_life_is_found(
    start_broker: Any, fake_broker: Any
) -> None:
    fake_broker.answers["ping"] = fake_broker.answers["hold"]
    connecting = asyncio.create_task(connect(fake_broker.endpoint, connect_timeout=20).open())
    await has_held(fake_broker)
    await asyncio.to_thread(fake_broker.stop)
    await asyncio.to_thread(start_broker, fake_broker.endpoint)
    await (await connecting).close()


async def test_a_broker_that_dies_with_the_ping_is_unreachable(fake_broker: Any) -> None:
    fake_broker.answers["ping"] = fake_broker.answers["hold"]
    connecting = asyncio.create_task(connect(fake_broker.endpoint, connect_timeout=0.5).open())
    await has_held(fake_broker)
    await asyncio.to_thread(fake_broker.stop)
    with pytest.raises(BrokerUnreachable, match=r"within 0\.5 s"):
        await connecting


async def test_a_broker_that_accepts_and_says_nothing_is_unreachable(fake_broker: Any) -> None:
    fake_broker.answers["ping"] = fake_broker.answers["silence"]
    with pytest.raises(BrokerUnreachable):
        async with connect(fake_broker.endpoint, connect_timeout=0.2):
            pytest.fail("there was nobody")


async def wait_until_lost(plc: AsyncConnection) -> None:
    """Until the connection is known to be lost: before that, a request may still go into it."""
    for _ in range(1000):
        with pytest.raises(PlcmqError) as caught:
            await plc.request("echo", timeout=0.02)
        if isinstance(caught.value, BrokerUnreachable):
            return
    pytest.fail("the connection still stands")


@pytest.mark.parametrize(
    ("action", "code", "outcome"),
    [("read", Code.NO_HOST, Outcome.NOT_EXECUTED), ("write", Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN)],
)
async def test_nobody_waits_for_a_broker_that_has_died(
    plc: AsyncConnection, fake_broker: Any, action: str, code: Code, outcome: Outcome
) -> None:
    fake_broker.answers[action] = fake_broker.answers["hold"]
    waiting = asyncio.create_task(plc.request(action, device=1, timeout=600))
    await has_held(fake_broker)
    await asyncio.to_thread(fake_broker.stop)
    with pytest.raises(PlcmqError, match="broke") as caught:
        async with asyncio.timeout(10):
            await waiting
    assert (caught.value.code, caught.value.outcome) == (code, outcome)


async def test_a_read_that_may_be_repeated_outlives_its_broker(
    plc: AsyncConnection, start_broker: Any, fake_broker: Any
) -> None:
    fake_broker.answers["read"] = fake_broker.answers["hold"]
    retry = Retry(patience=600)
    waiting = asyncio.create_task(plc.request("read", device=1, timeout=600, retry=retry))
    await has_held(fake_broker)
    await asyncio.to_thread(fake_broker.stop)
    await asyncio.to_thread(start_broker, fake_broker.endpoint)
    async with asyncio.timeout(10):
        assert (await waiting)["action"] == "read"


async def test_a_request_made_while_the_broker_restarts_is_sent_when_it_is_back(
    start_broker: Any, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    async with connect(fake_broker.endpoint) as plc:
        await asyncio.to_thread(fake_broker.stop)
        await wait_until_lost(plc)
        waiting = asyncio.create_task(plc.request("read", device=1, timeout=20))
        again = await asyncio.to_thread(start_broker, fake_broker.endpoint)
        assert (await waiting)["action"] == "read"
        assert [request.action for request in again.requests] == ["read"]


@pytest.mark.parametrize(
    ("action", "code", "outcome"),
    [("read", Code.TIMEOUT, Outcome.NOT_EXECUTED), ("write", Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN)],
)
async def test_without_an_answer_the_client_says_what_it_knows(
    plc: AsyncConnection, fake_broker: Any, monkeypatch: Any, action: str, code: Code, outcome: Outcome
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    fake_broker.answers[action] = fake_broker.answers["silence"]
    with pytest.raises(PlcmqError) as caught:
        await plc.request(action, device=1, timeout=0.05)
    assert (caught.value.code, caught.value.outcome) == (code, outcome)


async def test_a_short_timeout_is_kept_while_a_long_one_waits(
    plc: AsyncConnection, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.0)
    long = asyncio.create_task(plc.request("hold", device=1, timeout=60))
    await has_held(fake_broker)
    with pytest.raises(OutcomeUnknown):
        await plc.request("silence", device=1, timeout=0.05)
    assert not long.done()
    fake_broker.release()
    await long


async def test_cancelling_an_await_drops_only_that_call(plc: AsyncConnection, fake_broker: Any) -> None:
    first = asyncio.create_task(plc.request("hold", {"n": 1}))
    second = asyncio.create_task(plc.request("hold", {"n": 2}))
    await has_held(fake_broker)
    await has_held(fake_broker)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    fake_broker.release()
    assert await second == {"n": 2}
    assert (await plc.request("echo", {"n": 3}))["rqargs"] == {"n": 3}
    assert "pending=0" in repr(plc)


async def test_a_callers_own_deadline_is_a_cancellation_like_any_other(plc: AsyncConnection) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await plc.request("silence", device=1)
    assert "pending=0" in repr(plc)


async def test_closing_fails_what_waits_and_says_so_to_what_comes(fake_broker: Any) -> None:
    async with connect(fake_broker.endpoint, timeout=60) as plc:
        waiting = [asyncio.create_task(plc.request("hold", device=1)) for _ in range(3)]
        for _ in waiting:
            await has_held(fake_broker)
    for error in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(error, OutcomeUnknown)
        assert error.code is Code.CANCELLED
    with pytest.raises(PlcmqError, match="closed"):
        await plc.ping()


async def test_closing_is_prompt_with_the_broker_away(fake_broker: Any) -> None:
    plc = await connect(fake_broker.endpoint)
    await asyncio.to_thread(fake_broker.stop)
    started = time.monotonic()
    await plc.close()
    assert time.monotonic() - started < 1.5


async def test_a_closed_connection_can_be_opened_again(fake_broker: Any) -> None:
    plc = connect(fake_broker.endpoint)
    for _ in range(3):
        async with plc:
            assert await plc.ping() > 0


async def test_500_open_and_close_cycles_leave_no_descriptor_and_no_thread(
    fake_broker: Any, held: Any
) -> None:
    before = held()
    for _ in range(500):
        async with connect(fake_broker.endpoint):
            pass
    assert before.nothing_new()


async def test_a_failed_connect_leaves_nothing(held: Any) -> None:
    before = held()
    for _ in range(3):
        with pytest.raises(BrokerUnreachable):
            await connect(NOBODY, connect_timeout=0.02)
    assert before.nothing_new()


def test_a_connection_forgotten_by_a_loop_that_ended_warns_and_lets_go(fake_broker: Any, held: Any) -> None:
    before = held()

    async def forget() -> None:
        await connect(fake_broker.endpoint)

    def run_and_collect() -> None:
        asyncio.run(forget())
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed"):
        run_and_collect()
    assert before.nothing_new()


def test_every_loop_has_connections_of_its_own(fake_broker: Any) -> None:
    async def use() -> float:
        async with connect(fake_broker.endpoint) as plc:
            return await plc.ping()

    results: list[float] = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(use()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 4


async def test_a_quiet_tick_finds_no_missed_edge(fake_broker: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "plcmq.client.aio.connection._TICK", 0.02
    )  # a reply that comes just between its two looks is none
    async with connect(fake_broker.endpoint) as plc:
        for number in range(200):
            assert (await plc.request("echo", {"n": number}))["rqargs"] == {"n": number}
        assert plc.missed_edges == 0


def busy_twice(broker: Any) -> None:
    """The next two requests are refused, and say when to come back."""
    refusals = [failure(Code.BUSY, "full", details={"retry_after": 0.01})] * 2

    def answer(_request: Any) -> object:
        if refusals:
            raise refusals.pop()
        return "done"

    broker.answers["act"] = answer


async def test_a_refusal_is_an_error_unless_retry_is_asked_for(
    plc: AsyncConnection, fake_broker: Any
) -> None:
    busy_twice(fake_broker)
    with pytest.raises(PlcmqError):
        await plc.request("act", device=1)
    assert await plc.bind(1).request("act", retry=True) == "done"
    assert len(fake_broker.requests) == 1 + 1 + 2, "the connection's own ping counts as well"


async def test_a_keyed_request_without_answer_is_asked_again_by_its_key(
    plc: AsyncConnection, fake_broker: Any
) -> None:
    answers = iter([fake_broker.SILENCE, fake_broker.SILENCE, "done"])
    fake_broker.answers["act"] = lambda _: next(answers)
    patient = Retry(patience=0.05)
    assert await plc.request("act", device=1, key="order-1", retry=patient) == "done"
    assert [request.key for request in fake_broker.requests[1:]] == ["order-1"] * 3


async def test_a_write_without_key_and_answer_is_sent_once(
    plc: AsyncConnection, fake_broker: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("plcmq.client.core.retry.GRACE", 0.1)
    fake_broker.answers["write"] = lambda _: fake_broker.SILENCE
    with pytest.raises(OutcomeUnknown):
        await plc.request("write", {"values": {"a": 1}}, device=1, timeout=0.1, retry=Retry(patience=0.01))
    assert len(fake_broker.requests) == 1 + 1
