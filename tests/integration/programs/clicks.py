"""Impatient people in front of the example service: so many requests at once, each over a connection of its
own, and what each came to. A process of its own, so that the service is not held up by those who ask.
"""

import asyncio

import httpx

settings, told = globals()["settings"], globals()["told"]


async def click():
    async with httpx.AsyncClient(base_url=settings["url"], timeout=60, verify=False) as http:
        answer = await http.put(settings["path"], json={"batsize": 15})
    return answer.status_code, answer.json()


async def click_all():
    return await asyncio.gather(*(click() for _ in range(settings["clicks"])))


told.send(asyncio.run(click_all()))
