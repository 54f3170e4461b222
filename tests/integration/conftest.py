"""A whole plant in one process: simulated PLCs, registry, broker and host, over real sockets."""

import asyncio
import contextlib
import dataclasses
import json
import multiprocessing
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from plcmq.broker.config import ServeSettings
from plcmq.broker.service.serve import serve
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.threads import DatabaseThread
from plcmq.client import PlcmqError, connect
from plcmq.devices.host.settings import HostSettings
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.load import load_site

from .loop_probe import LoopProbe

PRESS_SITE = Path(__file__).with_name("press.yaml")


class Plant:
    """Simulated presses, a registry that knows them, and a broker that serves them."""

    def __init__(self, folder: Path) -> None:
        self.content = load_site(PRESS_SITE)
        self.profile = compile_site(self.content).profiles["press"]
        self.registry = f"sqlite:///{folder}/plcmq.db"
        self.devices: dict[int, dict] = {}
        self.serving = None

    async def define(self, number, port, host="127.0.0.1", **more):
        """Puts a device into the registry, or changes it."""
        form = {"id": number, "name": f"press-{number}", "host": host, "port": port, "profile": "press"}
        self.devices[number] = form | more
        await self.apply()

    async def apply(self):
        """Makes the registry hold the present devices, and no others."""
        content = SiteContent(self.content.profiles, tuple(self.devices.values()))
        async with DatabaseThread(Registry(self.registry)) as registry:
            return await registry.run(lambda r: r.apply(content, prune=True))

    @asynccontextmanager
    async def press(self, number=1, *, link=None, **arguments):
        """A simulated press, known to the registry."""
        async with SimulatedPlc(self.profile, name=f"press-{number}", **arguments) as plc:
            await self.define(number, plc.port, **({"link": link} if link else {}))
            yield plc

    @asynccontextmanager
    async def broker(self, **settings):
        """The broker with its in-process host, in this event loop."""
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        chosen = ServeSettings(
            bind="tcp://127.0.0.1:*", host_bind="tcp://127.0.0.1:*", registry=self.registry
        )
        chosen = dataclasses.replace(chosen, **settings)
        task = asyncio.create_task(serve(chosen, ready=ready.set_result, stop=stop))
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        self.serving = ready.result()
        try:
            yield self.serving
        finally:
            stop.set()
            await task

    @asynccontextmanager
    async def client(self, **arguments):
        """An asyncio client of the broker."""
        async with connect(self.serving.bind, **arguments) as plc:
            yield plc


@pytest.fixture(autouse=True)
async def loop_probe():
    """Fails a test in which plcmq's own code held the loop for more than 100 ms."""
    probe = LoopProbe()
    yield
    probe.stop()
    assert probe.holds == []


@pytest.fixture
def plant(tmp_path):
    return Plant(tmp_path)


@pytest.fixture
async def press(plant):
    """One press, a broker, and a client: `(plc, client)`."""
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        yield plc, client


class Program:
    """A `plcmq` command in a process of its own."""

    def __init__(self, process, ready):
        self.process = process
        self.ready = ready  # the JSON document that it printed when it was ready

    @classmethod
    async def start(cls, *arguments, ready=True):
        command = [sys.executable, "-m", "plcmq.broker.cli", *arguments]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return cls(process, json.loads(await _document(process.stdout)) if ready else None)

    def kill(self):
        self.process.kill()

    async def end(self):
        """SIGTERM; the exit status."""
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


async def _document(stream):
    """One JSON document, which may have several lines."""
    text = b""
    while line := await stream.readline():
        text += line
        try:
            json.loads(text)
        except ValueError:
            continue
        return text
    raise AssertionError(f"the program ended without being ready: {text!r}")


@pytest.fixture
async def programs():
    """Starts programs, and ends by force whatever is left of them."""
    started = []

    async def start(*arguments, ready=True):
        program = await Program.start(*arguments, ready=ready)
        started.append(program)
        return program

    yield start
    for program in started:
        if program.process.returncode is None:
            program.kill()
            await program.process.wait()


PORTS = range(20_000, 30_000)  # none that the kernel gives to whoever asks for any: those are 32768 and up
WORKERS = 16  # of the suite that have ports of their own


@pytest.fixture(scope="session")
def free_address():
    """Gives addresses for programs that end and come back, each once.

    While such a program is away nobody has its port, and the kernel might give it to some other socket, of
    this process or of another worker of the suite.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORTS[worker % WORKERS :: WORKERS]
    ports = iter(random.Random().sample(own, len(own)))

    def take():
        for port in ports:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return f"tcp://127.0.0.1:{port}"
        raise AssertionError("no port is free")

    return take


PROGRAMS = Path(__file__).with_name("programs")
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["plcmq.broker.service.serve", "plcmq.broker.cli.terminal.process", "plcmq.devices.host.process"]
)


class Victim:
    """A program of the folder `programs` in a process of its own, forked from one that has all imported, so
    that it runs within milliseconds."""

    def __init__(self, program, settings):
        self._told, told = multiprocessing.Pipe(duplex=False)
        given = {"settings": settings, "told": told}
        path = str(PROGRAMS / f"{program}.py")
        self.process = _FORKS.Process(target=runpy.run_path, args=(path, given, "__main__"), daemon=True)
        self.process.start()
        told.close()

    async def hears(self, within=20.0):
        """The next thing that it says; EOFError when it has ended."""
        assert await asyncio.to_thread(self._told.poll, within), "the program says nothing"
        return self._told.recv()

    def says_nothing(self):
        """Whether there is nothing to hear now."""
        return not self._told.poll()

    def stop(self):
        """SIGSTOP."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def wake(self):
        """SIGCONT."""
        os.kill(self.process.pid, signal.SIGCONT)

    async def kill(self):
        """SIGKILL; returns when it is gone."""
        if self.process.is_alive():
            self.process.kill()
        await asyncio.to_thread(self.process.join)

    async def end(self):
        """SIGTERM; returns when it has ended."""
        self.process.terminate()
        await asyncio.to_thread(self.process.join)


class Works:
    """A broker and its hosts as processes, at addresses that stay when they are killed and started again."""

    def __init__(self, plant, free_address):
        self._plant = plant
        self.bind, self.host_bind = free_address(), free_address()
        self.started = []

    def start(self, program, settings):
        """Starts a program of the folder `programs`."""
        victim = Victim(program, settings)
        self.started.append(victim)
        return victim

    async def broker(self, *, in_process_host=True):
        """A broker that is ready."""
        settings = ServeSettings(self.bind, self.host_bind, self._plant.registry, in_process_host)
        broker = self.start("serve", settings)
        await broker.hears()
        return broker

    async def host(self, name="north", *, wait=True):
        """A host that the broker has taken."""
        host = self.start("host", HostSettings(self.host_bind, name))
        if wait:
            await host.hears()
        return host

    async def until_served(self, client, device="press-1", within=15.0):
        """Reads until it works."""
        async with asyncio.timeout(within):
            while True:
                try:
                    return await client.request("read", {"tags": "stroke_no"}, device=device, timeout=1.0)
                except PlcmqError:
                    await asyncio.sleep(0.01)


@pytest.fixture
async def works(plant, free_address):
    """Broker and hosts that tests may kill; see `Works`."""
    works = Works(plant, free_address)
    yield works
    for victim in works.started:
        await victim.kill()


class Judge:
    """Counts at the PLC how often each command was carried out: each writes a number of its own."""

    def __init__(self, plc, address=50):
        self.begun = Counter()  # by number: the action's first write
        self.done = Counter()  # its last
        self._addresses = {address: self.begun, address + 10: self.done}
        plc.endpoint.observers.append(self._written)

    def _written(self, unit, change, now):
        counter = self._addresses.get(change.address) if change.table is Table.HOLDING else None
        if counter is not None:
            counter[int.from_bytes(change.after)] += 1

    def condemns(self, verdicts):
        """What is wrong with what the clients were told.

        Args:
            verdicts: by number, `ok` or the outcome of its error.
        """
        twice = [number for counter in (self.begun, self.done) for number, n in counter.items() if n > 1]
        lies = [
            (number, verdict, self.begun[number], self.done[number])
            for number, verdict in verdicts.items()
            if not self._is_true(number, verdict)
        ]
        return {"twice": twice, "lies": lies} if twice or lies else None

    def _is_true(self, number, verdict):
        begun, done = self.begun[number], self.done[number]
        if verdict == "ok":
            return (begun, done) == (1, 1)
        if verdict == "executed":
            return begun == 1
        return verdict == "unknown" or (begun, done) == (0, 0)


@pytest.fixture
def judge():
    """Makes a `Judge` of a simulated press."""
    return Judge
