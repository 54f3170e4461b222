"""The example service over the whole path: five hundred clicks at once, and a press that is away."""

import asyncio
import time
from collections import Counter

import httpx
import pytest

from examples.mes_service.app import create_app

PULSE = 0.005  # seconds between two beats of the service's loop
GENEROUS = 0.5  # seconds; what is measured on a quiet machine is below 0.05


class Pulse:
    """Watches, from inside the service's event loop, how long that is held up."""

    def __init__(self):
        self.worst = 0.0
        self.task = None

    async def start(self):
        self.task = asyncio.create_task(self.beat())

    async def beat(self):
        while True:
            before = time.monotonic()
            await asyncio.sleep(PULSE)
            self.worst = max(self.worst, time.monotonic() - before - PULSE)

    async def stop(self):
        self.task.cancel()
        return self.worst


def service(plant, serve_app):
    app, pulse = create_app(plant.serving.bind), Pulse()
    app.get("/pulse/start")(pulse.start)
    app.get("/pulse/stop")(pulse.stop)
    return httpx.AsyncClient(
        base_url=serve_app(app).url, timeout=30, limits=httpx.Limits(max_connections=500)
    )


@pytest.mark.slow
async def test_five_hundred_starts_at_once_all_get_an_answer(plant, serve_app):
    async with plant.press(1, max_connections=1) as plc, plant.broker(), service(plant, serve_app) as http:
        await http.get("/pulse/start")
        answers = await asyncio.gather(*(http.put("/start/1", json={"batsize": 15}) for _ in range(500)))
        worst = (await http.get("/pulse/stop")).json()
        print(f"the service's loop was held up for {worst * 1000:.1f} ms at most")
        seen = Counter(answer.status_code for answer in answers)
        assert seen[200] >= 1
        assert set(seen) <= {200, 429, 502}, "started, too many waiting, or refused because it runs"
        refused = [answer.json() for answer in answers if answer.status_code != 200]
        assert {body["outcome"] for body in refused} <= {"not_executed"}
        assert list(plc.unit.holding[0:2]) == [15, 3]
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.turned_away == 0
        assert worst < GENEROUS


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
