"""The sixth click, answered: a real plant behind a real gateway, and a PLC that takes one connection."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from plcmq.broker.cli.demo.stage import Stage, stage
from plcmq.broker.cli.demo.tour import peak_sockets

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "broker" / "cli" / "demo"
CLICKS = 500
ACTION = "/api/v1/devices/press-2/actions/start_batch"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def plant(built: Stage) -> tuple[str, Any]:
    """A press that takes one connection, broker, and gateway; its address, and the press's process."""
    site = DEMO / "site.yaml"
    one = ("--faults", str(DEMO / "faults.yaml"))
    files = ("--write-site", "served.yaml", "--report", "report.json")
    text = site.read_text().replace("host: 127.0.0.1, port: 5021", "host: 192.0.2.1")
    text = text.replace("host: 127.0.0.1, port: 5022", "host: 192.0.2.2")
    (built.directory / "site.yaml").write_text(text)
    press = built.start("press", "simulate", "site.yaml", *files, *one, "--json")
    press.wait_ready()
    built.run("apply", "apply", "served.yaml", "--json")
    free = "tcp://127.0.0.1:0"
    broker = built.start("broker", "serve", "--bind", free, "--host-bind", free, "--json")
    broker.wait_ready()
    address = str(broker.ready["bind"])
    gateway = built.start("gateway", "gateway", "--bind", "127.0.0.1:0", "--broker", address, "--json")
    gateway.wait_ready()
    return str(gateway.ready["url"]), press


async def clicks(url: str) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=CLICKS)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        keys = ({"Idempotency-Key": f"click-{number}"} for number in range(CLICKS))
        asked = (client.post(ACTION, json={"batch_size": 15}, headers=key) for key in keys)
        return list(await asyncio.gather(*asked))


def test_five_hundred_clicks_each_get_a_result_or_an_honest_error_over_one_socket() -> None:
    with stage() as built:
        url, press = plant(built)
        replies = asyncio.run(clicks(url))
        statuses = Counter(reply.status_code for reply in replies)
        assert sum(statuses.values()) == CLICKS
        assert statuses[200] >= 1
        for reply in replies:
            if reply.status_code != 200:
                assert reply.json()["outcome"] == "not_executed", reply.text
        started = {reply.json()["batch_no"] for reply in replies if reply.status_code == 200}
        assert len(started) == statuses[200]
        again = httpx.post(url + ACTION, json={"batch_size": 15}, headers={"Idempotency-Key": "click-0"})
        assert again.status_code in {replies[0].status_code, 200}
        press.close()
        report = json.loads((built.directory / "report.json").read_text())
        assert peak_sockets(report) == 1
