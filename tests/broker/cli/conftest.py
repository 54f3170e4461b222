"""The command line in this process or as one of its own, and a broker that says what it is told."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zmq
from plcmq.broker.cli.app import app
from plcmq.client import Code, PlcmqError
from plcmq.client.protocol.bodies import encode
from plcmq.client.protocol.errors import failure
from plcmq.client.protocol.messages import Elapsed, failure_map, parse_request, success_map
from typer.testing import CliRunner

SITE = """\
profiles:
  press:
    tags:
      batch_size: {address: "holding:0", type: uint16, access: rw}
      temperature: {address: "input:0", type: int16, scale: 0.1, unit: degC}
    actions:
      start_batch:
        description: Start the press
        args: {batch_size: {type: integer, default: 15}}
        steps: [{write: {batch_size: $batch_size}}]
devices:
  - {id: 1, name: press-1, host: 192.0.2.1, profile: press}
  - {id: 2, name: press-2, host: 192.0.2.2, port: 1502, unit: 3, profile: press}
"""


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch):
    """No settings and no registry but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PLCMQ_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PLCMQ_BROKER", "tcp://127.0.0.1:1")  # nobody is there


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def plcmq():
    """Runs a command in this process."""

    def run(*arguments: str):
        return CliRunner().invoke(app, list(arguments), prog_name="plcmq")

    return run


@pytest.fixture
def process():
    """Runs a command as a process of its own, to its end."""

    def run(*arguments: str, **more):
        command = [sys.executable, "-m", "plcmq.broker.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)

    return run


class SpokenBroker:
    """A broker that answers each action as it is told, or not at all, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {"ping": {"pong": True}}
        self.requests = []
        self.was_asked = threading.Event()  # something that gets no answer
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self._end = self._context.socket(zmq.PAIR)
        self._end.bind("inproc://end")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._end.send(b"")
        self._thread.join()
        self._end.close(0)
        self._socket.close(0)
        self._context.term()

    def asked(self, action: str):
        """The last request for an action."""
        return next(request for request in reversed(self.requests) if request.action == action)

    def _run(self) -> None:
        end = self._context.socket(zmq.PAIR)
        end.connect("inproc://end")
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(end, zmq.POLLIN)
        while end not in dict(poller.poll()):
            *envelope, body = self._socket.recv_multipart()
            request = parse_request(body)
            self.requests.append(request)
            answer = self.answers.get(request.action)
            if answer == "silence":
                self.was_asked.set()
                continue
            if answer is None:
                answer = failure(Code.UNKNOWN_ACTION, f"no action {request.action!r}")
            if isinstance(answer, PlcmqError):
                reply = failure_map(request.id, answer)
            else:
                reply = success_map(request.id, answer, Elapsed(0.0))
            self._socket.send_multipart([*envelope, encode(request.codec, reply)])
        end.close(0)


@pytest.fixture
def broker(monkeypatch):
    """A broker where the settings say that one is."""
    spoken = SpokenBroker()
    monkeypatch.setenv("PLCMQ_BROKER", spoken.address)
    yield spoken
    spoken.close()


@pytest.fixture(autouse=True)
def log_as_it_was():
    """A command that sets up the log of its process leaves that of the tests as it was."""
    logger = logging.getLogger("plcmq")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)
