"""A profile of a thousand devices changes, and the devices of other profiles are not touched."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from plcmq.client import PlcmqError, connect
from plcmq.devices.site.definitions.content import SiteContent

DEVICES, TAGS = 1000, 150
NOBODY = {"port": 9, "profile": "long"}  # a device that is not there is served all the same


def long_profile(size):
    """A profile of which a thousand copies are longer than a frame may be."""
    tags = {
        f"tag_{n}": {"address": f"holding:{n}", "type": "uint16", "unit": "x" * size} for n in range(TAGS)
    }
    return {"long": {"tags": tags}}


def machine(number):
    return {
        "id": number,
        "name": f"machine-{number}",
        "host": f"127.1.{number // 250}.{number % 250}",
    } | NOBODY


async def all_served(client, unit):
    """Returns when the host serves every device by the profile whose tags have this unit."""

    async def is_served(number):
        try:
            await client.request("status", device=f"machine-{number}")
        except PlcmqError:
            return False
        return True

    async with asyncio.timeout(60):
        while (await client.request("describe", device="machine-1001"))["tags"]["tag_0"]["unit"] != unit:
            await asyncio.sleep(0.05)
        while not all(await asyncio.gather(*map(is_served, range(1001, 1001 + DEVICES)))):
            await asyncio.sleep(0.05)


async def test_a_thousand_devices_get_their_changed_profile_and_the_others_lose_no_request(plant, works):
    async def apply(size):
        plant.content = SiteContent(plant.content.profiles | long_profile(size), ())
        await plant.apply()

    async with AsyncExitStack() as stack:
        for number in range(1, 11):
            await stack.enter_async_context(plant.press(number))
        presses = [form["name"] for form in plant.devices.values()]
        plant.devices |= {1000 + n: machine(1000 + n) for n in range(1, DEVICES + 1)}
        await apply(100)
        await works.broker(in_process_host=False)
        await works.host("hall")
        client = await stack.enter_async_context(connect(works.bind, connect_timeout=20))
        await all_served(client, "x" * 100)
        for name in presses:
            await works.until_served(client, name)
        changed = asyncio.create_task(all_served(client, "x" * 101))
        await apply(101)
        reads = 0
        while not changed.done():
            asked = (client.request("read", {"tags": "stroke_no"}, device=name) for name in presses)
            reads += len(await asyncio.gather(*asked))
        await changed
        assert reads
