"""What tests of several folders share: a broker that answers by functions, without devices behind it."""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
import zmq
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from plcmq.client.protocol.bodies import encode
from plcmq.client.protocol.errors import PlcmqError
from plcmq.client.protocol.messages import (
    Elapsed,
    MalformedRequest,
    Request,
    failure_map,
    parse_request,
    split_envelope,
    success_map,
)
from plcmq.client.protocol.sockets import Message, Receiver, bind_router, bound_endpoint, new_context

Answer = Callable[[Request], object]

# How long one example takes is the machine's business, and what else it does.
settings.register_profile("plcmq", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("plcmq"), max_examples=10_000)
settings.load_profile("long" if os.environ.get("TEST_LONG") else "plcmq")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that at the end no worker waits for another."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class FakeBroker:
    """Speaks the protocol on a port of its own, in a thread of its own.

    An action that has no function in `answers` is echoed. A function that raises a `PlcmqError` is an error
    reply; one that returns `SILENCE` is never answered, one that returns `HOLD` when `release` is called.
    """

    SILENCE = object()
    HOLD = object()

    def __init__(self, endpoint: str = "tcp://127.0.0.1:0") -> None:
        self.answers: dict[str, Answer] = {
            "ping": lambda _: {"pong": True},
            "silence": lambda _: self.SILENCE,
            "hold": lambda _: self.HOLD,
        }
        self.requests: list[Request] = []
        self.clients: set[bytes] = set()  # the connections that requests came over
        self.held: queue.Queue[Request] = queue.Queue()
        self.watched: queue.Queue[Request] = queue.Queue()
        self._held: list[tuple[tuple[bytes, ...], Request]] = []
        self._watching: list[tuple[tuple[bytes, ...], Request]] = []
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._context = new_context()
        self._socket = bind_router(self._context, endpoint)
        self.endpoint = bound_endpoint(self._socket)
        self.port = int(self.endpoint.rpartition(":")[2]) if endpoint.startswith("tcp") else 0
        self._wake = os.pipe()
        self._running = True
        self._thread = threading.Thread(target=self._run, name="fake-broker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._do(self._end)
            self._thread.join(5)
            self._socket.close(0)
            self._context.term()
            for end in self._wake:
                os.close(end)

    def release(self) -> None:
        """Answers what was held."""
        self._do(self._answer_held)

    def tell(self, *contents: dict[str, object]) -> None:
        """Sends events to whoever asked for a `watch` last."""
        self._do(lambda: self._tell(contents))

    def _tell(self, contents: tuple[dict[str, object], ...]) -> None:
        envelope, request = self._watching[-1]
        for content in contents:
            self._send(envelope, encode(request.codec, {"id": request.id, "event": content}))

    def _do(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)
        os.write(self._wake[1], b"!")

    def _end(self) -> None:
        self._running = False

    def _answer_held(self) -> None:
        held, self._held = self._held, []
        for envelope, request in held:
            self._reply(envelope, request, request.rqargs)

    def _run(self) -> None:
        poller = select.poll()
        poller.register(self._socket.fileno(), select.POLLIN)
        poller.register(self._wake[0], select.POLLIN)
        receiver = Receiver(self._socket)
        while self._running:
            while (message := receiver.receive()) is not None:
                self._do_jobs()  # the test wanted them before it sent this
                self._take(message)
            poller.poll()
            self._do_jobs()

    def _do_jobs(self) -> None:
        while not self._jobs.empty():
            os.read(self._wake[0], 1)
            self._jobs.get()()

    def _take(self, message: Message) -> None:
        envelope, body = split_envelope(message.frames)
        try:
            request = parse_request(body)
        except MalformedRequest as bad:
            self._send(envelope, encode(bad.codec, failure_map(bad.id, bad.error)))
            return
        self.requests.append(request)
        self.clients.add(envelope[0])
        if request.action == "watch":
            self._watching.append((envelope, request))
            self.watched.put(request)
        answer = self.answers.get(request.action, echo)
        try:
            result = answer(request)
        except PlcmqError as error:
            self._send(envelope, encode(request.codec, failure_map(request.id, error)))
            return
        if result is self.HOLD:
            self._held.append((envelope, request))
            self.held.put(request)
        elif result is not self.SILENCE:
            self._reply(envelope, request, result)

    def _reply(self, envelope: tuple[bytes, ...], request: Request, result: object) -> None:
        self._send(envelope, encode(request.codec, success_map(request.id, result, Elapsed(0.0))))

    def _send(self, envelope: tuple[bytes, ...], body: bytes) -> None:
        try:
            self._socket.send_multipart([*envelope, body], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:  # the asker has gone: nobody is left to be told
                raise


def echo(request: Request) -> object:
    return {"action": request.action, "rqargs": request.rqargs, "device": request.device}


@pytest.fixture
def start_broker() -> Iterator[Callable[..., FakeBroker]]:
    """Starts a fake broker, at a given endpoint or at a free port."""
    brokers: list[FakeBroker] = []

    def start(endpoint: str = "tcp://127.0.0.1:0") -> FakeBroker:
        brokers.append(FakeBroker(endpoint))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.stop()


@pytest.fixture
def fake_broker(start_broker: Callable[..., FakeBroker]) -> FakeBroker:
    return start_broker()


class Served(uvicorn.Server):
    """An app under a real uvicorn, in a thread of its own, on a free port."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(app, log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=5)
        )
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_up = threading.Event()
        self._thread = threading.Thread(
            target=self.run, args=([self._listener],), name="uvicorn", daemon=True
        )
        self._thread.start()
        assert self._is_up.wait(20)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()

    def stop(self) -> None:
        self.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._listener.close()


@pytest.fixture
def serve_app() -> Iterator[Callable[[FastAPI], Served]]:
    """Serves a FastAPI app with uvicorn; `url` tells where."""
    served: list[Served] = []

    def serve(app: FastAPI) -> Served:
        served.append(Served(app))
        return served[-1]

    yield serve
    for one in served:
        one.stop()
