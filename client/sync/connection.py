"""The blocking client: `get_conn`, and a connection that any number of threads may share.

Strategy: a connection is settings, and one `Wire` for each process that uses it. So a fork needs no care:
    the child finds no wire of its own, makes one with a socket and a context of its own, and never touches
    its parent's.

    conn = get_conn("127.0.0.1", 7502, device="press-1")
    try:
        conn.request(action="start_batch", rqargs={"batch_size": 15, "nok_num": 3})
    finally:
        conn.close()
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

from ..core import calls
from ..core.calls import LOCK_TTL
from ..core.retry import Attempts, Check, Retry
from ..core.session import GRACE, closed_error, request_map
from ..protocol.bodies import Codec
from ..protocol.endpoint import DEFAULT_HOST, DEFAULT_PORT, endpoint_of
from ..protocol.errors import PlcmqError
from ..protocol.messages import DEFAULT_TIMEOUT
from ..protocol.replies import Reply
from .device import LockedDevice
from .shared_socket import Wire

CONNECT_TIMEOUT: Final = 2.0  # seconds

# Wires of a parent process, kept for ever: collecting one would close what is not this process's to close.
_inherited: Final[list[Wire]] = []


def get_conn(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    device: str | int | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    codec: Codec | str = Codec.MSGPACK,
) -> Connection:
    """Opens a connection to a broker. Close it when done, or use it in a `with` statement.

    Args:
        host: where the broker is: a name, an address, or a whole endpoint (`tcp://…`, `ipc://…`).
        port: its port for clients.
        device: name or id of the device that `request` means when it names none.
        timeout: seconds that a request waits when it does not say.
        connect_timeout: seconds in which the broker must answer.
        codec: how bodies are encoded, `msgpack` or `json`.

    Raises:
        BrokerUnreachable: no broker answered there in time.
        BadEndpoint: the address cannot be one.
    """
    conn = Connection(endpoint_of(host, port), device=device, timeout=timeout, codec=Codec(codec))
    try:
        conn.check(connect_timeout)
    except BaseException:
        conn.close()
        raise
    return conn


class Connection:
    """A connection to a broker, for any number of threads. Make one with `get_conn`.

    Attributes:
        endpoint: where the broker is.
    """

    def __init__(self, endpoint: str, *, device: str | int | None, timeout: float, codec: Codec) -> None:
        self._wires: dict[int, Wire] = {}  # by process id
        self._closed = False
        self.endpoint = endpoint
        self._device = device
        self._timeout = timeout
        self._codec = codec

    def __repr__(self) -> str:
        return f"<Connection {self.endpoint} {'closed' if self._closed else 'open'}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        wire = self._own_wire()
        if wire is not None and not wire.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            wire.close()

    def close(self) -> None:
        """Closes the connection, promptly whatever the broker does; calls that wait in other threads fail
        at once.

        Closing again does nothing. A child process that closes a connection leaves its parent's open.
        """
        self._closed = True
        wire = self._own_wire()
        if wire is not None:
            wire.close()

    def check(self, timeout: float) -> None:
        """Makes sure that a broker answers.

        Raises:
            BrokerUnreachable: none did within `timeout` seconds.
        """
        check = Check(self.endpoint, timeout, time.monotonic())
        while not check.is_over:
            check.replied(self._exchange({"action": "ping"}, check.next(time.monotonic()), 0.0))

    def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
        timeout: float | None = None,
        key: str | None = None,
        request_id: str | None = None,
        token: str | None = None,
        retry: bool | Retry = False,
    ) -> Any:
        """Asks for an action, and returns its result.

        Args:
            action: a built-in action or one that the device's profile declares.
            rqargs: its arguments, by name.
            device: name or id; without it the connection's device, and without that the broker itself.
            timeout: seconds to wait.
            key: idempotency key: the same request under the same key is executed once.
            request_id: what `cancel` shall know this request by.
            token: of the lock that this client holds on the device.
            retry: try again, within the timeout, where that is safe: reads, what was not executed, and
                whatever has a key.

        Raises:
            PlcmqError: it failed; the class says what can be done about it, `outcome` what happened at the
                device.
        """
        target = self._device if device is None else device
        message = request_map(action, rqargs, target, key, request_id, token)
        seconds = self._timeout if timeout is None else timeout
        attempts = Attempts(retry, message, seconds, time.monotonic())
        while True:
            # Each attempt under an id of its own: a late reply to an earlier one says nothing of the last.
            reply = self._exchange(message.copy(), *attempts.next(time.monotonic()))
            pause = attempts.pause(reply, time.monotonic())
            if pause is None:
                return attempts.reply.value()
            time.sleep(pause)

    def ask(self, action: str, rqargs: Mapping[str, Any] | None = None) -> Any:
        """A request to the broker itself, whatever device the connection has."""
        return self._exchange(request_map(action, rqargs), self._timeout, GRACE).value()

    def read(self, device: str | int, *tags: str, max_age: float | None = None) -> Any:
        """The value of one tag, or a map of tag to value of several.

        Args:
            max_age: seconds that a value may be old; None reads it from the device.

        Raises:
            PlcmqError: a tag could not be read; `details["values"]` has those that could.
        """
        return calls.read_result(tags, self.request("read", calls.read_args(tags, max_age), device=device))

    def write(self, device: str | int, values: Mapping[str, Any], verify: bool | None = None) -> None:
        """Writes tags, in the order given; `verify` reads them back and compares."""
        self.request("write", calls.write_args(values, verify), device=device)

    @contextmanager
    def lock(
        self, device: str | int, ttl: float = LOCK_TTL, timeout: float | None = None
    ) -> Generator[LockedDevice, None, None]:
        """Locks a device for the time of a `with` block: other clients' writes and commands are refused.

        Args:
            device: name or id.
            ttl: seconds after which the lock ends by itself, unless it is renewed.
            timeout: seconds to wait for another client's lock to end.

        Raises:
            PlcmqError: `locked`: another client held it all the time.
        """
        result = self.request("lock", {"ttl": ttl}, device=device, timeout=timeout, retry=True)
        locked = LockedDevice(self, device, result["token"])
        try:
            yield locked
        finally:
            with suppress(PlcmqError):
                locked.unlock()

    def describe(self, device: str | int) -> Any:
        """The device's profile, its tags, and its actions with JSON Schemas of their arguments."""
        return self.request("describe", device=device)

    def status(self, device: str | int) -> Any:
        """The device's link state, counters and times."""
        return self.request("status", device=device)

    def devices(self, limit: int = 100, offset: int = 0, match: str | None = None) -> Any:
        """A page of the devices, as `{"devices": […], "total": n}`."""
        return self.ask("devices", calls.devices_args(limit, offset, match))

    def info(self) -> Any:
        """The broker's name, version, uptime and limits."""
        return self.ask("info")

    def ping(self) -> float:
        """Seconds that the broker took to answer."""
        started = time.perf_counter()
        self.ask("ping")
        return time.perf_counter() - started

    def batch(self, requests: Iterable[Mapping[str, Any]]) -> list[Reply]:
        """Runs several requests side by side; their replies in order, each with a result or an error."""
        return calls.batch_result(self.ask("batch", calls.batch_args(requests)))

    def cancel(self, request_id: str) -> bool:
        """Takes back a request made with this `request_id`; whether that was still possible."""
        return bool(self.ask("cancel", {"id": request_id})["cancelled"])

    def _exchange(self, message: dict[str, Any], timeout: float, grace: float) -> Reply:
        if self._closed:
            raise closed_error(self.endpoint)
        wire = self._own_wire()
        if wire is None:
            # Atomic: of two threads that get here at once, both take the same one.
            wire = self._wires.setdefault(os.getpid(), Wire(self.endpoint, self._codec))
        return wire.exchange(message, timeout, grace)

    def _own_wire(self) -> Wire | None:
        process = os.getpid()
        for other in [number for number in self._wires if number != process]:
            wire = self._wires.pop(other, None)
            if wire is not None:
                _inherited.append(wire)
        return self._wires.get(process)
