"""A whole plant in one process: simulated PLCs, registry, broker and host, over real sockets."""

import asyncio
import dataclasses
import json
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from plcmq.broker.config import ServeSettings
from plcmq.broker.registry import Registry, RegistryThread
from plcmq.broker.serve import serve
from plcmq.client import connect
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.content import SiteContent
from plcmq.devices.site.load import load_site

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
        async with RegistryThread(Registry(self.registry)) as registry:
            return await registry.apply(content, prune=True)

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
        chosen = ServeSettings(bind="tcp://127.0.0.1:*", host_bind="tcp://127.0.0.1:*", registry=self.registry)
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
