"""What is measured, each in processes of its own: the simulated PLCs, the floor, and plcmq.

Strategy: a contender is started once, says where it listens, and stays for the whole run, so that start-up
is in no figure. All of them end with the `ExitStack` that they were entered into, also after an error.
"""

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import zmq
from plcmq.broker.storage.registry import Registry
from plcmq.client.protocol.bodies import encode
from plcmq.client.protocol.messages import Elapsed, parse_request, success_map
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.load import parse_site
from timing import run_plc

TAGS = 100  # of each device, in neighbouring registers
SLOW = 0.005  # seconds that the slow PLC takes for a request

_HEAD = "profiles:\n  plain:\n    tags:\n"
_TAG = '      t{n}: {{address: "holding:{n}", type: uint16}}\n'
_DEVICE = "  - {{id: {id}, name: {name}, host: 127.0.0.1, port: {port}, profile: plain}}\n"
PLCMQ = [sys.executable, "-m", "plcmq.broker.cli"]
_LOG = ["--log-level", "error"]
_PATIENCE = 5.0  # seconds for a program to end
_QUIET = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def site(ports: dict[str, int]) -> str:
    """A site file of one device for each port, all with the same tags."""
    tags = "".join(_TAG.format(n=n) for n in range(TAGS))
    devices = [
        _DEVICE.format(id=number, name=name, port=port)
        for number, (name, port) in enumerate(ports.items(), 1)
    ]
    return f"{_HEAD}{tags}devices:\n{''.join(devices)}"


@dataclass(frozen=True)
class Usage:
    """What a simulated PLC has done since it was started."""

    requests: int
    cpu: float  # seconds


@dataclass(frozen=True)
class Running:
    """A contender that has been started.

    Attributes:
        endpoint: where its clients connect.
        pids: its processes.
    """

    endpoint: str
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """Processor time of all its processes so far, in seconds."""
        return cpu_of(self.pids)


def cpu_of(pids):
    """Processor time of processes so far, in seconds."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


class Plc:
    """A simulated PLC in a process of its own.

    Attributes:
        port: where it serves.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.port: int = pipe.recv()

    def usage(self) -> Usage:
        """What it has done so far."""
        self._pipe.send("usage")
        return self._pipe.recv()


@contextmanager
def process(target, *args):
    """A function in a process of its own, with a pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    started = multiprocessing.Process(target=_in_process, args=(ours, target, theirs, *args), daemon=True)
    started.start()
    theirs.close()
    try:
        yield ours, started.pid
    finally:
        started.terminate()
        started.join()


def _in_process(ours, target, theirs, *args):
    ours.close()  # so that the end of the bench is seen on `theirs`
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    target(theirs, *args)


@contextmanager
def program(*command, **options):
    """A program, until the end of the `with` block."""
    with subprocess.Popen([str(part) for part in command], text=True, **_QUIET | options) as running:
        try:
            yield running
        finally:
            _end(running)


def _end(running):
    """Lets a program end that reads commands; terminates any other, and one that stays."""
    try:
        if running.stdin is None:
            running.terminate()
        else:
            running.stdin.close()
        running.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        running.kill()


@contextmanager
def plc(delay):
    """A simulated PLC that takes so many seconds for a request."""
    with process(_serve_plc, delay) as (pipe, _):
        yield Plc(pipe)


def _serve_plc(pipe, delay):
    async def run():
        ended = asyncio.Event()
        async with SimulatedPlc(delay=delay) as simulated:

            def tell():
                try:
                    pipe.recv()
                    pipe.send(Usage(simulated.evidence.requests, time.process_time()))
                except (EOFError, OSError):  # the bench has gone
                    ended.set()

            asyncio.get_running_loop().add_reader(pipe.fileno(), tell)
            pipe.send(simulated.port)
            await ended.wait()

    run_plc(run(), delay)


@contextmanager
def floor():
    """A C proxy between Python ends, which parse and answer as the broker does, and do no more."""
    with process(_proxy_with_echo) as (pipe, pid):
        yield Running(pipe.recv(), (pid,))


def _proxy_with_echo(pipe):
    context = zmq.Context()
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    front.sndhwm = 0  # a ROUTER drops what exceeds it
    port = front.bind_to_random_port("tcp://127.0.0.1")
    inner = back.bind_to_random_port("tcp://127.0.0.1")
    pipe.send(f"tcp://127.0.0.1:{port}")
    threading.Thread(target=zmq.proxy, args=(front, back), daemon=True).start()  # in C, without Python's lock
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    _echo(context, inner)


def _end_with(pipe):
    """Ends this process when the bench has gone."""
    with suppress(EOFError, OSError):
        pipe.recv()
    os._exit(0)


def _echo(context, port):
    socket = context.socket(zmq.DEALER)
    socket.connect(f"tcp://127.0.0.1:{port}")
    while True:
        *envelope, body = socket.recv_multipart()
        request = parse_request(body)
        is_ping = request.action == "ping"
        result = {"pong": True} if is_ping else {"values": {"t0": 0}, "age": {"t0": 0.0}}
        reply = encode(request.codec, success_map(request.id, result, Elapsed(0.0)))
        socket.send_multipart([*envelope, reply])


@contextmanager
def plcmq(folder: Path, ports: dict[str, int], *, host_apart: bool):
    """The broker, with the device host in its process or in one of its own."""
    registry = f"sqlite:///{folder}/{'apart' if host_apart else 'one'}.db"
    with Registry(registry) as opened:
        opened.apply(parse_site(site(ports)))
    with ExitStack() as stack:
        broker, said = stack.enter_context(serve(registry, *(["--no-host"] if host_apart else [])))
        pids = [broker.pid]
        if host_apart:
            host = [*PLCMQ, "host", "--broker", said["host_bind"], "--name", "bench", *_LOG]
            pids.append(stack.enter_context(program(*host)).pid)
        yield Running(said["bind"], tuple(pids))


@contextmanager
def serve(registry, *options):
    """`plcmq serve` on free ports: the process, and what it says when it is ready."""
    at = ["--bind", "tcp://127.0.0.1:*", "--host-bind", "tcp://127.0.0.1:*", "--registry", registry]
    with program(*PLCMQ, "serve", *at, *_LOG, "--json", *options, stdout=subprocess.PIPE) as broker:
        yield broker, _document(broker.stdout)


def _document(lines):
    """The first JSON document of an output."""
    text = ""
    for line in lines:
        text += line
        try:
            return json.loads(text)
        except ValueError:
            continue
    raise RuntimeError(f"plcmq ended before it served: {text}")
