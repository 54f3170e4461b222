"""The gateway about itself, and a broker that is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx


def test_the_gateway_tells_what_it_is(web: httpx.Client) -> None:
    content = web.get("/api/v1").json()
    assert (content["read_only"], content["broker"]["revision"]) == (False, 1)


def test_a_keyed_request_can_be_looked_up(web: httpx.Client, fake_broker: Any) -> None:
    fake_broker.answers["recall"] = lambda request: {"state": "unknown_key", "key": request.rqargs["key"]}
    assert web.get("/api/v1/requests/k1").json() == {"state": "unknown_key", "key": "k1"}


def test_profiles_are_listed_and_one_is_found(web: httpx.Client) -> None:
    assert web.get("/api/v1/profiles").json()["profiles"][0]["name"] == "press"
    assert web.get("/api/v1/profiles/press").json()["name"] == "press"
    assert web.get("/api/v1/profiles/pres").status_code == 404


def test_failed_commands_are_remembered(web: httpx.Client, fake_broker: Any) -> None:
    from plcmq.client.protocol.errors import Code, failure

    def fail(_request: Any) -> object:
        raise failure(Code.OUTCOME_UNKNOWN, "no answer")

    fake_broker.answers["start_batch"] = fail
    web.post("/api/v1/devices/press-1/actions/start_batch", headers={"X-Request-Id": "order-7"})
    failed = web.get("/api/v1/failures").json()["failures"][0]
    assert (failed["request_id"], failed["device"], failed["outcome"]) == ("order-7", "press-1", "unknown")


def test_without_a_broker_it_serves_and_says_why(start_gateway: Callable[..., Any], fake_broker: Any) -> None:
    endpoint = fake_broker.endpoint
    fake_broker.stop()
    url = start_gateway(broker=endpoint, timeout=0.2).url
    assert httpx.get(f"{url}/healthz").status_code == 200
    reply = httpx.get(f"{url}/api/v1/devices")
    assert (reply.status_code, reply.json()["code"]) == (503, "no_host")
    assert httpx.get(f"{url}/readyz", timeout=10).status_code == 503
    assert "plcmq_broker_up 0" in httpx.get(f"{url}/metrics", timeout=30).text
