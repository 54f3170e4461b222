"""The gateway as a process: where it may listen, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from plcmq.gateway.serve import NotProtected, check_bind, listen
from plcmq.gateway.settings import GatewaySettings, host_and_port
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:8080", "[::1]:8080"])
def test_it_may_listen_on_loopback(bind: str) -> None:
    check_bind(GatewaySettings(bind=bind))


def test_beyond_loopback_it_wants_protection_or_consent() -> None:
    with pytest.raises(NotProtected, match="--insecure"):
        check_bind(GatewaySettings(bind="0.0.0.0:8080"))
    for consent in ({"insecure": True}, {"behind_proxy": True}, {"tls_cert": "a", "tls_key": "b"}):
        check_bind(replace(GatewaySettings(bind="0.0.0.0:8080"), **consent))


@pytest.mark.parametrize("bind", ["", "8080", "a:b", "a:70000", "::1:8080", "[::1:8080"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets"):
        host_and_port(bind)


def test_the_socket_gives_a_vanished_viewer_up() -> None:
    with listen("127.0.0.1:0") as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000


def test_it_ends_at_once_where_nothing_is_on_its_way(start_gateway: Callable[..., Any]) -> None:
    gateway = start_gateway()
    gateway.end()
    assert gateway.join(10)


def test_a_command_on_its_way_is_answered_before_it_ends(
    start_gateway: Callable[..., Any], fake_broker: Any
) -> None:
    gateway = start_gateway()
    fake_broker.answers["start_batch"] = lambda _: fake_broker.HOLD
    replies: list[httpx.Response] = []
    url = f"{gateway.url}/api/v1/devices/press-1/actions/start_batch"
    asking = threading.Thread(target=lambda: replies.append(httpx.post(url, json={"a": 1}, timeout=20)))
    asking.start()
    fake_broker.held.get(timeout=10)
    gateway.end()
    fake_broker.release()
    asking.join(20)
    assert (replies[0].status_code, replies[0].json()) == (200, {"a": 1})
    assert gateway.join(10)


@pytest.mark.timeout(60)
def test_streams_end_at_once_and_commands_in_hand_are_answered(
    start_gateway: Callable[..., Any], fake_broker: Any
) -> None:
    """50 WebSockets, 50 event streams and 20 commands."""
    fake_broker.answers["start_batch"] = lambda _: fake_broker.HOLD
    gateway = start_gateway()

    async def watch(ends: list[int]) -> None:
        async with connect(gateway.url.replace("http", "ws") + "/api/v1/live") as websocket:
            await websocket.send('{"open": {"topic": "devices"}}')
            with contextlib.suppress(ConnectionClosedError):
                async for _ in websocket:
                    pass
        ends.append(websocket.close_code or 0)

    async def stream(client: httpx.AsyncClient, ends: list[int]) -> None:
        async with client.stream("GET", "/api/v1/events") as reply:
            text = [line async for line in reply.aiter_lines()]
        ends.append(int("event: ended" in text))

    async def everything() -> tuple[list[int], list[int], list[httpx.Response]]:
        sockets: list[int] = []
        streams: list[int] = []
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=gateway.url, timeout=30, limits=limits) as client:
            path = "/api/v1/devices/press-1/actions/start_batch"
            commands = [asyncio.ensure_future(client.post(path, json={"a": n})) for n in range(20)]
            viewers = [asyncio.ensure_future(watch(sockets)) for _ in range(50)]
            viewers += [asyncio.ensure_future(stream(client, streams)) for _ in range(50)]
            for _ in range(20):
                await asyncio.to_thread(fake_broker.held.get, timeout=10)
            while 'viewers{kind="live"} 100' not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.02)
            gateway.end()
            await asyncio.gather(*viewers)
            fake_broker.release()
            return sockets, streams, list(await asyncio.gather(*commands))

    sockets, streams, replies = asyncio.run(everything())
    assert sockets == [1012] * 50
    assert streams == [1] * 50
    assert [reply.json() for reply in replies] == [{"a": n} for n in range(20)]
    assert gateway.join(10)
