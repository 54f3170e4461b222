"""The FastAPI integration under a real uvicorn: injection, release, errors, blocking views."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from plcmq.client.fastapi import (
    ERROR_RESPONSES,
    BlockingDevice,
    BlockingDeviceConn,
    DeviceConn,
    LeasedDevice,
    Plcmq,
    add_error_handler,
    conn_dependency,
    get_conn_dep,
    plcmq_lifespan,
)
from plcmq.client.protocol.errors import MEANINGS, Code, PlcmqError, failure

seen: list[LeasedDevice | BlockingDevice] = []
"""What was injected into the views of `app`, in order."""


INJECTED = Depends(get_conn_dep)


async def start(zmqconn: Any = INJECTED) -> Any:
    seen.append(zmqconn)
    return await zmqconn.request(action="start_batch", rqargs={"batch_size": zmqconn.device})


async def typed(zmqconn: DeviceConn) -> Any:
    seen.append(zmqconn)
    return [
        await zmqconn.read("a"),
        await zmqconn.write({"a": 1}),
        await zmqconn.describe(),
        await zmqconn.status(),
    ]


def blocking(zmqconn: Any = INJECTED) -> Any:
    seen.append(zmqconn)
    return zmqconn.request(action="start_batch", rqargs={"batch_size": zmqconn.device})


def blocking_typed(zmqconn: BlockingDeviceConn) -> Any:
    seen.append(zmqconn)
    assert threading.current_thread() is not threading.main_thread()
    return [
        zmqconn.read("a"),
        zmqconn.write({"a": 1}),
        zmqconn.describe(),
        zmqconn.status(),
        zmqconn.device,
    ]


async def named(device: Annotated[LeasedDevice, Depends(conn_dependency("press"))]) -> Any:
    return (await device.request("echo"))["device"]


async def raises(zmqconn: DeviceConn) -> Any:
    seen.append(zmqconn)
    raise HTTPException(418)


async def fails(code: str, zmqconn: DeviceConn) -> Any:
    await zmqconn.request("fail", {"code": code})


async def hold(zmqconn: DeviceConn) -> Any:
    seen.append(zmqconn)
    return await zmqconn.request("hold")


async def cancelled(zmqconn: DeviceConn) -> Any:
    seen.append(zmqconn)
    try:
        async with asyncio.timeout(0.05):
            await zmqconn.request("silence")
    except TimeoutError:
        return "cancelled"


async def wrong(zmqconn: DeviceConn) -> Any:
    blocking = BlockingDevice(zmqconn, asyncio.get_running_loop())
    return blocking.read("a")


async def info(plc: Plcmq) -> Any:
    return await plc.info()


async def partly(zmqconn: DeviceConn, text: str) -> Any:
    return (await zmqconn.request("echo", {"text": text}))["rqargs"]


def make_app(endpoint: str) -> FastAPI:
    app = FastAPI(lifespan=plcmq_lifespan(endpoint), responses=ERROR_RESPONSES)
    add_error_handler(app)
    app.put("/start/{id}")(start)
    app.get("/typed/{id}")(typed)
    app.put("/blocking/{id}")(blocking)
    app.get("/blocking-typed/{id}")(blocking_typed)
    app.get("/named/{press}")(named)
    app.get("/raises/{id}")(raises)
    app.get("/fails/{id}/{code}")(fails)
    app.get("/hold/{id}")(hold)
    app.get("/cancelled/{id}")(cancelled)
    app.get("/wrong/{id}")(wrong)
    app.get("/info")(info)
    app.get("/partial/{id}")(partial(partly, text="given"))
    return app


@pytest.fixture
def client(fake_broker: Any, serve_app: Any) -> Iterator[httpx.Client]:
    def fail(request: Any) -> object:
        raise failure(Code(request.rqargs["code"]), "why", details={"retry_after": 2.3})

    fake_broker.answers["fail"] = fail
    fake_broker.answers["read"] = lambda request: {"values": {"a": request.device}, "age": {}}
    seen.clear()
    served = serve_app(make_app(fake_broker.endpoint))
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("view", ["start", "blocking"])
def test_the_original_pattern_works_in_both_kinds_of_view(client: httpx.Client, view: str) -> None:
    reply = client.put(f"/{view}/7")
    assert reply.status_code == 200
    assert (reply.json()["action"], reply.json()["device"]) == ("start_batch", 7)


@pytest.mark.parametrize("view", ["typed", "blocking-typed"])
def test_the_typed_form_has_all_everyday_calls(client: httpx.Client, view: str) -> None:
    value, nothing, description, state = client.get(f"/{view}/press-1").json()[:4]
    assert (value, nothing) == ("press-1", None)
    assert (description["action"], state["action"]) == ("describe", "status")


def test_a_number_is_an_id_and_anything_else_a_name(client: httpx.Client) -> None:
    assert [client.get(f"/named/{name}").json() for name in ("12", "press-1")] == [12, "press-1"]


def test_the_broker_itself_can_be_asked(client: httpx.Client) -> None:
    assert client.get("/info").json()["device"] is None


def test_a_partial_view_is_known_to_be_async(client: httpx.Client) -> None:
    assert client.get("/partial/1").json() == {"text": "given"}


def test_many_requests_share_one_connection(client: httpx.Client, fake_broker: Any) -> None:
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda number: client.put(f"/start/{number}").json(), range(200)))
    assert [reply["rqargs"]["batch_size"] for reply in replies] == list(range(200))


def test_blocking_in_the_event_loop_is_refused_instead_of_hanging(client: httpx.Client) -> None:
    assert client.get("/wrong/1").status_code == 500


def test_the_path_parameter_is_in_the_documentation(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert [parameter["name"] for parameter in paths["/typed/{id}"]["get"]["parameters"]] == ["id"]
    assert "503" in paths["/typed/{id}"]["get"]["responses"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/typed/1", 200), ("/blocking-typed/1", 200), ("/raises/1", 418), ("/cancelled/1", 200)],
)
def test_the_device_is_released_on_every_way_out(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status
    assert client.get("/info").status_code == 200  # a turn of the loop later
    assert [device.released for device in seen] == [True]


def test_the_device_is_released_when_the_client_has_gone(client: httpx.Client, fake_broker: Any) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.get("/hold/1", timeout=0.1)
    fake_broker.held.get(timeout=10)
    fake_broker.release()
    for _ in range(100):
        client.get("/info")
        if seen[0].released:
            return
    pytest.fail("still held")


async def test_a_released_device_takes_no_more_calls(fake_broker: Any, serve_app: Any) -> None:
    app = FastAPI(lifespan=plcmq_lifespan(fake_broker.endpoint))
    errors: list[PlcmqError] = []
    done = threading.Event()

    async def later(device: LeasedDevice) -> None:
        device.released = True
        try:
            await device.read("a")
        except PlcmqError as error:
            errors.append(error)
        done.set()

    @app.get("/{id}")
    async def view(zmqconn: DeviceConn, tasks: BackgroundTasks) -> None:
        tasks.add_task(later, zmqconn)

    async with httpx.AsyncClient() as client:
        await client.get(f"{serve_app(app).url}/1")
    assert await asyncio.to_thread(done.wait, 10)
    assert errors[0].code is Code.CANCELLED


def test_stopping_the_service_leaves_nothing(fake_broker: Any, serve_app: Any, held: Any) -> None:
    serve_app(make_app(fake_broker.endpoint)).stop()  # uvloop keeps a pipe of its own from the first time on
    before = held()
    served = serve_app(make_app(fake_broker.endpoint))
    assert httpx.get(f"{served.url}/info").status_code == 200
    served.stop()
    assert before.nothing_new()


def test_every_error_is_the_http_status_of_the_protocol(client: httpx.Client) -> None:
    for code, meaning in MEANINGS.items():
        reply = client.get(f"/fails/1/{code}")
        assert reply.status_code == meaning.http
        assert reply.json() == {
            "detail": "why",
            "code": str(code),
            "outcome": str(meaning.outcome),
            "retryable": meaning.retryable,
        }
        assert reply.headers["Retry-After"] == "3"


def test_a_service_without_its_lifespan_says_what_is_missing(serve_app: Any) -> None:
    app = FastAPI()

    @app.get("/")
    async def view(plc: Plcmq) -> None:
        pytest.fail("there is nothing to inject")

    assert httpx.get(serve_app(app).url).status_code == 500


def test_a_service_may_start_before_its_broker(start_broker: Any, serve_app: Any, fake_broker: Any) -> None:
    endpoint = fake_broker.endpoint
    fake_broker.stop()
    app = FastAPI(lifespan=plcmq_lifespan(endpoint, timeout=0.1, connect_timeout=0.1))
    add_error_handler(app)

    @app.get("/ping")
    async def ping(plc: Plcmq) -> str:
        await plc.request("ping", timeout=20 if later else None)
        return "pong"

    later = False
    url = f"{serve_app(app).url}/ping"
    reply = httpx.get(url)
    assert (reply.status_code, reply.json()["code"], reply.headers["Retry-After"]) == (503, "no_host", "1")
    start_broker(endpoint)
    later = True
    assert httpx.get(url, timeout=30).json() == "pong"
