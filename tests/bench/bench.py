"""Measures plcmq beside what it stands on: libzmq's own proxy with an echo worker, and pymodbus alone.

Strategy: every contender runs in processes of its own; the rounds alternate, after a warm-up, so that a
machine whose speed drifts treats all alike; medians and spreads are told, and ratios to the floor. It never
judges.

    python tests/bench/bench.py [--rounds 3] [--requests 6000] [--json FILE]
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvloop
import zmq
from plcmq.broker.registry import Registry
from plcmq.client import connect
from plcmq.client.protocol import Codec, Elapsed, encode, parse_request, success_map
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.load import parse_site
from pymodbus.client import AsyncModbusTcpClient

SITE = """
profiles:
  plain:
    tags: {{level: {{address: "holding:0", type: uint16}}}}
devices:
  - {{id: 1, name: plc, host: 127.0.0.1, port: {port}, profile: plain}}
"""
WINDOWS = (1, 16, 100)


# --- contenders: each has a process, and says where it listens ----------------------------------------


def simulated_plc(pipe):
    async def run():
        async with SimulatedPlc() as plc:
            pipe.send(plc.port)
            await asyncio.Event().wait()

    uvloop.run(run())


def proxy_with_echo(pipe):
    """The floor: a C proxy between Python ends, which parse and answer as the broker does, and do no more."""
    context = zmq.Context()
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    port = front.bind_to_random_port("tcp://127.0.0.1")
    inner = back.bind_to_random_port("tcp://127.0.0.1")
    pipe.send(f"tcp://127.0.0.1:{port}")
    threading.Thread(target=zmq.proxy, args=(front, back), daemon=True).start()  # in C, without Python's lock
    echo_worker(context, inner)


def echo_worker(context, port):
    socket = context.socket(zmq.DEALER)
    socket.connect(f"tcp://127.0.0.1:{port}")
    while True:
        *envelope, body = socket.recv_multipart()
        request = parse_request(body)
        is_ping = request.action == "ping"
        result = {"pong": True} if is_ping else {"values": {"level": 0}, "age": {"level": 0.0}}
        reply = encode(request.codec, success_map(request.id, result, Elapsed(0.0)))
        socket.send_multipart([*envelope, reply])


# --- loads --------------------------------------------------------------------------------------------


async def through_zeromq(endpoint, window, requests, codec):
    """Seconds of each request, and of all."""
    async with connect(endpoint, codec=codec) as plc:
        times = []

        async def caller():
            for _ in range(requests // window):
                started = time.perf_counter()
                await plc.read("plc", "level")
                times.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(window)))
        return times, time.perf_counter() - started


async def direct_pymodbus(port, requests):
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    times = []
    started = time.perf_counter()
    for _ in range(requests):
        before = time.perf_counter()
        await client.read_holding_registers(0, count=1)
        times.append(time.perf_counter() - before)
    total = time.perf_counter() - started
    client.close()
    return times, total


# --- the whole ----------------------------------------------------------------------------------------


def contender(target):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(theirs,), daemon=False)
    process.start()
    return process, ours.recv()


def serve(folder, port):
    registry = f"sqlite:///{folder}/bench.db"
    with Registry(registry) as opened:
        opened.apply(parse_site(SITE.format(port=port)))
    at = ["--bind", "tcp://127.0.0.1:*", "--host-bind", "tcp://127.0.0.1:*", "--registry", registry]
    command = [sys.executable, "-m", "plcmq.broker.cli", "serve", *at, "--json", "--log-level", "error"]
    broker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    text = ""
    while True:
        text += broker.stdout.readline()
        try:
            return broker, json.loads(text)["bind"]
        except ValueError:
            continue


def measure(name, run, rounds):
    """The rounds of one line: requests a second, and the median and 99th percentile in microseconds."""
    rates, p50s, p99s = [], [], []
    for times, total in rounds:
        times.sort()
        rates.append(len(times) / total)
        p50s.append(times[len(times) // 2] * 1e6)
        p99s.append(times[int(len(times) * 0.99)] * 1e6)
    row = {"name": name, **run, "rates": rates, "rate": statistics.median(rates)}
    return row | {"p50_us": statistics.median(p50s), "p99_us": statistics.median(p99s)}


def loads(floor, broker, port, requests):
    for codec in (Codec.MSGPACK, Codec.JSON):
        for window in WINDOWS:
            count = requests // 6 if window == 1 else requests
            run = {"window": window, "codec": codec.value}
            for name, endpoint in (("C proxy with echo", floor), ("plcmq, one process", broker)):
                yield name, run, lambda e=endpoint, w=window, n=count, c=codec: through_zeromq(e, w, n, c)
    yield "pymodbus, direct", {"window": 1, "codec": "-"}, lambda: direct_pymodbus(port, requests // 6)


def bench(rounds, requests):
    with tempfile.TemporaryDirectory() as folder:
        plc, port = contender(simulated_plc)
        proxy, floor = contender(proxy_with_echo)
        broker, endpoint = serve(folder, port)
        try:
            lines = list(loads(floor, endpoint, port, requests))
            seen = [[] for _ in lines]
            for number in range(rounds + 1):
                for index, (_name, _run, load) in enumerate(lines):
                    result = uvloop.run(load())
                    if number:  # the first is the warm-up
                        seen[index].append(result)
        finally:
            broker.terminate()
            plc.terminate()
            proxy.terminate()
            broker.wait()
    return [measure(name, run, found) for (name, run, _load), found in zip(lines, seen, strict=True)]


def show(rows):
    floors = {(r["codec"], r["window"]): r["rate"] for r in rows if r["name"].startswith("C proxy")}
    head = f"{'':20} {'codec':8} {'in flight':>9} {'requests/s':>11} {'spread':>8} {'to floor':>9}"
    print(f"{head} {'p50 us':>8} {'p99 us':>8}")
    for row in rows:
        floor = floors.get((row["codec"], row["window"]))
        spread = (max(row["rates"]) - min(row["rates"])) / row["rate"]
        ratio = f"{row['rate'] / floor:.2f}" if floor else ""
        what = f"{row['name']:20} {row['codec']:8} {row['window']:9}"
        print(
            f"{what} {row['rate']:11.0f} {spread:8.0%} {ratio:>9} {row['p50_us']:8.0f} {row['p99_us']:8.0f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=6000, help="in one round of one line")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows = bench(chosen.rounds, chosen.requests)
    show(rows)
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
