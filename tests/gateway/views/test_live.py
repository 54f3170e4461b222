"""The WebSocket and the event streams, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from plcmq.client.protocol.errors import Code, failure
from plcmq.gateway.views.live import MOST_TOPICS
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

DEVICE = {"open": {"topic": "device", "device": "press-1"}}


@pytest.fixture
def watched(fake_broker: Any) -> Any:
    """The fake broker, where a watch can be had."""
    fake_broker.answers["watch"] = lambda _: {"watch": "w1", "ttl": 30.0}
    fake_broker.answers["unwatch"] = lambda _: {}
    return fake_broker


@asynccontextmanager
async def line(gateway: Any, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"{gateway.url.replace('http', 'ws')}/api/v1/live", **options) as websocket:
        yield websocket


async def until(websocket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await websocket.recv())
            if wanted(message):
                return dict(message)


async def test_a_device_is_told_whole_and_then_its_changes(gateway: Any, watched: Any) -> None:
    async with line(gateway) as websocket:
        await websocket.send(json.dumps(DEVICE))
        key = (await until(websocket, lambda message: "opened" in message))["opened"]
        await asyncio.to_thread(watched.watched.get, timeout=10)
        watched.tell({"values": {"temperature": 21.5}, "age": {"temperature": 0.1}})
        told = await until(websocket, lambda message: "temperature" in json.dumps(message))
        content = told.get("full") or told["change"]
        assert (told["key"], content["tags"]["temperature"]["value"]) == (key, 21.5)
        watched.tell({"values": {"temperature": 22.0}, "age": {"temperature": 0.1}})
        change = (await until(websocket, lambda message: "22.0" in json.dumps(message)))["change"]
        assert list(change["tags"]) == ["temperature"]


async def test_a_beat_comes_without_any_topic(gateway: Any) -> None:
    async with line(gateway) as websocket:
        assert (await until(websocket, lambda message: "beat" in message))["beat"] > 1e9


async def test_twenty_viewers_of_a_device_are_one_watch(gateway: Any, watched: Any) -> None:
    async with asyncio.timeout(30):
        lines = [
            await connect(f"{gateway.url.replace('http', 'ws')}/api/v1/live").__aenter__() for _ in range(20)
        ]
        for websocket in lines:
            await websocket.send(json.dumps(DEVICE))
            await until(websocket, lambda message: "full" in message)
        for websocket in lines:
            await websocket.close()
    assert [request.action for request in watched.requests].count("watch") == 1


async def test_a_device_that_is_not_there_is_a_problem_and_not_the_end(
    gateway: Any, fake_broker: Any
) -> None:
    def refuse(_request: Any) -> object:
        raise failure(Code.UNKNOWN_DEVICE, "there is no such device")

    fake_broker.answers["describe"] = refuse
    async with line(gateway) as websocket:
        await websocket.send(json.dumps(DEVICE))
        told = await until(websocket, lambda message: "problem" in message)
        assert told["problem"]["code"] == "unknown_device"
        await until(websocket, lambda message: "beat" in message)


@pytest.mark.parametrize("message", ["{", b"\x00"])
async def test_what_is_no_json_ends_the_line(gateway: Any, message: str | bytes) -> None:
    async with line(gateway) as websocket:
        await websocket.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            await until(websocket, lambda _: False)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_what_is_no_topic_is_told(gateway: Any) -> None:
    async with line(gateway) as websocket:
        for message in ({"open": {"topic": "x"}}, {"shut": 1}, []):
            await websocket.send(json.dumps(message))
            assert (await until(websocket, lambda told: "problem" in told))["key"] is None


async def test_a_line_has_so_many_topics_and_no_more(gateway: Any) -> None:
    async with line(gateway) as websocket:
        for offset in range(MOST_TOPICS + 1):
            await websocket.send(json.dumps({"open": {"topic": "devices", "offset": offset}}))
        told = await until(websocket, lambda message: "problem" in message)
        assert str(MOST_TOPICS) in told["problem"]["message"]


async def test_another_pages_socket_is_refused(gateway: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with line(gateway, origin="http://evil.example"):
            pytest.fail("it came in")
    assert refused.value.response.status_code == 403


async def test_there_are_so_many_viewers_and_no_more(start_gateway: Callable[..., Any]) -> None:
    gateway = start_gateway(viewers=1)
    async with line(gateway) as websocket:
        await until(websocket, lambda message: "beat" in message)
        with pytest.raises(InvalidStatus) as refused:
            async with line(gateway):
                pytest.fail("it came in")
        assert refused.value.response.status_code == 503
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{gateway.url}/api/v1/events")).status_code == 429


async def test_viewers_that_vanish_leave_nothing(gateway: Any, watched: Any) -> None:
    """Half of them close, half of them are torn off."""
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        for number in range(20):
            websocket = await connect(f"{gateway.url.replace('http', 'ws')}/api/v1/live").__aenter__()
            await websocket.send(json.dumps(DEVICE))
            await until(websocket, lambda message: "opened" in message)
            if number % 2:
                torn = websocket.transport.get_extra_info("socket")
                torn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                websocket.transport.abort()
            else:
                await websocket.close()
        async with asyncio.timeout(10):
            while 'viewers{kind="live"} 0' not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.05)


async def test_a_stream_has_everything_first_and_ends_in_order(gateway: Any, watched: Any) -> None:
    async with httpx.AsyncClient(timeout=20) as client:
        url = f"{gateway.url}/api/v1/devices/press-1/events"
        async with client.stream(
            "GET", url, params={"tags": "temperature", "deadband": "temperature:0.2"}
        ) as reply:
            assert reply.headers["Content-Type"].startswith("text/event-stream")
            assert reply.headers["X-Accel-Buffering"] == "no"
            lines = reply.aiter_lines()
            events = [text async for text in first_events(lines, 1)]
            assert events[0][0] == "values"
            assert events[0][1]["full"] is True
            gateway.end()
            rest = [event async for event in first_events(lines, 99)]
            assert rest[-1][0] == "ended"
    asked = next(request for request in watched.requests if request.action == "watch").rqargs
    assert (asked["tags"], asked["deadband"]) == (["temperature"], {"temperature": 0.2})


async def first_events(lines: AsyncIterator[str], most: int) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    kind = ""
    async for text in lines:
        name, _, value = text.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)
            most -= 1
            if not most:
                return


@pytest.mark.parametrize(
    "params",
    [{"interval": 0}, {"deadband": "temperature"}, {"tags": "a" * 300}],
    ids=["interval", "band", "tag"],
)
def test_a_stream_of_nothing_sensible_is_refused(web: httpx.Client, params: dict[str, Any]) -> None:
    assert web.get("/api/v1/devices/press-1/events", params=params).status_code == 422
