"""The OpenAPI document: fixed routes, and a typed operation for each declared action."""

from __future__ import annotations

import time
from typing import Any

import httpx
from plcmq.gateway.documents.openapi import with_profiles

from ..conftest import PRESS

BASE = {"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "press_stop", "responses": {}}}}}
START = "/api/v1/profiles/press/devices/{device}/actions/start_batch"


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_each_declared_action_is_a_typed_operation() -> None:
    document = with_profiles(BASE, [PRESS])
    start = document["paths"][START]["post"]
    assert (start["operationId"], start["tags"]) == ("press_start_batch", ["press"])
    schemas = document["components"]["schemas"]
    assert schemas["PressStartBatchArgs"]["required"] == ["batch_size"]
    assert schemas["PressTags"]["properties"]["temperature"] == {
        "type": "number",
        "x-unit": "degC",
        "readOnly": True,
    }


def test_every_operation_has_an_id_of_its_own() -> None:
    twice = [PRESS, PRESS | {"name": "press!"}, PRESS | {"name": "prèss"}]
    ids = [operation["operationId"] for operation in operations(with_profiles(BASE, twice))]
    assert len(ids) == len(set(ids))


def test_generators_get_no_empty_required_and_no_ranges_of_statuses() -> None:
    document = with_profiles(BASE, [PRESS])
    assert "required" not in document["components"]["schemas"]["PressStopArgs"]
    for operation in operations(document):
        assert all(status.isdecimal() for status in operation["responses"])


def test_the_base_is_left_as_it_was() -> None:
    before = str(BASE)
    with_profiles(BASE, [PRESS])
    assert str(BASE) == before


def test_every_reference_leads_somewhere() -> None:
    document = with_profiles(BASE, [PRESS])

    def look(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                assert part["$ref"].rpartition("/")[2] in document["components"]["schemas"]
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                look(one)

    look(document)


def test_a_profile_that_comes_while_it_runs_is_in_the_document(web: httpx.Client, fake_broker: Any) -> None:
    def served() -> tuple[str, list[str]]:
        reply = web.get("/openapi.json")
        return reply.headers["ETag"], list(reply.json()["paths"])

    def wait_for(path: str) -> str:
        for _ in range(200):
            etag, paths = served()
            if path in paths:
                return etag
            time.sleep(0.05)
        raise AssertionError(path)

    before = wait_for(START)
    lathe = PRESS | {"name": "lathe"}
    fake_broker.answers |= {
        "profiles": lambda _: {"profiles": [PRESS, lathe], "total": 2, "revision": 2},
        "info": lambda _: {"name": "plcmq", "version": "1", "uptime": 1.0, "revision": 2, "features": []},
    }
    after = wait_for(START.replace("press", "lathe"))
    assert after != before
    assert web.get("/openapi.json", headers={"If-None-Match": after}).status_code == 304


def test_the_documentation_asks_nobody_else(web: httpx.Client) -> None:
    page = web.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert web.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200
