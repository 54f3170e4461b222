"""The example service over the whole path: five hundred clicks at once, and a press that is away."""

import asyncio
import time
from collections import Counter

import httpx

from examples.mes_service.app import create_app

PULSE = 0.005  # seconds between two beats of the service's loop
GENEROUS = 0.5  # seconds beyond what the server needs for itself; on a quiet machine it is about 0.1


class Pulse:
    """Watches, from inside the service's event loop, how long that is held up."""

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


async def nothing():
    """A view that does nothing: what it costs is the server's and the machine's."""


def service(plant, serve_app):
    app, pulse = create_app(plant.serving.bind), Pulse()
    app.put("/nothing")(nothing)
    app.get("/pulse/start")(pulse.start)
    app.get("/pulse/stop")(pulse.stop)
    return httpx.AsyncClient(base_url=serve_app(app).url, timeout=30)


async def five_hundred(works, http, path):
    """What as many requests at once came to, and for how long the loop was held up at most."""
    await http.get("/pulse/start")
    clicks = works.start("clicks", {"url": str(http.base_url), "path": path, "clicks": 500})
    answers = await clicks.hears(within=60)
    return answers, (await http.get("/pulse/stop")).json()


async def test_five_hundred_starts_at_once_all_get_an_answer(plant, works, serve_app):
    async with plant.press(1, max_connections=1) as plc, plant.broker(), service(plant, serve_app) as http:
        _, without = await five_hundred(works, http, "/nothing")
        answers, worst = await five_hundred(works, http, "/start/1")
        print(f"the loop was held up for {worst * 1000:.1f} ms at most, by nothing for {without * 1000:.1f}")
        seen = Counter(status for status, _ in answers)
        assert seen.total() == 500
        assert seen[200] >= 1
        assert set(seen) <= {200, 429, 502}, "started, too many waiting, or refused because it runs"
        assert {body["outcome"] for status, body in answers if status != 200} <= {"not_executed"}
        assert list(plc.unit.holding[0:2]) == [15, 3]
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.turned_away == 0
        assert worst < without + GENEROUS


async def test_a_press_that_is_away_is_an_honest_503_with_retry_after(plant, serve_app):
    async with plant.press(1) as plc, plant.broker(), service(plant, serve_app) as http:
        assert (await http.put("/start/1")).status_code == 200
        await plc.unplug()
        while (answer := await http.get("/status/1")).status_code == 200:
            await asyncio.sleep(0.01)
        answer = await http.put("/start/1")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        body = answer.json()
        assert (body["code"], body["outcome"], body["retryable"]) == ("device_down", "not_executed", True)
        page = (await http.get("/devices")).json()
        assert (page["total"], page["devices"][0]["state"]) == (1, "down")
