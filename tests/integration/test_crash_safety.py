"""SIGKILL at random moments around keyed commands: nothing is executed twice, and no reply lies.

The judge is the simulated PLC: each command writes a number of its own, and the PLC counts. More rounds with
`TEST_KILLS`, other moments with `TEST_SEED`.
"""

import asyncio
import os
import random
from itertools import count

import pytest
from plcmq.client import PlcmqError, Retry, connect

KILLS = int(os.environ.get("TEST_KILLS", "200" if os.environ.get("TEST_LONG") else "10"))
SEED = int(os.environ.get("TEST_SEED", "4"))
CALLERS = 4
PATIENT = Retry(patience=0.3)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 10 * KILLS)]


class Orders:
    """Callers who give one command after the other, each with its own key, and note what they hear."""

    def __init__(self, broker):
        self.verdicts = {}
        self.codes = {}
        self._broker = broker
        self._numbers = count(1)
        self._told = asyncio.Event()

    async def give(self):
        async with connect(self._broker) as client:
            while True:
                await self.order(client, next(self._numbers))

    async def order(self, client, number):
        try:
            await client.request(
                "stroke",
                {"number": number},
                device="press-1",
                key=f"order-{number}",
                timeout=20,
                retry=PATIENT,
            )
        except PlcmqError as error:
            self.note(number, str(error.outcome), str(error.code))
        else:
            self.note(number, "ok", "ok")

    def note(self, number, verdict, code):
        self.verdicts[number], self.codes[number] = verdict, code
        self._told.set()

    async def more(self, verdicts):
        """Waits until so many more have been told."""
        wanted = len(self.verdicts) + verdicts
        while len(self.verdicts) < wanted:
            self._told.clear()
            async with asyncio.timeout(20):
                await self._told.wait()


async def ask_again(client, verdicts):
    """What each command that may have been executed gives by its key."""
    again = {}
    for number in [number for number, verdict in verdicts.items() if verdict != "not_executed"]:
        try:
            await client.request(
                "stroke", {"number": number}, device="press-1", key=f"order-{number}", retry=True
            )
            again[number] = "ok"
        except PlcmqError as error:
            again[number] = str(error.outcome)
    return again


LAYOUTS = {  # and the part of the kills that there is time for
    "broker": 1,
    "broker of a host": 2,
    "host": 1,
    "both": 4,  # each time, new hosts have to wait until an old one must have let go
}


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_killed_at_any_moment_nothing_is_executed_twice_and_no_reply_lies(plant, works, judge, layout):
    dice = random.Random(f"{SEED} {layout}")
    apart = layout != "broker"
    async with plant.press(1, delay=0.003) as plc:
        judge = judge(plc)
        broker = await works.broker(in_process_host=not apart)
        host = await works.host() if apart else None
        orders = Orders(works.bind)
        callers = [asyncio.create_task(orders.give()) for _ in range(CALLERS)]
        for _ in range(-(-KILLS // LAYOUTS[layout])):
            await orders.more(dice.randint(1, 2 * CALLERS))
            await asyncio.sleep(dice.uniform(0.0, 0.04))
            if layout != "host":
                await broker.kill()
            if layout in ("host", "both"):
                await host.kill()
                host = await works.host(wait=False)
            if layout != "host":
                broker = await works.broker(in_process_host=not apart)
        await orders.more(2 * CALLERS)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        async with connect(works.bind) as client:
            await works.until_served(client)
            again = await ask_again(client, orders.verdicts)
        assert judge.condemns(orders.verdicts) is None
        assert judge.condemns(again) is None
        known = {number: verdict for number, verdict in orders.verdicts.items() if number in again}
        known = {number: verdict for number, verdict in known.items() if verdict != "unknown"}
        assert {number: again[number] for number in known} == known, "a key gives what it gave"
        assert plc.evidence.sockets.peak == 1


async def test_a_killed_client_that_asks_again_by_its_key_learns_what_became_of_its_command(
    plant, works, judge
):
    dice = random.Random(SEED)
    async with plant.press(1, delay=0.003) as plc:
        judge = judge(plc)
        await works.broker()
        verdicts, first = {}, 1
        async with connect(works.bind) as client:
            await works.until_served(client)
            for _ in range(KILLS):
                program = works.start("commands", {"broker": works.bind, "first": first, "last": 65535})
                number, _ = await program.hears()
                await asyncio.sleep(dice.uniform(0.0, 0.05))
                await program.kill()
                while True:
                    try:
                        last, verdict = await program.hears()
                    except EOFError:
                        break
                    number = last
                    if verdict != "about to":
                        verdicts[number] = verdict
                verdicts.update(await told(client, number))
                first = number + 1
        assert judge.condemns(verdicts) is None
        assert set(verdicts.values()) == {"ok"}, "the broker and the press were well all the time"
        assert sorted(verdicts) == list(range(1, first))


async def told(client, number):
    await client.request("stroke", {"number": number}, device="press-1", key=f"order-{number}", retry=True)
    return {number: "ok"}
