"""Commands over HTTP: arguments, keys, times, and what is not offered."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from plcmq.devices.interface.requests import BUILT_IN as EVERY_DEVICE
from plcmq.gateway.views.actions import BUILT_IN
from plcmq.gateway.views.asking import idempotency_key, shown

ACTION = "/api/v1/devices/press-1/actions/start_batch"


def last(fake_broker: Any, action: str) -> Any:
    return [request for request in fake_broker.requests if request.action == action][-1]


def test_the_result_is_the_body(web: httpx.Client, fake_broker: Any) -> None:
    fake_broker.answers["start_batch"] = lambda _: {"batch_no": 7}
    reply = web.post(ACTION, json={"batch_size": 15})
    assert (reply.status_code, reply.json()) == (200, {"batch_no": 7})
    assert reply.headers["Cache-Control"] == "no-store"
    asked = last(fake_broker, "start_batch")
    assert (asked.device, asked.rqargs) == ("press-1", {"batch_size": 15})


def test_an_action_without_arguments_needs_no_body(web: httpx.Client, fake_broker: Any) -> None:
    assert web.post("/api/v1/devices/7/actions/stop").status_code == 200
    assert last(fake_broker, "stop").device == 7


@pytest.mark.parametrize(
    ("header", "key"),
    [('"order-4711"', "order-4711"), ("order-4711", "order-4711"), (r'"a\"b"', 'a"b'), (None, None)],
)
def test_a_key_comes_with_quotes_or_without(header: str | None, key: str | None) -> None:
    assert idempotency_key(header) == key


def test_key_token_and_time_reach_the_broker(web: httpx.Client, fake_broker: Any) -> None:
    headers = {"Idempotency-Key": "k1", "Lock-Token": "t1", "Prefer": "wait=7"}
    reply = web.post(ACTION, headers=headers)
    assert reply.headers["Preference-Applied"] == "wait=7"
    asked = last(fake_broker, "start_batch")
    assert (asked.key, asked.token, asked.timeout) == ("k1", "t1", 7.0)
    web.post(ACTION, params={"timeout": 0.25}, headers={"Prefer": "wait=7"})
    assert last(fake_broker, "start_batch").timeout == 0.25


def test_an_action_gets_the_time_that_its_profile_gives_it(web: httpx.Client, fake_broker: Any) -> None:
    while b"start_batch" not in web.get("/openapi.json").content:
        time.sleep(0.02)
    web.post(ACTION, json={"batch_size": 15})
    assert last(fake_broker, "start_batch").timeout == 31.5
    web.post(ACTION, json={"batch_size": 15}, params={"timeout": 2})
    assert last(fake_broker, "start_batch").timeout == 2


def test_what_every_device_has_is_not_offered_as_an_action(web: httpx.Client, fake_broker: Any) -> None:
    assert set(EVERY_DEVICE) <= BUILT_IN
    for action in BUILT_IN:
        reply = web.post(f"/api/v1/devices/press-1/actions/{action}")
        assert (reply.status_code, reply.json()["code"]) == (404, "unknown_action")
    assert {request.action for request in fake_broker.requests} <= {"ping", "info", "profiles"}


def test_the_typed_path_is_for_devices_of_its_profile(web: httpx.Client) -> None:
    path = "/api/v1/profiles/{}/devices/press-1/actions/start_batch"
    assert web.post(path.format("press")).status_code == 200
    assert web.post(path.format("furnace")).status_code == 404


def test_a_batch_tells_each_reply_apart(web: httpx.Client, fake_broker: Any) -> None:
    error = {"code": "busy", "message": "full", "outcome": "not_executed", "retryable": True}
    replies = [{"id": 1, "ok": True, "result": {"a": 1}}, {"id": 2, "ok": False, "error": error}]
    fake_broker.answers["batch"] = lambda _: {"replies": replies}
    requests = [{"device": "a", "action": "read", "rqargs": {"tags": ["t"]}}, {"device": "b", "action": "go"}]
    told = web.post("/api/v1/batch", json={"requests": requests}).json()["replies"]
    assert told[0] == {"status": 200, "body": {"a": 1}}
    assert (told[1]["status"], told[1]["body"]["code"]) == (429, "busy")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"requests": {}},
        {"requests": [1]},
        {"requests": [{"action": "info"}]},
        {"requests": [{"device": "a", "action": "x", "token": "t"}]},
        {"requests": [{"device": "a", "action": "write_raw"}]},
        {"requests": [{"device": "a", "action": {}}]},
        {"requests": [{"device": [None], "action": "x"}]},
        {"requests": [{"device": True, "action": "x"}]},
        {"requests": [{"device": "a", "action": "x", "key": ""}]},
        {"requests": [{"device": "a", "action": "x", "rqargs": []}]},
        {"requests": [{"device": "a", "action": "x", "timeout": 0}]},
        {"requests": [{"device": "a", "action": "x"}] * 101},
    ],
)
def test_a_batch_lets_nothing_through_that_has_no_path(
    web: httpx.Client, fake_broker: Any, body: object
) -> None:
    assert web.post("/api/v1/batch", json=body).status_code in (404, 422)
    assert "batch" not in [request.action for request in fake_broker.requests]


def test_a_lock_comes_and_goes_with_its_token(web: httpx.Client, fake_broker: Any) -> None:
    fake_broker.answers["lock"] = lambda request: {"token": "t1", "ttl": request.rqargs["ttl"]}
    locked = web.post("/api/v1/devices/press-1/lock", params={"ttl": 3})
    assert (locked.headers["Lock-Token"], locked.json()["ttl"]) == ("t1", 3)
    assert web.delete("/api/v1/devices/press-1/lock").status_code == 422
    assert web.delete("/api/v1/devices/press-1/lock", headers={"Lock-Token": "t1"}).status_code == 200
    assert last(fake_broker, "unlock").token == "t1"


def test_no_name_makes_a_line_of_the_log_of_its_own() -> None:
    assert shown("press-1") == "press-1"
    for name in ("a\nb", "a b", "\x1b[31m", "é", "", "a" * 200):
        assert shown(name).isprintable()
        assert shown(name).isascii()
        assert shown(name).startswith("'")
