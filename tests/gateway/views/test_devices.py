"""Devices over HTTP."""

from __future__ import annotations

from typing import Any

import httpx


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
