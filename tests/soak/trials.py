"""Trials at single devices, when the load has ended: coming back, dying, and more than a device can take."""

from __future__ import annotations

import asyncio
import time

from plant import BACKOFF_MAX, TIMEOUT, Plant
from plcmq.client import AsyncConnection, PlcmqError
from plcmq.devices.simulator.faults.pace import Delay
from plcmq.devices.simulator.faults.silence import Blackhole
from verdict import Case

BACK = 20 * TIMEOUT + 3  # seconds; units behind a gateway are tried again after 20 timeouts
DEAD = 4 * BACKOFF_MAX  # seconds; by then the distance of the tries has grown to its cap
FIRED = 5000


async def read(client: AsyncConnection, device: int, timeout: float = 5.0, *, retry: bool = False) -> str:
    """The code of the error, or `ok`."""
    try:
        await client.request("read", {"tags": "m0"}, device=device, timeout=timeout, retry=retry)
    except PlcmqError as error:
        return str(error.code)
    return "ok"


async def come_back(plant: Plant, case: Case, client: AsyncConnection) -> None:
    """Whatever has happened to a device, it is served again when that is over."""
    ids = [device["id"] for device in plant.devices]
    found = await asyncio.gather(*(read(client, number, BACK, retry=True) for number in ids))
    case.lost = [
        f"{device['name']}: {code}" for device, code in zip(plant.devices, found, strict=True) if code != "ok"
    ]


async def dead_device(plant: Plant, case: Case, client: AsyncConnection) -> None:
    """A device dies and comes back."""
    seen, plc, device = case.dead, plant.plcs["calm"][-1], plant.groups["calm"][-1]
    with plc.fault(Blackhole()):
        died = time.monotonic()
        while await read(client, device) != "device_down":
            pass
        seen["noticed"] = (time.monotonic() - died) / TIMEOUT
        seen["at_once"], seen["otherwise"] = [], 0
        while time.monotonic() < died + DEAD:
            asked = time.monotonic()
            seen["otherwise"] += await read(client, device) != "device_down"
            seen["at_once"].append((time.monotonic() - asked) * 1000)
            await asyncio.sleep(0.005)
    alive = time.monotonic()
    while await read(client, device) != "ok":
        await asyncio.sleep(0.01)
    seen["back"], seen["back_limit"] = time.monotonic() - alive, BACKOFF_MAX + TIMEOUT


async def fire(plant: Plant, case: Case, client: AsyncConnection) -> None:
    """Thousands of writes at once at a slow device: each gets a reply."""
    plc, device = plant.plcs["calm"][-2], plant.groups["calm"][-2]
    with plc.fault(Delay(seconds=0.03)):
        asked = (
            client.request("write", {"values": {"set_point": n % 1000}}, device=device, timeout=3)
            for n in range(FIRED)
        )
        replies = await asyncio.gather(*asked, return_exceptions=True)
    codes = [str(reply.code) if isinstance(reply, PlcmqError) else type(reply).__name__ for reply in replies]
    good = {"dict", "busy", "expired"}
    case.dead |= {"fired": FIRED, "replies": sum(c in good for c in codes), "busy": codes.count("busy")}
