"""A device as a W3C Thing Description."""

from __future__ import annotations

from urllib.parse import urljoin

import httpx
from plcmq.gateway.documents.thing import thing

from ..conftest import PRESS

DESCRIBED = PRESS | {"device": {"id": 7, "name": "press 1", "description": ""}}


def test_tags_are_properties_and_actions_are_actions() -> None:
    told = thing(DESCRIBED, "http://plant/x/")
    ways = {name: [form["op"] for form in one["forms"]] for name, one in told["properties"].items()}
    assert ways == {
        "batch_size": ["readproperty", "writeproperty", "observeproperty"],
        "temperature": ["readproperty", "observeproperty"],
    }
    assert told["properties"]["temperature"]["properties"]["value"] == {"type": "number", "unit": "degC"}
    assert told["actions"]["start_batch"]["input"]["required"] == ["batch_size"]
    assert (
        told["actions"]["start_batch"]["forms"][0]["href"] == "api/v1/devices/press%201/actions/start_batch"
    )


def test_its_forms_lead_where_it_says(web: httpx.Client) -> None:
    reply = web.get("/api/v1/devices/press-1/thing")
    assert reply.headers["Content-Type"] == "application/td+json"
    told = reply.json()
    assert told["base"] == f"{web.base_url}/"
    (read, *_) = told["properties"]["temperature"]["forms"]
    assert web.get(urljoin(told["base"], read["href"])).json()["value"] == 5
    (invoke,) = told["actions"]["start_batch"]["forms"]
    assert web.post(urljoin(told["base"], invoke["href"]), json={"batch_size": 1}).status_code == 200
