"""Viewers whose network goes: no FIN, no RST, only silence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

SOCKETS, STREAMS = 200, 50
WITHIN = 20.0  # seconds in which all of them must be gone
NET = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"  # of this run alone
OURS, THEIRS = f"{NET}.1", f"{NET}.2"
HERE, THERE = f"pa{os.getpid()}", f"pb{os.getpid()}"  # the two ends of the line
VIEWERS = """
import asyncio, sys
import httpx
from websockets.asyncio.client import connect

async def watch(url):
    async with connect(url.replace("http", "ws") + "/api/v1/live") as websocket:
        await websocket.send('{"open": {"topic": "device", "device": "press-1"}}')
        async for _ in websocket:
            pass

async def stream(client):
    async with client.stream("GET", "/api/v1/devices/press-1/events") as reply:
        async for _ in reply.aiter_lines():
            pass

async def main(url, sockets, streams):
    limits = httpx.Limits(max_connections=streams)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=None) as client:
        await asyncio.gather(*(watch(url) for _ in range(sockets)), *(stream(client) for _ in range(streams)))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A network of its own, with one line to here that can be cut."""
    name = f"plcmq-{os.getpid()}"
    try:
        ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a network of its own needs root and `ip`")
    try:
        ip("link", "add", HERE, "type", "veth", "peer", "name", THERE, "netns", name)
        ip("address", "add", f"{OURS}/30", "dev", HERE)
        ip("link", "set", HERE, "up")
        ip("-n", name, "address", "add", f"{THEIRS}/30", "dev", THERE)
        ip("-n", name, "link", "set", THERE, "up")
        yield name
    except subprocess.CalledProcessError:
        pytest.skip("there are no pairs of virtual interfaces here")
    finally:
        ip("netns", "delete", name)


def test_two_hundred_and_fifty_vanished_viewers_are_gone_in_time(
    elsewhere: str, start_gateway: Callable[..., Any], fake_broker: Any
) -> None:
    fake_broker.answers |= {"watch": lambda _: {"watch": "w1", "ttl": 30.0}, "unwatch": lambda _: {}}
    gateway = start_gateway(bind=f"{OURS}:0", insecure=True)
    before = descriptors()
    command = ["ip", "netns", "exec", elsewhere, sys.executable, "-c", VIEWERS, gateway.url]
    with subprocess.Popen([*command, str(SOCKETS), str(STREAMS)]) as viewers:
        try:
            wait_until(lambda: numbers(gateway.url)["plcmq_gateway_viewers"] == SOCKETS + STREAMS, 60)
            ip("link", "set", HERE, "down")
            ip("link", "set", HERE, "up")
            ip("-n", elsewhere, "link", "set", THERE, "down")
            wait_until(lambda: numbers(gateway.url)["plcmq_gateway_viewers"] == 0, WITHIN)
            wait_until(lambda: numbers(gateway.url)["plcmq_gateway_topics"] == 0, WITHIN)
        finally:
            viewers.kill()
    assert descriptors() <= before + 3
    assert [request.action for request in fake_broker.requests].count("unwatch") == 1


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def numbers(url: str) -> dict[str, float]:
    text = httpx.get(f"{url}/metrics", timeout=20).text
    return {name: float(value) for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", text, re.MULTILINE)}


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
