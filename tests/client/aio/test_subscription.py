"""`watch` over an asyncio connection: events come, and however its consumer leaves, the broker is told."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from plcmq.client import Code, PlcmqError, Rejected, WatchEvent, connect
from plcmq.client.aio.connection import AsyncConnection
from plcmq.client.protocol.errors import failure


@pytest.fixture
async def plc(fake_broker: Any) -> AsyncIterator[AsyncConnection]:
    ids = itertools.count(1)
    ttl: dict[int, object] = {}

    def watch(request: Any) -> object:
        return {
            "watch": request.rqargs.get("watch") or f"w{next(ids)}",
            "ttl": ttl.setdefault(0, request.rqargs.get("ttl")),
        }

    fake_broker.answers["watch"] = watch
    fake_broker.answers["unwatch"] = lambda _: {}
    async with connect(fake_broker.endpoint) as plc:
        yield plc
        assert plc.missed_edges == 0


async def asked(broker: Any, action: str, times: int = 1) -> list[Any]:
    """The requests for an action, when there are so many."""
    async with asyncio.timeout(10):
        while len(found := [one for one in broker.requests if one.action == action]) < times:
            await asyncio.sleep(0.002)
    return found


async def test_events_come_as_they_are_told(plc: AsyncConnection, fake_broker: Any) -> None:
    async with aclosing(plc.watch("press-1", ["a", "b"], interval=0.5, deadband={"a": 1})) as events:
        first = asyncio.ensure_future(anext(events))
        (request,) = await asked(fake_broker, "watch")
        assert request.device == "press-1"
        assert request.rqargs == {"tags": ["a", "b"], "interval": 0.5, "deadband": {"a": 1}, "ttl": 30.0}
        fake_broker.tell({"values": {"a": 1, "b": 2}, "age": {"a": 0.0, "b": 0.0}})
        assert await first == WatchEvent({"a": 1, "b": 2}, {"a": 0.0, "b": 0.0})
        fake_broker.tell({"values": {"a": 3}, "age": {}})
        assert (await anext(events)).values == {"a": 3}
    assert (await asked(fake_broker, "unwatch"))[0].rqargs == {"watch": "w1"}


async def test_leaving_the_loop_unwatches(plc: AsyncConnection, fake_broker: Any) -> None:
    async def tell() -> None:
        await asked(fake_broker, "watch")
        fake_broker.tell({"values": {"a": 1}})

    telling = asyncio.create_task(tell())
    async for event in plc.bind("press-1").watch("a"):
        assert event.values == {"a": 1}
        break
    await telling
    assert (await asked(fake_broker, "unwatch"))[0].device == "press-1"


async def test_cancelling_the_consumer_unwatches(plc: AsyncConnection, fake_broker: Any) -> None:
    async def consume() -> None:
        async for _ in plc.watch("press-1", "a"):
            pass

    consumer = asyncio.create_task(consume())
    await asked(fake_broker, "watch")
    await plc.ping()  # by now the watch has its reply
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    await asked(fake_broker, "unwatch")


async def test_a_watch_that_is_granted_too_late_is_unwatched(plc: AsyncConnection, fake_broker: Any) -> None:
    fake_broker.answers["watch"] = lambda _: fake_broker.HOLD
    watch = plc.watch("press-1", "a")
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.to_thread(fake_broker.held.get, timeout=10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    fake_broker._answer_held = lambda: fake_broker._reply(
        *fake_broker._held.pop(), {"watch": "late", "ttl": 30}
    )
    fake_broker.release()
    assert (await asked(fake_broker, "unwatch"))[0].rqargs == {"watch": "late"}


async def test_a_slow_consumer_gets_the_newest(plc: AsyncConnection, fake_broker: Any) -> None:
    async with aclosing(plc.watch("press-1", ["a", "b"])) as events:
        first = asyncio.ensure_future(anext(events))
        await asked(fake_broker, "watch")
        fake_broker.tell({"values": {"a": 0, "b": 0}})
        await first
        fake_broker.tell(*({"values": {"a": value}, "overruns": 1} for value in range(1, 501)))
        await plc.ping()  # all of it has come
        event = await anext(events)
        assert (event.values, event.overruns) == ({"a": 500}, 500)


async def test_when_the_broker_dies_and_comes_back_it_is_taken_up_again_at_once(
    plc: AsyncConnection, start_broker: Any, fake_broker: Any
) -> None:
    async with aclosing(plc.watch("press-1", "a", ttl=3600)) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asked(fake_broker, "watch")
        fake_broker.tell({"values": {"a": 1}})
        assert (await waiting).values == {"a": 1}
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.to_thread(fake_broker.stop)
        again = await asyncio.to_thread(start_broker, fake_broker.endpoint)
        again.answers |= fake_broker.answers
        (request,) = await asked(again, "watch")
        assert request.rqargs["tags"] == ["a"]
        again.tell({"values": {"a": 1}})
        event = await waiting
        assert (event.values, event.restarted) == ({"a": 1}, True)


async def test_it_renews_under_the_same_id(plc: AsyncConnection, fake_broker: Any) -> None:
    async with aclosing(plc.watch("press-1", "a", ttl=0.06)) as events:
        waiting = asyncio.ensure_future(anext(events))
        first, *renewals = await asked(fake_broker, "watch", times=3)
        assert [request.rqargs for request in renewals] == [{"watch": "w1"}] * len(renewals)
        assert {request.id for request in renewals} == {first.id}
        fake_broker.tell({"values": {"a": 1}})
        assert (await waiting).values == {"a": 1}


async def test_a_watch_that_ends_over_there_is_taken_up_again(plc: AsyncConnection, fake_broker: Any) -> None:
    async with aclosing(plc.watch("press-1", "a")) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asked(fake_broker, "watch")
        fake_broker.tell({"values": {"a": 1}}, {"ended": "its device host was lost"})
        assert (await waiting).values == {"a": 1}
        waiting = asyncio.ensure_future(anext(events))
        first, second = await asked(fake_broker, "watch", times=2)
        assert first.rqargs == second.rqargs
        assert first.id != second.id
        fake_broker.tell({"values": {"a": 1}})
        assert (await waiting).restarted
    await asked(fake_broker, "unwatch")


async def test_what_cannot_get_better_is_raised(plc: AsyncConnection, fake_broker: Any) -> None:
    def refuse(_: object) -> object:
        raise failure(Code.UNKNOWN_TAG, "no tag b")

    fake_broker.answers["watch"] = refuse
    with pytest.raises(Rejected, match="no tag b"):
        await anext(plc.watch("press-1", "b"))


async def test_closing_the_connection_ends_it(plc: AsyncConnection, fake_broker: Any) -> None:
    waiting = asyncio.ensure_future(anext(plc.watch("press-1", "a")))
    await asked(fake_broker, "watch")
    await plc.close()
    with pytest.raises(PlcmqError, match="closed"):
        await waiting
