"""The soak: mixed load under all faults and kills for a chosen time, and a verdict.

    make soak DURATION=600 SEED=1

Strategy: simulated PLCs and the judge in this process; broker, host and clients in others, which can be
killed. The time is spent in phases, each of which shows something that another would hide:

    windows     no faults, and one device in ten black-holed, in turn: what others feel of it
    storm       all faults at the struck devices; clients, broker and host are killed, broker and host stopped
                (a host also while devices are down), and the profile of all devices changes
    endurance   all faults, no kills: whether memory and descriptors stay flat
    dead        without load, one device dies and comes back, and one gets 5,000 writes at once
    end         SIGTERM: everything is closed in order
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from random import Random

import uvloop
from plant import STRUCK, TIMEOUT, Plant
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.threads import DatabaseThread
from plcmq.client import AsyncConnection, PlcmqError, connect
from plcmq.devices.simulator.evidence import Ending
from plcmq.devices.simulator.faults.base import Close, Fault
from plcmq.devices.simulator.faults.silence import Blackhole, Unplug
from plcmq.devices.simulator.plc import SimulatedPlc
from processes import Client, Program, free_port
from storm import strikes
from trials import come_back, dead_device, fire
from verdict import Case, Series

CLIENTS = 2
NUMBERS = 1_000_000  # of commands, for each client process
WINDOWS, STORM, ENDURANCE = 0.25, 0.35, 0.4  # parts of the duration
BEYOND_LEASE = 6.0  # seconds; a host that stood still for so long has lost its PLCs
SETTLE = 0.75  # seconds at the beginning of a window that belong to neither


class Soak:
    """One run.

    Args:
        folder: for the registry and the logs.
        duration: seconds.
        seed: of everything that is chosen at random.
    """

    def __init__(self, folder: Path, duration: float, seed: int) -> None:
        self.folder, self.duration, self.dice = folder, duration, Random(seed)
        self.plant = Plant()
        self.case = Case(self.plant.ledger)
        self.bind, self.host_bind = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        self.registry = f"sqlite:///{folder}/soak.db"
        self.processes = count(1)
        self.programs: dict[str, Program] = {}  # broker and host
        self.clients: list[Client] = []
        self.open: list[dict[int, int]] = [{} for _ in range(CLIENTS)]  # commands under way: device by number
        self.phase = "start"
        self.started = time.monotonic()

    async def run(self) -> bool:
        """Whether all promises were kept."""
        async with self.plant, self.showing(), self.cleaning_up():
            async with DatabaseThread(Registry(self.registry)) as registry:
                await registry.run(lambda r: r.apply(self.plant.content))
            await self.start_broker()
            await self.start_host()
            async with connect(self.bind, connect_timeout=20) as client:
                await self.until_served(client)
                self.clients = [await self.start_client(place) for place in range(CLIENTS)]
                await self.windows(WINDOWS * self.duration)
                await self.storm(STORM * self.duration)
                await self.until_served(client)
                await self.endurance(ENDURANCE * self.duration)
                await self.settle(client)
                self.phase = "coming back"
                await come_back(self.plant, self.case, client)
                self.phase = "a dead device"
                await dead_device(self.plant, self.case, client)
                await fire(self.plant, self.case, client)
            await self.end()
        return self.case.judge(self.plant)

    async def start_broker(self) -> None:
        at = ["--bind", self.bind, "--host-bind", self.host_bind, "--registry", self.registry]
        self.programs["broker"] = await Program.start(
            "-m", "plcmq.broker.cli", "serve", *at, "--no-host", "--json", log=self.folder / "broker.log"
        )

    async def start_host(self) -> None:
        at = ["--broker", self.host_bind, "--name", "soak"]
        self.programs["host"] = await Program.start(
            "-m", "plcmq.broker.cli", "host", *at, log=self.folder / "host.log"
        )

    @contextlib.asynccontextmanager
    async def cleaning_up(self) -> AsyncIterator[None]:
        """Leaves no process behind, whatever happens."""
        try:
            yield
        finally:
            for program in [*self.clients, *self.programs.values()]:
                await program.kill()

    async def kill(self, name: str) -> None:
        """Kills broker or host, which should be alive until then."""
        self.case.killed[name] += 1
        self.look_after(name)
        await self.programs[name].kill()

    def look_after(self, name: str) -> None:
        """Notes a process that has ended by itself."""
        if self.programs[name].has_died:
            self.case.died.append(f"{name} in phase {self.phase!r}")

    async def start_client(self, place: int) -> Client:
        """A client that takes over the commands that its predecessor left."""
        number = next(self.processes)
        config = {
            "broker": self.bind,
            "seed": self.dice.random(),
            "first": number * NUMBERS + 1,
            "devices": self.plant.groups,
            "again": list(self.open[place].items()),
            "readers": 10,
            "callers": 3,
            "writers": 2,
        }

        def hear(message: dict[str, object]) -> None:
            about = self.case.hear(message)
            if about is not None:
                self.open[place][about[0]] = about[1]
            elif "verdict" in message:
                verdict = message["verdict"]
                assert isinstance(verdict, list)
                self.open[place].pop(verdict[0], None)

        return await Client.run(config, hear, self.folder / "clients.log")

    async def until_served(self, client: AsyncConnection) -> None:
        """Waits until a device of each group answers."""
        for ids in self.plant.groups.values():
            await client.request("read", {"tags": "m0"}, device=ids[0], retry=True, timeout=60)

    async def windows(self, seconds: float) -> None:
        """Calm and black holes in turn, so that what the machine does besides falls on both."""
        each = seconds / 6
        await asyncio.sleep(2)
        for window in ("before", "during") * 3:
            self.phase = f"window {window}"
            with contextlib.ExitStack() as faults:
                if window == "during":
                    for plc in self.plant.plcs["holes"]:
                        faults.enter_context(plc.fault(Blackhole()))
                    await asyncio.sleep(SETTLE)
                self.case.window = window
                await asyncio.sleep(each - SETTLE)
                self.case.window = None
            await asyncio.sleep(SETTLE)

    async def storm(self, seconds: float) -> None:
        """Faults and kills."""
        self.phase = "storm"
        kinds = [
            self.kill_client,
            self.change_profile,
            self.kill_host,
            self.stop_broker,
            self.kill_client,
            self.kill_broker,
            self.stop_host,
            self.stop_host_with_devices_down,
        ]
        async with self.faults():
            until = time.monotonic() + seconds
            for turn in count():
                if time.monotonic() > until:
                    return
                await asyncio.sleep(self.dice.uniform(1.0, 3.0))
                await kinds[turn % len(kinds)]()

    async def endurance(self, seconds: float) -> None:
        """Faults without kills, for processes that live long enough to be judged."""
        self.phase = "endurance"
        self.case.series = {name: Series() for name in self.programs}
        (fed,) = self.plant.plcs["watchdog"]
        starved = fed.evidence.faults["watchdog"]
        async with self.faults():
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await asyncio.sleep(0.5)
                for name, program in self.programs.items():
                    self.case.series[name].memory.append(program.memory())
                    self.case.series[name].descriptors.append(program.descriptors())
        self.case.starved = fed.evidence.faults["watchdog"] - starved

    async def settle(self, client: AsyncConnection) -> None:
        """Ends the load, and asks for what its last commands came to."""
        self.phase = "settling"
        await asyncio.sleep(1)
        for place, old in enumerate(self.clients):
            await old.kill()
            for number, device in list(self.open[place].items()):
                try:
                    await client.request(
                        "stroke", {"number": number}, device=device, key=str(number), retry=True
                    )
                except PlcmqError as error:
                    self.case.hear({"verdict": [number, str(error.outcome), str(error.code)]})
                else:
                    self.case.hear({"verdict": [number, "ok", "ok"]})

    async def end(self) -> None:
        """Host and broker end in order."""
        self.phase = "ending"
        before = self.endings()
        status = [await self.programs[name].end() for name in ("host", "broker")]
        await asyncio.sleep(0.2)
        after = self.endings()
        closed = {ending.value: after[ending] - before[ending] for ending in Ending}
        self.case.ending = {"status": status, "rst": closed["rst"], "closed": closed}

    def endings(self) -> dict[Ending, int]:
        """How connections have ended so far."""
        return {e: sum(plc.evidence.sockets.closed[e] for plc in self.plant.all) for e in Ending}

    @contextlib.asynccontextmanager
    async def faults(self) -> AsyncIterator[None]:
        """The storm's faults, for the time of the block."""
        async with asyncio.TaskGroup() as group:
            schedule = group.create_task(self.play(group))
            try:
                yield
            finally:
                schedule.cancel()

    async def play(self, group: asyncio.TaskGroup) -> None:
        for strike in strikes(self.dice, STRUCK):
            await asyncio.sleep(strike.wait)
            plc = self.plant.plcs[strike.group][strike.index]
            self.case.struck[strike.title] += 1
            group.create_task(self.strike(plc, strike.fault, strike.lasts))

    async def strike(self, plc: SimulatedPlc, fault: Fault, seconds: float) -> None:
        with plc.fault(fault):
            await asyncio.sleep(seconds)

    async def kill_client(self) -> None:
        self.case.killed["client"] += 1
        place = self.dice.randrange(CLIENTS)
        await self.clients[place].kill()
        self.clients[place] = await self.start_client(place)

    async def kill_host(self) -> None:
        await self.kill("host")
        await self.start_host()

    async def kill_broker(self) -> None:
        await self.kill("broker")
        await self.start_broker()

    async def stop_host(self) -> None:
        self.case.killed["host stopped"] += 1
        self.look_after("host")
        await self.programs["host"].sleep(self.dice.uniform(0.5, 6.0))

    async def stop_broker(self) -> None:
        self.case.killed["broker stopped"] += 1
        self.look_after("broker")
        await self.programs["broker"].sleep(self.dice.uniform(0.5, 6.0))

    async def stop_host_with_devices_down(self) -> None:
        """The host wakes after its lease, when what was down can be reached again."""
        self.case.killed["host stopped, devices down"] += 1
        self.look_after("host")
        with contextlib.ExitStack() as faults:
            for plc in self.plant.plcs["struck"]:
                faults.enter_context(plc.fault(Unplug(close=Close.RST)))
            await asyncio.sleep(TIMEOUT)
            stopped = asyncio.create_task(self.programs["host"].sleep(BEYOND_LEASE))
            await asyncio.sleep(BEYOND_LEASE / 2)
        await stopped

    async def change_profile(self) -> None:
        """Every device is served anew, on the connection that it has."""
        self.case.killed["profile changed"] += 1
        content = self.plant.changed_content()
        async with DatabaseThread(Registry(self.registry)) as registry:
            await registry.run(lambda r: r.apply(content))

    @contextlib.asynccontextmanager
    async def showing(self) -> AsyncIterator[None]:
        """A line of progress every five seconds."""
        task = asyncio.create_task(self.show())
        try:
            yield
        finally:
            task.cancel()

    async def show(self) -> None:
        while True:
            await asyncio.sleep(5)
            print(f"{time.monotonic() - self.started:5.0f} s  {self.phase:15}  {self.progress()}", flush=True)

    def progress(self) -> str:
        """What has happened so far, in a line."""
        case = self.case
        ledger = case.ledger
        twice = sum(times > 1 for counter in (ledger.begun, ledger.done) for times in counter.values())
        return (
            f"{case.counts['reads']} reads, {case.counts['commands']} keyed commands, "
            f"{case.counts['writes']} writes; {case.struck.total()} faults, {case.killed.total()} kills; "
            f"{twice} twice, {len(case.misdelivered)} misdelivered, {len(case.hangs)} hung"
        )


def report(soak: Soak, kept: bool, seconds: float, seed: int) -> Iterator[str]:
    """The lines of the report."""
    case = soak.case
    yield ""
    yield f"{seconds:.0f} s, seed {seed}: {soak.progress()}"
    yield f"faults: {', '.join(f'{title} {times}' for title, times in sorted(case.struck.items()))}"
    yield f"kills: {dict(case.killed)}; replies to commands: {dict(case.codes.most_common())}"
    for held, words in case.judged:
        yield f"{'  ok ' if held else 'FAIL '} {words}"
    yield "every promise was kept" if kept else f"NOT every promise was kept; logs in {soak.folder}"


def main() -> int:
    """Runs a soak; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--duration", type=float, default=600, help="seconds, at least 30")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    soak = Soak(Path(tempfile.mkdtemp(prefix="plcmq-soak-")), max(30.0, options.duration), options.seed)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        kept = runner.run(soak.run())
    print(*report(soak, kept, time.monotonic() - soak.started, options.seed), sep="\n", flush=True)
    if kept:
        shutil.rmtree(soak.folder)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
