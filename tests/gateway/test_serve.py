"""The gateway as a process: where it may listen, and how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from plcmq.gateway.serve import NotProtected, check_bind, listen
from plcmq.gateway.settings import GatewaySettings, host_and_port


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
