"""One client process of the soak: readers, writers and callers of keyed commands, on one connection.

It is killed at any moment, so it says on stdout what it is about to do, and then what came of it, one JSON
document a line. It checks by itself what it reads, and that every request ends in time.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from itertools import count
from typing import Any

from plant import MEASURES, TICKS
from plcmq.client import AsyncConnection, PlcmqError, Retry, connect
from plcmq.client.core.session import GRACE

PATIENT = Retry(patience=1.0)
STALE = 0.3 * TICKS  # ticks; a reply to an earlier request is older, because that request timed out first
READ_TIME, COMMAND_TIME = 3.0, 12.0  # seconds
HANG = 2.0  # seconds beyond the time in which a request must have ended
REPORT = 0.25  # seconds


def say(**message: Any) -> None:
    """One line for the judge."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class Load:
    """What one process does.

    Args:
        config: `broker`; `seed`; `first`, of its numbers; `devices`: ids by group; `again`: commands that a
            killed process left, as (number, device); `readers`, `callers`, `writers`: tasks of each kind.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.dice = random.Random(config["seed"])
        self.numbers = count(config["first"])
        self.counts: Counter[str] = Counter()
        self.calm: list[float] = []  # milliseconds of reads of calm devices
        self.calm_ids = frozenset(config["devices"]["calm"])
        self.all = [number for group in config["devices"].values() for number in group]
        self.others = [number for number in self.all if number not in self.calm_ids]
        self.obedient = [number for number in self.all if number not in config["devices"]["holes"]]

    async def run(self) -> None:
        """For ever."""
        async with connect(self.config["broker"], connect_timeout=20) as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self.report(client))
            for number, device in self.config["again"]:
                tasks.create_task(self.command(client, number, device))
            for kind, work in (("readers", self.read), ("callers", self.call), ("writers", self.write)):
                for _ in range(self.config[kind]):
                    tasks.create_task(self.repeat(client, work))

    async def repeat(self, client: AsyncConnection, work: Any) -> None:
        """One task: the same kind of work again and again, at a rate that does not depend on how soon it is
        answered as long as it is soon."""
        while True:
            until = time.monotonic() + self.dice.uniform(0.03, 0.07)
            try:
                await work(client)
            except PlcmqError as error:
                self.counts[str(error.code)] += 1
            await asyncio.sleep(max(0.001, until - time.monotonic()))

    async def ask(self, client: AsyncConnection, seconds: float, *args: Any, **kwargs: Any) -> Any:
        """A request that must end in time, whatever happens."""
        try:
            async with asyncio.timeout(seconds + GRACE + HANG):
                return await client.request(*args, timeout=seconds, **kwargs)
        except TimeoutError:
            say(hang=repr((args, kwargs)))
            raise

    def device(self) -> int:
        """Any device; calm ones are asked as often as all others together."""
        return self.dice.choice(self.config["devices"]["calm"] if self.dice.random() < 0.5 else self.others)

    async def read(self, client: AsyncConnection) -> None:
        device = self.device()
        places = self.dice.sample(range(len(MEASURES)), self.dice.randint(1, len(MEASURES)))
        sent = time.monotonic()
        result = await self.ask(
            client, READ_TIME, "read", {"tags": [f"m{place}" for place in places]}, device=device
        )
        self.counts["reads"] += 1
        if device in self.calm_ids:
            self.calm.append(round((time.monotonic() - sent) * 1000, 2))
        for place in places:
            if f"m{place}" not in result.get("errors", {}):
                self.check(device, place, result["values"][f"m{place}"], sent)

    def check(self, device: int, place: int, value: int, sent: float) -> None:
        """The value is that of this device, this place and this time."""
        self.counts["values"] += 1
        age = (int(sent * TICKS) - value + 0x8000 & 0xFFFF) - 0x8000
        if (value >> 24, value >> 16 & 0xFF) != (device, place) or age > STALE:
            say(misdelivered=f"device {device} m{place}: {value:#010x}, {age / TICKS:.2f} s too old")

    async def call(self, client: AsyncConnection) -> None:
        device = self.dice.choice(self.obedient)
        number = next(self.numbers)
        say(about=[number, device, True])
        twins = 2 if self.dice.random() < 0.1 else 1
        told = await asyncio.gather(*(self.command(client, number, device) for _ in range(twins)))
        if self.dice.random() < 0.1 and "not_executed" not in told:
            await self.command(client, number, device)

    async def command(self, client: AsyncConnection, number: int, device: int) -> str:
        """Gives a keyed command; what came of it."""
        verdict, code = "ok", "ok"
        try:
            await self.ask(
                client,
                COMMAND_TIME,
                "stroke",
                {"number": number},
                device=device,
                key=str(number),
                retry=PATIENT,
            )
        except PlcmqError as error:
            verdict, code = str(error.outcome), str(error.code)
        say(verdict=[number, verdict, code])
        self.counts["commands"] += 1
        return verdict

    async def write(self, client: AsyncConnection) -> None:
        device = self.dice.choice(self.obedient)
        if self.dice.random() < 0.5:
            values = {"set_point": self.dice.randrange(1000), "lamp": self.dice.random() < 0.5}
            await self.ask(client, READ_TIME, "write", {"values": values}, device=device)
        else:
            number = next(self.numbers)
            say(about=[number, device, False])
            try:
                await self.ask(client, READ_TIME, "stroke", {"number": number}, device=device, retry=True)
            except PlcmqError as error:
                say(verdict=[number, str(error.outcome), str(error.code)])
            else:
                say(verdict=[number, "ok", "ok"])
        self.counts["writes"] += 1

    async def report(self, client: AsyncConnection) -> None:
        while True:
            await asyncio.sleep(REPORT)
            calm, self.calm = self.calm, []
            counts, self.counts = self.counts, Counter()
            say(counts=counts, calm=calm, missed_edges=client.missed_edges)


if __name__ == "__main__":
    asyncio.run(Load(json.loads(sys.argv[1])).run())
