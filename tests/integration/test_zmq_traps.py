"""What ZeroMQ is known to do to the unwary, tried on the whole path: real processes, rude peers."""

import asyncio
import json
import random
import resource
import socket
import struct
from collections import Counter
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import psutil
import pytest
import zmq
from plcmq.client import PlcmqError, connect
from plcmq.client.protocol.sockets import EndpointInUse

MIB = 1024 * 1024
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
PING = b'{"action": "ping"}'


def frame(body, more=False):
    """A frame as it is on the wire."""
    if len(body) < 256:
        return bytes([more, len(body)]) + body
    return bytes([2 | more]) + struct.pack(">Q", len(body)) + body


def address_of(endpoint):
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def dial(endpoint):
    """A TCP connection that says nothing yet."""
    return socket.create_connection(address_of(endpoint), timeout=10)


def dial_as_dealer(endpoint):
    """A TCP connection that has introduced itself as a DEALER."""
    connection = dial(endpoint)
    connection.sendall(GREETING + b"\x04" + bytes([len(READY)]) + READY)
    assert exactly(connection, 64)[:1] == b"\xff"
    _flags, length = exactly(connection, 2)
    assert exactly(connection, length).startswith(b"\x05READY")
    return connection


def exactly(connection, size):
    """The next bytes, as many as that."""
    found = b""
    while len(found) < size:
        piece = connection.recv(size - len(found))
        assert piece, "closed by the other end"
        found += piece
    return found


def wait_until_closed(connection):
    """Returns when the other end has closed it; what else it says is passed over."""
    connection.settimeout(30)
    with suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


def resident(pid):
    return psutil.Process(pid).memory_info().rss


@asynccontextmanager
async def watched(pid):
    """Notes how much a process's memory rises at most inside the block."""
    before, rises, stop = resident(pid), [0], asyncio.Event()

    async def watch():
        while not stop.is_set():
            rises[0] = max(rises[0], resident(pid) - before)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(watch())
    yield rises
    stop.set()
    await task


def at(plant, bind="tcp://127.0.0.1:0", host_bind="tcp://127.0.0.1:0"):
    """The flags of a broker."""
    return ["--bind", bind, "--host-bind", host_bind, "--registry", plant.registry, "--json"]


@pytest.fixture
async def broker(plant, programs):
    """A broker in a process of its own."""
    return await programs("serve", *at(plant))


async def until_served(client, device="press-1", within=20.0):
    async with asyncio.timeout(within):
        while True:
            try:
                return await client.request("read", {"tags": "temperature"}, device=device, timeout=1.0)
            except PlcmqError:
                await asyncio.sleep(0.02)


async def still_serves(endpoint):
    """A good client gets its answers; how soon depends on what else this machine does."""
    async with connect(endpoint, connect_timeout=30) as client:
        for _ in range(3):
            assert (await client.request("ping", timeout=30))["pong"]


async def test_5000_pipelined_requests_to_one_device_give_5000_replies_or_busy(plant):
    async with plant.press(1, delay=0.001) as plc, plant.broker(), plant.client() as client:

        async def ask(action, rqargs):
            try:
                await client.request(action, rqargs, device="press-1", timeout=60)
            except PlcmqError as error:
                return str(error.code)
            return "done"

        asked = [ask("read", {"tags": "temperature"}) for _ in range(2500)]
        asked += [ask("write", {"values": {"nok_limit": n % 9}}) for n in range(2500)]
        outcomes = Counter(await asyncio.gather(*asked))
        assert set(outcomes) <= {"done", "busy"}
        assert outcomes.total() == 5000
        assert plc.evidence.sockets.peak == 1


async def test_a_client_that_never_reads_delays_nobody_and_fills_no_memory(broker):
    request = frame(json.dumps({"action": "info", "id": "x" * 1000}).encode())
    with closing(dial_as_dealer(broker.ready["bind"])) as rude:
        rude.setblocking(False)
        async with watched(broker.process.pid) as rises:
            unsent = memoryview(request * 50_000)
            while unsent:
                try:
                    unsent = unsent[rude.send(unsent[: 256 * 1024]) :]
                except BlockingIOError:
                    await asyncio.sleep(0.002)
            await still_serves(broker.ready["bind"])
        assert rises[0] < 60 * MIB
        async with connect(broker.ready["bind"]) as client:
            assert (await client.request("stats"))["dropped"]["slow_client"] > 10_000


async def test_req_with_relaxed_and_correlate_gets_its_replies(press, plant):
    with zmq.Context() as context, context.socket(zmq.REQ) as req:
        req.linger = 0
        req.setsockopt(zmq.REQ_RELAXED, 1)
        req.setsockopt(zmq.REQ_CORRELATE, 1)
        req.connect(plant.serving.bind)
        read = {"device": "press-1", "action": "read", "rqargs": {"tags": "batch_size"}}
        for number in range(3):
            req.send_json(read | {"id": f"given up {number}"})
            req.send_json(read | {"id": number})
            assert await asyncio.to_thread(req.poll, 10_000)
            assert req.recv_json()["id"] == number, "the reply to what was given up is not taken for this one"


@pytest.mark.parametrize("end", ["bind", "host_bind"])
async def test_a_frame_declared_too_long_ends_the_connection_and_takes_no_memory(broker, end):
    async with watched(broker.process.pid) as rises:
        for size in (10 * 1024**3, 2**63 - 1, 2**64 - 1, 16 * MIB + 1):
            with closing(dial_as_dealer(broker.ready[end])) as rude:
                rude.sendall(b"\x02" + struct.pack(">Q", size) + b"x" * 1000)
                await asyncio.to_thread(wait_until_closed, rude)
        await still_serves(broker.ready["bind"])
    assert rises[0] < 10 * MIB


@pytest.mark.parametrize("end", ["bind", "host_bind"])
async def test_a_million_tiny_frames_take_little_memory_and_get_an_error(broker, end):
    with closing(dial_as_dealer(broker.ready[end])) as rude:
        async with watched(broker.process.pid) as rises:
            await asyncio.to_thread(rude.sendall, frame(b"x", more=True) * 1_000_000 + frame(PING))
            if end == "bind":
                _flags, length = await asyncio.to_thread(exactly, rude, 2)
                assert b"bad_request" in exactly(rude, length)
            await still_serves(broker.ready["bind"])
        assert rises[0] < 100 * MIB


def telnet(endpoint, seed):
    connection = dial(endpoint)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: plc\r\n\r\nhelp\r\nquit\r\n")
    return connection


def half_open(endpoint, seed):
    connection = dial(endpoint)
    connection.sendall(GREETING[: 1 + seed % len(GREETING)])
    return connection


def random_bytes(endpoint, seed):
    connection = dial(endpoint)
    connection.sendall(random.Random(seed).randbytes(2000))
    return connection


def random_after_greeting(endpoint, seed):
    connection = dial(endpoint)
    connection.sendall(GREETING + random.Random(seed).randbytes(2000))
    return connection


def random_frames(endpoint, seed):
    connection, chance = dial_as_dealer(endpoint), random.Random(seed)
    for _ in range(50):
        connection.sendall(frame(chance.randbytes(chance.randrange(300)), more=chance.random() < 0.5))
    return connection


def gone_at_once(endpoint, seed):
    connection = dial(endpoint)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()  # with RST
    return connection


@pytest.mark.parametrize("end", ["bind", "host_bind"])
async def test_rude_peers_do_not_keep_good_clients_from_being_served(broker, end):
    rude = []
    for behave in (telnet, half_open, random_bytes, random_after_greeting, random_frames, gone_at_once):
        for seed in range(30):
            with suppress(ConnectionError):  # hung up on while it was still talking
                rude.append(await asyncio.to_thread(behave, broker.ready[end], seed))
        await still_serves(broker.ready["bind"])
    for connection in rude:
        connection.close()
    await still_serves(broker.ready["bind"])
    assert broker.process.returncode is None


async def test_whatever_parses_as_a_message_gets_an_error_reply(broker):
    chance = random.Random(1)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(broker.ready["bind"])
        for _ in range(200):
            dealer.send(chance.randbytes(chance.randrange(100)))
        for _ in range(200):
            assert await asyncio.to_thread(dealer.poll, 10_000)
            assert b"bad_request" in dealer.recv()


async def test_2000_connections_that_say_nothing_do_not_stop_good_clients(broker):
    flood = []
    try:
        async with connect(broker.ready["bind"]) as early:
            for number in range(2000):
                flood.append(dial(broker.ready["bind"]))
                if number % 100 == 0:
                    assert (await early.request("ping"))["pong"]
            await still_serves(broker.ready["bind"])
            assert (await early.request("ping"))["pong"]
    finally:
        for connection in flood:
            connection.close()


async def test_the_broker_raises_its_limit_of_open_files_and_says_how_many_clients_fit(plant, programs):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        broker = await programs("serve", *at(plant))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = Path(f"/proc/{broker.process.pid}/limits").read_text()
    raised = int(next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3])
    assert raised == min(hard, 65_536)
    assert 0 < broker.ready["max_clients"] < raised


async def test_a_broker_out_of_descriptors_serves_again_when_the_flood_is_over(plant, programs):
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    broker = await programs("serve", *at(plant))
    psutil.Process(broker.process.pid).rlimit(psutil.RLIMIT_NOFILE, (100, hard))
    async with connect(broker.ready["bind"]) as early:
        assert (await early.request("ping"))["pong"]
        flood = [dial(broker.ready["bind"]) for _ in range(200)]
        assert (await early.request("ping"))["pong"], "who is connected already is served all the while"
        for connection in flood:
            connection.close()
        await still_serves(broker.ready["bind"])


@pytest.mark.parametrize("kind", ["bind", "host_bind"])
async def test_a_second_broker_on_an_ipc_endpoint_refuses_to_start(plant, tmp_path, kind):
    endpoint = f"ipc://{tmp_path}/broker.sock"
    async with plant.broker(**{kind: endpoint}):
        first = plant.serving
        with pytest.raises(EndpointInUse, match="in use"):
            async with plant.broker(**{kind: endpoint}):
                pass
        await still_serves(first.bind)


async def test_ipc_endpoints_serve_clients_and_hosts(plant, programs, tmp_path):
    async with plant.press(1):
        ends = {"bind": f"ipc://{tmp_path}/c.sock", "host_bind": f"ipc://{tmp_path}/h.sock"}
        async with plant.broker(in_process_host=False, **ends), plant.client() as client:
            await programs("host", "--broker", ends["host_bind"], "--name", "north", ready=False)
            await until_served(client)


async def test_an_ipv6_literal_serves_clients_and_hosts(plant, programs):
    async with plant.press(1):
        ends = {"bind": "tcp://[::1]:*", "host_bind": "tcp://[::1]:*"}
        async with plant.broker(in_process_host=False, **ends), plant.client() as client:
            await programs("host", "--broker", plant.serving.host_bind, "--name", "north", ready=False)
            await until_served(client)


async def test_localhost_reaches_a_broker_on_127_0_0_1(plant, press):
    port = address_of(plant.serving.bind)[1]
    async with connect(f"tcp://localhost:{port}") as client:
        assert (await client.request("ping"))["pong"]
