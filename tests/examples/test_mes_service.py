"""The example MES service under a real uvicorn: what its clients see."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from plcmq.client.protocol.errors import Code, failure

SOURCE = Path(__file__).parents[2] / "examples" / "mes_service" / "app.py"


@pytest.fixture(scope="module")
def service() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mes_service_app", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(fake_broker: Any, serve_app: Any, service: ModuleType) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve_app(service.create_app(fake_broker.endpoint)).url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "batch_size", "nok_num"),
    [
        ({"batsize": 20, "noksize": 2}, 20, 2),
        ({"batsize": 20}, 20, 3),
        ({}, 15, 3),
        (None, 15, 3),
    ],
)
def test_start_runs_a_batch(client: httpx.Client, body: object, batch_size: int, nok_num: int) -> None:
    reply = client.put("/start/1", json=body) if body is not None else client.put("/start/1")
    assert reply.status_code == 200
    assert reply.json() == {
        "action": "start_batch",
        "device": 1,
        "rqargs": {"batch_size": batch_size, "nok_num": nok_num},
    }


def test_a_batch_that_makes_no_sense_never_leaves_the_service(client: httpx.Client, fake_broker: Any) -> None:
    assert client.put("/start/1", json={"batsize": 0}).status_code == 422
    assert [request.action for request in fake_broker.requests] == ["ping"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_reset_resets(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/reset/press-1").json()["action"] == "reset"


def test_status_tells_what_the_press_does(client: httpx.Client, fake_broker: Any) -> None:
    values = {"state": "running", "running": True, "batch_no": 7, "temperature": 21.5}
    fake_broker.answers["read"] = lambda _: {"values": values, "age": {}}
    assert client.get("/status/1").json() == values


def test_the_list_comes_in_pages(client: httpx.Client, fake_broker: Any) -> None:
    plant = [{"id": number, "name": f"press-{number}", "state": "up"} for number in range(1, 6)]

    def page(request: Any) -> object:
        offset, limit = request.rqargs["offset"], request.rqargs["limit"]
        return {"devices": plant[offset : offset + limit], "total": len(plant)}

    fake_broker.answers["devices"] = page
    first, last = (client.get("/devices", params={"limit": 3, "offset": offset}).json() for offset in (0, 3))
    assert first["devices"] + last["devices"] == plant
    assert (first["total"], first["limit"], last["offset"]) == (5, 3, 3)


def test_a_press_that_is_away_is_an_honest_503(client: httpx.Client, fake_broker: Any) -> None:
    def down(_: object) -> object:
        raise failure(Code.DEVICE_DOWN, "press-1: refused", details={"retry_after": 2.5})

    fake_broker.answers["start_batch"] = down
    reply = client.put("/start/1")
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "3")
    assert reply.json() == {
        "detail": "press-1: refused",
        "code": "device_down",
        "outcome": "not_executed",
        "retryable": True,
    }


def test_the_broker_comes_from_the_environment(
    fake_broker: Any, serve_app: Any, service: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLCMQ_BROKER", fake_broker.endpoint)
    assert httpx.put(f"{serve_app(service.create_app()).url}/start/2").json()["device"] == 2


def test_swagger_ui_needs_no_internet(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        address = next(part for part in page.split('"') if part.endswith(name))
        assert client.get(address).status_code == 200
    document = client.get("/openapi.json").json()
    assert {"/start/{id}", "/reset/{id}", "/status/{id}", "/devices"} == document["paths"].keys()
