"""Devices over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
from plcmq.client.protocol.errors import Code, failure


def test_devices_come_in_pages_that_lead_on(web: httpx.Client) -> None:
    reply = web.get("/api/v1/devices", params={"limit": 1})
    assert (reply.json()["total"], len(reply.json()["devices"])) == (2, 1)
    following = web.get(reply.links["next"]["url"])
    assert following.json()["devices"][0]["state"] == "down"
    assert "next" not in following.links


def test_filters_reach_the_broker(web: httpx.Client, fake_broker: Any) -> None:
    web.get("/api/v1/devices", params={"match": "press", "state": "down", "profile": "press"})
    asked = [request for request in fake_broker.requests if request.action == "figures"][-1].rqargs
    assert (asked["match"], asked["state"], asked["profile"]) == ("press", "down", "press")


def test_who_has_a_device_already_gets_304(web: httpx.Client, fake_broker: Any) -> None:
    first = web.get("/api/v1/devices/press-1")
    assert first.json()["state"] == "up"
    again = {"If-None-Match": first.headers["ETag"]}
    assert web.get("/api/v1/devices/press-1", headers=again).status_code == 304
    fake_broker.answers["status"] = lambda _: {"state": "down"}
    assert web.get("/api/v1/devices/press-1", headers=again).status_code == 200


def test_diagnostics_are_one_file_with_a_trace_where_there_is_one(
    web: httpx.Client, fake_broker: Any
) -> None:
    fake_broker.answers["trace"] = lambda _: {"rows": [], "next": 0}
    reply = web.get("/api/v1/devices/press-1/diagnostics")
    assert set(reply.json()) == {"version", "at", "describe", "status", "trace"}
    assert "attachment" in reply.headers["Content-Disposition"]

    def refuse(_request: Any) -> object:
        raise failure(Code.UNKNOWN_ACTION, "no trace")

    fake_broker.answers["trace"] = refuse
    assert "trace" not in web.get("/api/v1/devices/press-1/diagnostics").json()


def test_a_trace_is_asked_for_as_it_is_wanted(web: httpx.Client, fake_broker: Any) -> None:
    fake_broker.answers["trace"] = lambda request: request.rqargs
    params = {"limit": 5, "failed": True, "after": 3, "since": 60}
    assert web.get("/api/v1/devices/press-1/trace", params=params).json() == params
