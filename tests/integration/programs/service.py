"""The example service in a process of its own, as under uvicorn, and a watch over its event loop.

Given `settings`, the broker's endpoint as `bind`, and `told`, where it says its URL.
"""

import asyncio
import socket
import time

import uvicorn

from examples.mes_service.app import create_app

settings, told = globals()["settings"], globals()["told"]

PULSE = 0.005  # seconds between two beats of the service's loop


class Pulse:
    """Watches, from inside the event loop, how long that is held up."""

    def __init__(self):
        self.worst = 0.0
        self.task = None

    async def start(self):
        self.worst = 0.0
        self.task = asyncio.create_task(self.beat())

    async def beat(self):
        while True:
            before = time.monotonic()
            await asyncio.sleep(PULSE)
            self.worst = max(self.worst, time.monotonic() - before - PULSE)

    async def stop(self):
        self.task.cancel()
        return self.worst


class Service(uvicorn.Server):
    """Says where it serves, when it does."""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        told.send(f"http://127.0.0.1:{sockets[0].getsockname()[1]}")


app, pulse = create_app(settings["bind"]), Pulse()
app.get("/pulse/start")(pulse.start)
app.get("/pulse/stop")(pulse.stop)
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
Service(uvicorn.Config(app, log_config=None)).run(sockets=[listener])
