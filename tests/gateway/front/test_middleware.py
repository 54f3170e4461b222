"""What is on every answer, and what never reaches the app."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from plcmq.gateway.front.middleware import MAX_BODY

ACTION = "/api/v1/devices/press-1/actions/start_batch"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/healthz", 405),
        ("GET", "/api/v1/devices?limit=none", 422),
        ("GET", "/docs", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_every_answer_has_the_id_the_time_and_the_safety_of_browsers(
    web: httpx.Client, method: str, path: str, status: int
) -> None:
    reply = web.request(method, path, headers={"X-Request-Id": "order-7"})
    assert reply.status_code == status
    assert reply.headers["X-Request-Id"] == "order-7"
    assert "total;dur=" in reply.headers["Server-Timing"]
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    if status >= 400:
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.json()["request_id"] == "order-7"


def test_an_id_that_is_not_printable_is_replaced(web: httpx.Client) -> None:
    reply = web.get("/healthz", headers={"X-Request-Id": "a" * 129})
    assert len(reply.headers["X-Request-Id"]) < 30


def test_the_id_reaches_the_broker_and_is_never_there_twice(web: httpx.Client, fake_broker: Any) -> None:
    for _ in range(2):
        web.post(ACTION, headers={"X-Request-Id": "order-7"})
    ids = [request.id for request in fake_broker.requests if request.action == "start_batch"]
    assert len(set(ids)) == 2
    assert all(str(one).startswith("order-7.") for one in ids)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}, 403),
    ],
)
def test_a_refused_command_never_reaches_the_broker(
    web: httpx.Client, fake_broker: Any, headers: dict[str, str], status: int
) -> None:
    assert web.post(ACTION, headers=headers).status_code == status
    assert "start_batch" not in [request.action for request in fake_broker.requests]


def test_a_click_that_was_held_back_moves_nothing(web: httpx.Client, fake_broker: Any) -> None:
    headers = {"Origin": str(web.base_url).rstrip("/"), "X-Plcmq-Seen": str(time.time() - 10)}
    reply = web.post(ACTION, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (504, "expired")
    assert reply.json()["outcome"] == "not_executed"
    assert "start_batch" not in [request.action for request in fake_broker.requests]


def test_a_listed_origin_is_let_in_and_told_so(start_gateway: Callable[..., Any]) -> None:
    url = start_gateway(origins=("https://mes.example",)).url + ACTION
    asked = {"Origin": "https://mes.example", "Access-Control-Request-Method": "POST"}
    before = httpx.options(url, headers=asked)
    assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (204, "https://mes.example")
    reply = httpx.post(url, headers={"Origin": "https://mes.example", "X-Plcmq-Seen": str(time.time())})
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (200, "https://mes.example")


def test_other_origins_learn_nothing_from_a_preflight(web: httpx.Client) -> None:
    reply = web.options(
        ACTION, headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_body_over_the_limit_is_refused_however_it_comes(web: httpx.Client) -> None:
    body = b"x" * (MAX_BODY + 1)
    assert web.post(ACTION, content=body).status_code == 413
    reply = web.post(ACTION, content=iter([body[:1000], body[1000:]]))  # without a Content-Length
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


def test_a_sender_that_goes_away_in_its_body_costs_nothing(web: httpx.Client, fake_broker: Any) -> None:
    address = urlsplit(str(web.base_url))
    with socket.create_connection((address.hostname, address.port)) as peer:
        head = f"POST {ACTION} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345"
        peer.sendall(head.encode())
    assert web.get("/healthz").status_code == 200
    assert "start_batch" not in [request.action for request in fake_broker.requests]
