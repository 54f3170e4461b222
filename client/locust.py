"""plcmq under load: a Locust user whose requests to devices appear in Locust's statistics.

Strategy: the blocking client, as it is. Locust's users are greenlets of one thread, which one call that
    blocks in C would stop, all of them. The blocking client has no such call: it asks ZeroMQ only for what
    is there already, and waits in `select.poll`, `threading.Lock` and `time.sleep`, which gevent has
    replaced by its own. So there is no thread, no asyncio loop and no `zmq.green` here, and what is measured
    is what a service with the blocking client gets.

    class MesUser(PlcmqUser):
        host = "plcmq://127.0.0.1:7502"
        wait_time = constant_throughput(1)

        @task
        def look(self):
            self.plc.read("press-1", "temperature", "state")

Each user is a client of its own, with a connection of its own, as the broker's fair turns see it. The
connection ends with the user's greenlet, however that ends.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from locust import User
from locust.exception import RescheduleTask, StopTest

from .core import calls
from .core.retry import Retry
from .protocol.bodies import Codec, encode
from .protocol.endpoint import DEFAULT_PORT, BadEndpoint, endpoint_of
from .protocol.errors import BrokerUnreachable, Failed, OutcomeUnknown, PlcmqError, Rejected, Unavailable
from .protocol.messages import DEFAULT_TIMEOUT
from .sync.connection import Connection

__all__ = ["MeasuredConnection", "PlcmqUser"]

REQUEST_TYPE: Final = "plcmq"  # what the statistics' column "Type" says

_log = logging.getLogger(__name__)


class _EndsTask(RescheduleTask, PlcmqError):
    """Locust takes it, uncaught, for the end of the task and not for a bug; it is in the statistics already.

    Locust counts failures by their `repr`: one row for each code and outcome. Messages tell times and
    addresses; each would make a row of its own.
    """

    def __repr__(self) -> str:
        return f"{self.code} ({self.outcome})"


class _Rejected(_EndsTask, Rejected): ...


class _Unavailable(_EndsTask, Unavailable): ...


class _Failed(_EndsTask, Failed): ...


class _OutcomeUnknown(_EndsTask, OutcomeUnknown): ...


class _BrokerUnreachable(_EndsTask, BrokerUnreachable):
    def __repr__(self) -> str:
        return f"{super().__repr__()}: no broker answered at {self.endpoint}"


_KINDS: Final[tuple[tuple[type[PlcmqError], type[_EndsTask]], ...]] = (
    (Rejected, _Rejected),
    (Unavailable, _Unavailable),
    (Failed, _Failed),
    (OutcomeUnknown, _OutcomeUnknown),
)


def _ends_task(error: PlcmqError) -> PlcmqError:
    """The same error, of the same branch of the tree, as one that quietly ends a task."""
    if isinstance(error, BrokerUnreachable):
        return _BrokerUnreachable(error.endpoint, error.waited)
    kind = next((ending for kind, ending in _KINDS if isinstance(error, kind)), _EndsTask)
    return kind(
        error.code, error.message, outcome=error.outcome, retryable=error.retryable, details=error.details
    )


class MeasuredConnection:
    """A user's connection to the broker: every request is an event of Locust's, whether it fails or not.

    A request that fails is recorded, and raises its error, which a task may catch. One that it does not
    catch ends the task, as `return` does, and the user goes on with the next. A request whose user is killed
    is not recorded: nobody waited for its end.

    Every method takes a `name`, under which the statistics have it; without one that is "device action".
    """

    def __init__(self, user: User, connection: Connection, device: str | int | None, codec: Codec) -> None:
        """
        Args:
            connection: one that has no device.
            device: what `request` means when it names none.
            codec: of the connection; the statistics' "size" is that of the result in it.
        """
        self._user = user
        self._connection = connection
        self._device = device
        self._codec = codec
        self._fire: Callable[..., None] = user.environment.events.request.fire

    def __repr__(self) -> str:
        return f"<MeasuredConnection {self._connection!r}>"

    def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        key: str | None = None,
        timeout: float | None = None,
        token: str | None = None,
        retry: bool | Retry = False,
        name: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Asks for an action, and returns its result.

        Args:
            action: a built-in action or one that the device's profile declares.
            rqargs: its arguments, by name.
            device: name or id; without it the user's device, and without that the broker itself.
            key: idempotency key: the same request under the same key is executed once.
            timeout: seconds to wait; without it the user's.
            token: of the lock that this user holds on the device.
            retry: try again where that is safe; what is measured is all attempts together.
            name: what the statistics call it.
            context: goes into the event, beside the user's own context.

        Raises:
            PlcmqError: it failed.
        """

        def work() -> Any:
            return self._connection.request(
                action, rqargs, device=device, timeout=timeout, key=key, token=token, retry=retry
            )

        target = self._device if device is None else device
        return self._measured(action, target, name, context, work)

    def call(self, device: str | int, action: str, /, **rqargs: Any) -> Any:
        """Asks a device for an action with these arguments, as `plcmq call` does on the command line."""
        return self.request(action, rqargs, device=device)

    def read(
        self, device: str | int, *tags: str, max_age: float | None = None, name: str | None = None
    ) -> Any:
        """The value of one tag, or a map of tag to value of several.

        Args:
            max_age: seconds that a value may be old; None reads it from the device.

        Raises:
            PlcmqError: a tag could not be read, which counts as a failure.
        """

        def work() -> Any:
            return self._connection.read(device, *tags, max_age=max_age)

        return self._measured("read", device, name, None, work)

    def write(
        self,
        device: str | int,
        values: Mapping[str, Any],
        verify: bool | None = None,
        name: str | None = None,
    ) -> None:
        """Writes tags, in the order given; `verify` reads them back and compares."""
        self.request("write", calls.write_args(values, verify), device=device, name=name)

    def describe(self, device: str | int, name: str | None = None) -> Any:
        """The device's profile, its tags, and its actions."""
        return self.request("describe", device=device, name=name)

    def status(self, device: str | int, name: str | None = None) -> Any:
        """The device's link state, counters and times."""
        return self.request("status", device=device, name=name)

    def devices(
        self, limit: int = 100, offset: int = 0, match: str | None = None, name: str | None = None
    ) -> Any:
        """A page of the devices, as `{"devices": […], "total": n}`."""

        return self.ask("devices", calls.devices_args(limit, offset, match), name=name)

    def ask(self, action: str, rqargs: Mapping[str, Any] | None = None, *, name: str | None = None) -> Any:
        """A request to the broker itself, whatever device the user has."""
        return self._measured(action, None, name, None, lambda: self._connection.ask(action, rqargs))

    def close(self) -> None:
        """Closes the connection; the user does so at its end. Closing again does nothing."""
        self._connection.close()

    def _measured(
        self,
        action: str,
        device: str | int | None,
        name: str | None,
        context: Mapping[str, Any] | None,
        work: Callable[[], Any],
    ) -> Any:
        event: dict[str, Any] = {
            "request_type": REQUEST_TYPE,
            "name": name or (action if device is None else f"{device} {action}"),
            "context": {**self._user.context(), "device": device, "action": action, **(context or {})},
            "start_time": time.time(),
        }
        started = time.perf_counter()
        try:
            result = work()
        except PlcmqError as error:
            ending = _ends_task(error)
            self._record(event, started, exception=ending)
            _log.debug("%s: %s", event["name"], error)
            raise ending from error
        except OSError as error:  # such as too many open files
            self._record(event, started, exception=error)
            raise
        self._record(event, started, result)
        return result

    def _record(
        self,
        event: Mapping[str, Any],
        started: float,
        response: Any = None,
        exception: Exception | None = None,
    ) -> None:
        took = (time.perf_counter() - started) * 1000
        size = 0 if exception else len(encode(self._codec, response))
        self._fire(**event, response_time=took, response_length=size, response=response, exception=exception)


class PlcmqUser(User):
    """A user of devices; derive yours from it, and give it tasks that use `self.plc`.

    Attributes:
        host: the broker's endpoint for clients: `plcmq://127.0.0.1:7502`, `tcp://…` or `ipc://…`.
        device: name or id of the device that `self.plc.request` means when it names none.
        timeout: seconds that a request waits when it does not say.
        codec: how bodies are encoded.
        plc: the user's connection. It opens with the first request, and asks no broker for a sign of life
            before: where none answers, the requests fail, and the statistics say so.
    """

    abstract = True

    device: str | int | None = None
    timeout: float = DEFAULT_TIMEOUT
    codec: Codec | str = Codec.MSGPACK

    def __init__(self, environment: Any) -> None:
        """
        Raises:
            StopTest: there is no host, or it cannot be one.
        """
        super().__init__(environment)
        _check_patched()
        codec = Codec(self.codec)
        connection = Connection(broker_endpoint(self.host), device=None, timeout=self.timeout, codec=codec)
        self.plc = MeasuredConnection(self, connection, self.device, codec)

    def start(self, group: Any) -> Any:
        """Starts the user's greenlet; Locust calls this."""
        greenlet = super().start(group)
        # Not in `on_stop`, which users override, and which a user whose `on_start` fails never reaches.
        greenlet.link(lambda _: self.plc.close())
        return greenlet


def broker_endpoint(host: str | None) -> str:
    """The endpoint that a Locust host means.

    Raises:
        StopTest: none.
    """
    if not host:
        raise StopTest("no broker: set `host` in the user class, or --host, like plcmq://127.0.0.1:7502")
    address = host.rstrip("/")
    try:
        if not address.startswith("plcmq://"):
            return endpoint_of(address)
        address = address.removeprefix("plcmq://")
        has_port = ":" in address.rpartition("]")[2]
        return endpoint_of(f"tcp://{address}" if has_port else address, DEFAULT_PORT)
    except BadEndpoint as error:
        raise StopTest(str(error)) from error


def _check_patched() -> None:
    """Without gevent's own `poll`, the first user that waits would stop all others."""
    if not select.poll.__module__.startswith("gevent"):
        raise StopTest("plcmq needs what gevent patches: run without LOCUST_SKIP_MONKEY_PATCH")
