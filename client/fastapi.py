"""plcmq in a FastAPI service: one shared connection, injected into views for the device of their path.

Strategy: the lifespan opens one asyncio connection for the whole service, so a thousand requests in flight
are one socket. A view gets a lease on it, bound to a device, that ends with the request. Errors become
HTTP by the table of the protocol; views need no `try`.

    app = FastAPI(lifespan=plcmq_lifespan("tcp://127.0.0.1:7502"))
    add_error_handler(app)

    @app.put("/start/{id}")
    async def start(zmqconn: DeviceConn):
        return await zmqconn.request(action="start_batch", rqargs={"batch_size": 15})
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, FastAPI, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from .aio.connection import CONNECT_TIMEOUT, AsyncConnection, connect
from .aio.device import BoundDevice
from .core.retry import Retry
from .protocol.bodies import Codec
from .protocol.endpoint import DEFAULT_ENDPOINT
from .protocol.errors import MEANINGS, BrokerUnreachable, Code, PlcmqError, failure
from .protocol.messages import DEFAULT_TIMEOUT

_log = logging.getLogger(__name__)

_RETRY_AFTER: Final = 1.0  # seconds, where the error itself does not say

Result = TypeVar("Result")


def plcmq_lifespan(
    endpoint: str = DEFAULT_ENDPOINT,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    codec: Codec | str = Codec.MSGPACK,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan for `FastAPI(lifespan=…)`; inside a lifespan of your own: `async with
    plcmq_lifespan(…)(app)`.

    A service that starts before its broker does start, says so in the log, and answers 503 until the broker
    is there.

    Args:
        endpoint: where the broker listens for clients.
        timeout: seconds that a request waits when it does not say.
        connect_timeout: seconds in which the broker must answer, or the log says that it does not.
        codec: how bodies are encoded, `msgpack` or `json`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        connection = connect(endpoint, timeout=timeout, connect_timeout=connect_timeout, codec=codec)
        try:
            await connection.open()
        except BrokerUnreachable as error:
            _log.warning("%s; serving without it until it answers", error.message)
            await connection.open(check=False)
        app.state.plcmq = connection
        try:
            yield
        finally:
            await connection.close()

    return lifespan


async def get_plcmq(request: Request) -> AsyncConnection:
    """The service's connection, for what concerns no single device: `plc: Plcmq`."""
    return _connection(request)


def _connection(request: Request) -> AsyncConnection:
    connection = getattr(request.app.state, "plcmq", None)
    if not isinstance(connection, AsyncConnection):
        raise RuntimeError("no connection to plcmq: give FastAPI the lifespan `plcmq_lifespan(…)`")
    return connection


class LeasedDevice(BoundDevice):
    """One device, for the time of one request. `await` its methods.

    Attributes:
        released: whether the request is over; then it takes no more calls.
    """

    def __init__(self, connection: AsyncConnection, device: str | int) -> None:
        super().__init__(connection, device)
        self.released = False

    async def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        key: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks the device for an action, and returns its result.

        Raises:
            PlcmqError: it failed, or the request that this was injected into is over.
        """
        if self.released:
            message = (
                "the HTTP request is over and its device released; for work that outlives it use `Plcmq`"
            )
            raise failure(Code.CANCELLED, message)
        return await super().request(action, rqargs, timeout=timeout, key=key, retry=retry)


class BlockingDevice:
    """One device, for the time of one request, for a view that is a plain `def`."""

    def __init__(self, device: LeasedDevice, loop: asyncio.AbstractEventLoop) -> None:
        self._device = device
        self._loop = loop

    def __repr__(self) -> str:
        return f"<BlockingDevice {self._device!r}>"

    @property
    def device(self) -> str | int:
        """Name or id of the device."""
        return self._device.device

    @property
    def released(self) -> bool:
        """Whether the request is over."""
        return self._device.released

    def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        key: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks the device for an action, and returns its result, as `LeasedDevice.request`."""
        return self._wait(self._device.request(action, rqargs, timeout=timeout, key=key, retry=retry))

    def read(self, *tags: str, max_age: float | None = None) -> Any:
        """The value of one tag, or a map of several, as `AsyncConnection.read`."""
        return self._wait(self._device.read(*tags, max_age=max_age))

    def write(self, values: Mapping[str, Any], verify: bool | None = None) -> None:
        """Writes tags, as `AsyncConnection.write`."""
        self._wait(self._device.write(values, verify))

    def describe(self) -> Any:
        """What the device can do."""
        return self._wait(self._device.describe())

    def status(self) -> Any:
        """How the device is."""
        return self._wait(self._device.status())

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        if _in_event_loop():
            work.close()
            raise RuntimeError(
                "this would block the event loop: make the view `async def`, or a plain `def` throughout"
            )
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def conn_dependency(
    parameter: str,
) -> Callable[[Request, str], AsyncIterator[LeasedDevice | BlockingDevice]]:
    """A dependency that injects the device named by a path parameter: an id where it is a number, else a
    name.

    An `async def` view gets a `LeasedDevice`, a `def` view a `BlockingDevice`. Either is released when the
    request is over, however it ends.
    """

    async def get_device(
        request: Request, name: str = Path(alias=parameter, description="Name or id of the device")
    ) -> AsyncIterator[LeasedDevice | BlockingDevice]:
        device = LeasedDevice(_connection(request), int(name) if name.isdecimal() else name)
        try:
            if _is_async(request.scope["endpoint"]):
                yield device
            else:
                yield BlockingDevice(device, asyncio.get_running_loop())
        finally:
            device.released = True

    return get_device


get_conn_dep = conn_dependency("id")
"""The device of the path parameter `id`: `zmqconn = Depends(get_conn_dep)`."""

DeviceConn = Annotated[LeasedDevice, Depends(get_conn_dep)]
"""The device of the path parameter `id`, in an `async def` view."""

BlockingDeviceConn = Annotated[BlockingDevice, Depends(get_conn_dep)]
"""The device of the path parameter `id`, in a `def` view."""

Plcmq = Annotated[AsyncConnection, Depends(get_plcmq)]
"""The service's connection, in an `async def` view."""


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_async(view: Callable[..., object]) -> bool:
    while isinstance(view, functools.partial):
        view = view.func
    view = inspect.unwrap(view)
    return inspect.iscoroutinefunction(view) or inspect.iscoroutinefunction(type(view).__call__)


class ErrorBody(BaseModel):
    """What an error looks like to the service's clients."""

    detail: str
    code: str
    outcome: str
    retryable: bool


ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody} for status in sorted({meaning.http for meaning in MEANINGS.values()} - {422})
}
"""For `responses=` of an app, a router or a view: the errors in the OpenAPI document."""


def add_error_handler(app: FastAPI) -> None:
    """Errors of plcmq become HTTP responses: the protocol's status, an `ErrorBody`, and `Retry-After`."""
    app.add_exception_handler(PlcmqError, _respond)


async def _respond(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, PlcmqError):
        raise error
    body = ErrorBody(detail=error.message, code=error.code, outcome=error.outcome, retryable=error.retryable)
    headers = {}
    after = error.retry_after
    if after is None and error.retryable:
        after = _RETRY_AFTER
    if after is not None and math.isfinite(after):
        headers["Retry-After"] = str(max(1, math.ceil(after)))
    return JSONResponse(body.model_dump(), error.http_status, headers)
