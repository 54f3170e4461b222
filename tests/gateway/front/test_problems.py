"""Errors as HTTP, each code once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from plcmq.client.protocol.errors import MEANINGS, Code, failure
from plcmq.gateway.front.problems import TITLES


@pytest.mark.parametrize("code", list(Code))
def test_every_code_is_a_problem_with_its_status_and_outcome(
    web: httpx.Client, fake_broker: Any, code: Code
) -> None:
    def fail(_request: Any) -> object:
        raise failure(code, "why", details={"retry_after": 2.3})

    fake_broker.answers["start_batch"] = fail
    reply = web.post("/api/v1/devices/press-1/actions/start_batch")
    meaning = MEANINGS[code]
    assert reply.status_code == meaning.http
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Retry-After"] == "3"
    body = reply.json()
    assert body.pop("request_id") == reply.headers["X-Request-Id"]
    assert body == {
        "type": f"urn:plcmq:error:{code}",
        "title": TITLES[code],
        "status": meaning.http,
        "detail": "why",
        "code": str(code),
        "outcome": str(meaning.outcome),
        "retryable": meaning.retryable,
        "details": {"retry_after": 2.3},
    }


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{no json", "application/json", 400, "bad_request"),
        (b"\xff", "application/json", 400, "bad_request"),
        (b"[1]", "application/json", 422, "bad_args"),
        (b"{}", "text/plain", 415, "bad_request"),
        (b"{}", "", 415, "bad_request"),
    ],
)
def test_a_body_that_is_no_json_object_is_the_senders_fault(
    web: httpx.Client, content: bytes, kind: str, status: int, code: str
) -> None:
    reply = web.post(
        "/api/v1/devices/press-1/actions/start_batch", content=content, headers={"Content-Type": kind}
    )
    assert (reply.status_code, reply.json()["code"]) == (status, code)


def test_a_wrong_parameter_is_named_and_its_value_kept_back(web: httpx.Client) -> None:
    reply = web.get("/api/v1/devices", params={"limit": "secret"})
    assert (reply.status_code, reply.json()["code"]) == (422, "bad_args")
    assert reply.json()["details"]["path"] == "query.limit"
    assert "secret" not in reply.text


def test_a_wrong_method_is_told_all_the_right_ones(web: httpx.Client) -> None:
    assert web.put("/api/v1/devices/press-1/tags").headers["Allow"] == "GET, PATCH"
    assert web.put("/api/v1/devices/press-1/lock").headers["Allow"] == "DELETE, POST"
