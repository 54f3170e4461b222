"""The example service over the whole path: five hundred clicks at once, and a press that is away."""

import asyncio
from collections import Counter

import httpx

from examples.mes_service.app import create_app

STANDSTILL = (
    1.0  # seconds that the loop may be held up; on two cores, shared with those who click, it is 0.1 to 0.2
)


def service(plant, serve_app):
    return httpx.AsyncClient(base_url=serve_app(create_app(plant.serving.bind)).url, timeout=30)


async def test_five_hundred_starts_at_once_all_get_an_answer(plant, works):
    async with plant.press(1, max_connections=1) as plc, plant.broker():
        url = await works.start("service", {"bind": plant.serving.bind}).hears()
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            await http.put("/reset/1")  # the first request to a service loads what it needs
            await http.get("/pulse/start")
            clicks = works.start("clicks", {"url": url, "path": "/start/1", "clicks": 500})
            answers = await clicks.hears(within=60)
            worst = (await http.get("/pulse/stop")).json()
        print(f"the service's loop was held up for {worst * 1000:.1f} ms at most")
        seen = Counter(status for status, _ in answers)
        assert seen.total() == 500
        assert seen[200] >= 1
        assert set(seen) <= {200, 429, 502}, "started, too many waiting, or refused because it runs"
        assert {body["outcome"] for status, body in answers if status != 200} <= {"not_executed"}
        assert list(plc.unit.holding[0:2]) == [15, 3]
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.turned_away == 0
        assert worst < STANDSTILL


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
