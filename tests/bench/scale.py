"""Measures how plcmq carries many devices, many clients and many values, and a command among polls.

Strategy: simulated PLCs in a process of their own, `plcmq serve` in another, the load in this one. What the
broker costs is its processor time, which other load on the machine disturbs less than any clock; latencies
are those of one caller. Every measurement is a function that gives one row; nothing here judges.

    python tests/bench/scale.py [NAME…] [--seconds 20] [--json FILE]
"""

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import contenders
import psutil
import zmq
from plcmq.broker.storage.registry import Registry
from plcmq.client import connect
from plcmq.client.load.generator import Generator
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.schedule import ClosedLoop, Load, OpenLoop
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.definitions.content import SiteContent
from timing import run_plc

TAGS = 100  # float tags of each device
CLIENTS_APIECE = 1000  # clients of one process


def profile(tags):
    found = {f"t{n}": {"address": f"holding:{2 * n}", "type": "float32"} for n in range(tags)}
    return {"tags": found | {"set": {"address": "holding:9999", "type": "uint16", "access": "rw"}}}


def simulated(pipe, count, delay, living):
    """So many PLCs; those that live hold other values at each look."""

    async def run():
        plcs = [SimulatedPlc(delay=delay) for _ in range(count)]
        for plc in plcs:
            plc.start()
        pipe.send([plc.port for plc in plcs])
        asyncio.get_running_loop().add_reader(pipe.fileno(), silence, pipe, plcs, {})
        while True:
            await asyncio.sleep(0.5)
            if living:
                values = bytes(random.choices(range(1, 120), k=4 * TAGS))
                for plc in plcs:
                    plc.unit.holding.data[: len(values)] = values

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    run_plc(run(), delay)


def silence(pipe, plcs, holes):
    """Makes so many of the PLCs silent, the others answer; tells when it is done."""
    count = pipe.recv()
    for number, plc in enumerate(plcs):
        if number < count and number not in holes:
            holes[number] = Blackhole()
            plc.add(holes[number])
        elif number >= count and number in holes:
            plc.remove(holes.pop(number))
    pipe.send(count)


class Ports(list):
    """The ports of the simulated PLCs, and a way to make the first of them silent."""

    def silent(self, count):
        self.pipe.send(count)
        self.pipe.recv()


@contextmanager
def plcs(count, *, delay=0.0, living=False):
    with contenders.process(simulated, count, delay, living) as (pipe, _pid):
        ports = Ports(pipe.recv())
        ports.pipe = pipe
        yield ports


@contextmanager
def broker(ports, tags=TAGS, devices=None):
    """`plcmq serve` for PLCs at these ports; its process and where it listens."""
    forms = devices or [
        {"id": n + 1, "name": f"plc-{n + 1}", "host": "127.0.0.1", "port": port, "profile": "plain"}
        for n, port in enumerate(ports)
    ]
    with tempfile.TemporaryDirectory() as folder:
        registry = f"sqlite:///{folder}/scale.db"
        with ThreadPoolExecutor(1) as thread:  # no database calls on a loop's thread
            thread.submit(define, registry, tags, forms).result()
        started = time.perf_counter()
        with contenders.serve(registry) as (process, said):
            yield psutil.Process(process.pid), said["bind"], started


def define(registry, tags, forms):
    with Registry(registry) as opened:
        opened.apply(SiteContent({"plain": profile(tags)}, tuple(forms)))


class Cost:
    """Processor time and wall time of a process from `with` to its end."""

    def __init__(self, process):
        self.process = process

    def __enter__(self):
        self._busy, self._began = sum(self.process.cpu_times()[:2]), time.perf_counter()
        return self

    def __exit__(self, *_error):
        self.busy = sum(self.process.cpu_times()[:2]) - self._busy
        self.wall = time.perf_counter() - self._began
        self.share = self.busy / self.wall


def idle_clients(pipe, endpoint, count):
    """Clients that have said hello once and then only stay."""
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, count + 10)
    sockets = []
    for _ in range(count):
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(endpoint)
        socket.send(b'{"action": "ping"}')
        sockets.append(socket)
    for socket in sockets:
        if not socket.poll(60_000):
            raise SystemExit("a client got no answer")
        socket.recv()
    pipe.send(len(sockets))
    while True:
        go_on = pipe.recv()
        for socket in sockets[: go_on or 0]:
            socket.send(b'{"action": "ping"}')
        for socket in sockets[: go_on or 0]:
            socket.recv()
        pipe.send(go_on)


@contextmanager
def clients(endpoint, count):
    """So many connected clients, in processes of a thousand each."""
    with ExitStack() as stack:
        counts = (min(CLIENTS_APIECE, count - first) for first in range(0, count, CLIENTS_APIECE))
        started = [contenders.process(idle_clients, endpoint, apiece) for apiece in counts]
        pipes = [stack.enter_context(process)[0] for process in started]
        for pipe in pipes:
            pipe.recv()
        yield pipes


@asynccontextmanager
async def all_up(endpoint, count):
    """A client, once every device has been read."""
    async with connect(endpoint, timeout=60) as plc:
        for first in range(1, count + 1, 200):
            numbers = range(first, min(first + 200, count + 1))
            await asyncio.gather(
                *(plc.request("read", {"tags": "t0"}, device=n, retry=True) for n in numbers)
            )
        yield plc


async def idle(seconds):
    """1,000 devices with their sockets open, 1,000 clients, and nothing to do."""
    with plcs(1000) as ports, broker(ports) as (process, endpoint, _started):
        async with all_up(endpoint, 1000):
            with clients(endpoint, 1000):
                await asyncio.sleep(3)
                with Cost(process) as cost:
                    await asyncio.sleep(seconds)
                memory = process.memory_info().rss / 2**20
    return {"cpu_percent": cost.share * 100, "memory_mib": memory}


async def sample(seconds):
    """1,000 devices with 100 float tags each, all watched once a second; every value changes."""
    with plcs(1000, living=True) as ports, broker(ports) as (process, endpoint, _started):
        async with all_up(endpoint, 1000) as plc:
            values = 0

            async def watch(number):
                nonlocal values
                tags = [f"t{n}" for n in range(TAGS)]
                async for event in plc.watch(number, tags, interval=1.0):
                    values += len(event.values)

            watching = [asyncio.create_task(watch(n + 1)) for n in range(1000)]
            await asyncio.sleep(5)
            values = 0
            with Cost(process) as cost:
                await asyncio.sleep(seconds)
            achieved = values / cost.wall
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
    return {"values_per_s": achieved, "achieved_percent": achieved / 1000, "cpu_percent": cost.share * 100}


async def command(seconds):
    """A write, again and again, while 1,000 tags of the same device are read without a pause; 5 ms PLC."""
    with plcs(1, delay=0.005) as ports, broker(ports, tags=1000) as (_process, endpoint, _started):
        tags, polls, times = [f"t{n}" for n in range(1000)], 0, []
        async with all_up(endpoint, 1) as polling, connect(endpoint) as commanding:

            async def poll():
                nonlocal polls
                while True:
                    await polling.request("read", {"tags": tags}, device=1)
                    polls += 1

            task = asyncio.create_task(poll())
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                began = time.perf_counter()
                await commanding.write(1, {"set": 1})
                times.append((time.perf_counter() - began) * 1000)
                await asyncio.sleep(random.random() * 0.05)
            task.cancel()
    times.sort()
    ranks = {"p50_ms": times[len(times) // 2], "p99_ms": times[int(len(times) * 0.99)], "max_ms": times[-1]}
    return {"writes": len(times), "rounds_of_1000_tags_per_s": polls / seconds, **ranks}


async def isolation(seconds):
    """100 PLCs of 5 ms, each read five times a second; ten of them fall silent and come back, four times."""
    with plcs(100, delay=0.005) as ports, broker(ports) as (_process, endpoint, _started):
        async with all_up(endpoint, 100):
            p99s = {0: [], 10: []}
            for silent in (0, 10) * 4:
                ports.silent(silent)
                await asyncio.sleep(3)
                meter = await loaded(endpoint, OpenLoop(500.0), range(1, 11), range(11, 101), seconds / 4)
                p99s[silent].append(meter.tallies["read of others"].latencies.percentile(99) * 1000)
    before, during = statistics.median(p99s[0]), statistics.median(p99s[10])
    return {"p99_ms_before": before, "p99_ms_during": during, "change_percent": (during / before - 1) * 100}


async def loaded(endpoint, schedule, some, others, seconds):
    """What came of reads of a tag of each of these devices in turn."""
    names = dict.fromkeys(some, "read") | dict.fromkeys(others, "read of others")
    mix = Mix({device: [Operation(name, "read", {"tags": "t0"})] for device, name in names.items()})
    async with Generator(Load(mix, schedule, endpoint, duration=seconds)) as generator:
        return await generator.run()


async def growth(seconds):
    """Processor time of a read with few and with many devices, of a ping with few and with many clients."""
    by_devices, by_clients = {}, {}
    for count in (10, 1000):
        with plcs(count) as ports, broker(ports) as (process, endpoint, _started):
            async with all_up(endpoint, count):
                by_devices[count] = await reading(endpoint, process, count, seconds / 2)
    for count in (10, 1000):
        with (
            plcs(1) as ports,
            broker(ports) as (process, endpoint, _started),
            clients(endpoint, count) as pipes,
        ):
            by_clients[count] = pinging(process, pipes, count, seconds / 2)
    told = {f"us_with_{n}_devices": us for n, us in by_devices.items()}
    told |= {f"us_with_{n}_clients": us for n, us in by_clients.items()}
    ratios = {"devices": by_devices[1000] / by_devices[10], "clients": by_clients[1000] / by_clients[10]}
    return told | {f"ratio_{name}": ratio for name, ratio in ratios.items()}


async def reading(endpoint, process, count, seconds):
    """Microseconds of the broker's processor for a read that goes to the PLC; ten are always on their way."""
    with Cost(process) as cost:
        meter = await loaded(endpoint, ClosedLoop(10), range(1, count + 1), (), seconds)
    return cost.busy / meter.overall().latencies.count * 1e6


def pinging(process, pipes, count, seconds):
    """Microseconds of the broker's processor for a ping; each client in its turn, ten at a time."""
    done, end = 0, time.perf_counter() + seconds
    with Cost(process) as cost:
        while time.perf_counter() < end:
            for pipe in pipes:
                pipe.send(min(count, CLIENTS_APIECE))
                done += pipe.recv()
    return cost.busy / done * 1e6


async def start(_seconds):
    """From the command to the first answer with 10,000 registered devices (no PLC is there); then listing."""
    forms = [
        {
            "id": n,
            "name": f"plc-{n}",
            "host": f"127.0.{n // 250}.{n % 250 + 1}",
            "port": 9,
            "profile": "plain",
        }
        for n in range(1, 10_001)
    ]
    with broker([], devices=forms) as (process, endpoint, started):
        async with connect(endpoint, connect_timeout=60, timeout=60) as plc:
            await plc.ping()
            first_answer = time.perf_counter() - started
            pages = []
            for offset in range(0, 10_000, 1000):
                began = time.perf_counter()
                assert len((await plc.devices(limit=1000, offset=offset))["devices"]) == 1000
                pages.append(time.perf_counter() - began)
            memory = process.memory_info().rss / 2**20
    return {
        "first_answer_s": first_answer,
        "page_of_1000_ms": statistics.median(pages) * 1000,
        "memory_mib": memory,
    }


async def many_clients(seconds):
    """5,000 connected clients that all ask in their turn."""
    with plcs(1) as ports, broker(ports) as (process, endpoint, _started):
        with clients(endpoint, 5000) as pipes:
            cost = pinging(process, pipes, 5000, seconds / 2)
            memory = process.memory_info().rss / 2**20
        async with connect(endpoint) as plc:
            await plc.ping()
    return {"us_for_a_ping": cost, "memory_mib": memory}


MEASUREMENTS = {
    found.__name__.replace("_", "-"): found
    for found in (idle, sample, command, isolation, growth, start, many_clients)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(MEASUREMENTS)}")
    parser.add_argument("--seconds", type=float, default=20.0, help="that each measurement lasts")
    parser.add_argument("--json", metavar="FILE", help="write the rows there too")
    chosen = parser.parse_args()
    rows = {}
    for name in chosen.names or MEASUREMENTS:
        row = rows[name] = asyncio.run(MEASUREMENTS[name](chosen.seconds))
        print(f"{name:13}", "  ".join(f"{key}={value:.1f}" for key, value in row.items()), flush=True)
    if chosen.json:
        Path(chosen.json).write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
