"""The broker's sockets: what comes is read, what goes out arrives, and nobody waits for others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plcmq.broker.backlog import Backlog, Bounds
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet import Fleet
from plcmq.broker.overview import Overview
from plcmq.broker.routing import Router
from plcmq.broker.serve import FRONT
from plcmq.broker.server import ENVELOPE_BYTES, Server
from plcmq.client.protocol import DEFAULT_LIMITS, Codec, Limits, encode
from plcmq.client.transport import ZmqContext, bind_router, bound_endpoint, new_context
from plcmq.devices.hostwire import pack, unpack
from plcmq.devices.jobs import (
    Again,
    Bye,
    DeviceState,
    Done,
    Event,
    Hello,
    Job,
    Ping,
    Pong,
    Release,
    Released,
    Serve,
    Welcome,
)
from plcmq.devices.model import Device, Profile, State, Table, Tag, Type
from plcmq.devices.requests import CompiledProfile

KIND = Kind({"form": 1}, CompiledProfile(Profile("press", {"temp": Tag("temp", Table.INPUT, 0, Type.INT16)})))
ENTRY = Entry({"id": 1, "profile": "press"}, Device(1, "press-1", "10.0.0.1", "press"), KIND)
CATALOGUE = Catalogue(1, {"press": KIND}, {1: ENTRY}, {"press-1": ENTRY}, (1,))
READ = {"device": "press-1", "action": "read", "rqargs": {"tags": "temp"}}
PING = {"action": "ping"}


class Peer:
    """A DEALER of a test, in the test's own loop."""

    def __init__(self, context: ZmqContext, endpoint: str, **options: int) -> None:
        self.socket = context.socket(zmq.DEALER)
        for name, value in options.items():
            self.socket.set(getattr(zmq, name), value)
        self.socket.connect(endpoint)
        self.heard: list[object] = []

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart(frames)

    def ask(self, message: dict[str, object], **more: object) -> None:
        self.send(json.dumps(message | more).encode())

    def say(self, *messages: object) -> None:
        self.send(pack(messages))

    async def hear(self) -> list[bytes]:
        """The frames of the next message."""
        async with asyncio.timeout(20):
            while not self.socket.poll(0):
                await asyncio.sleep(0.001)
        return self.socket.recv_multipart(zmq.NOBLOCK)

    async def reply(self) -> dict[str, object]:
        return json.loads((await self.hear())[-1])

    async def hear_of(self, kind: type) -> object:
        """The next message of that kind from the broker; pings and others are passed over."""
        while True:
            while self.heard:
                message = self.heard.pop(0)
                if isinstance(message, kind):
                    return message
            self.heard = unpack((await self.hear())[-1])


class Bench:
    """A server with its sockets, and peers of both kinds."""

    def __init__(self) -> None:
        self.context = new_context()
        self.front = bind_router(self.context, "tcp://127.0.0.1:0", FRONT)
        self.back = bind_router(self.context, "tcp://127.0.0.1:0")
        overview = Overview("plcmq", "1", 0.0, 0.0, Limits(), Fleet())
        self.server = Server(Router(overview, first_job=1), self.front, self.back)
        self.server.router.set_catalogue(CATALOGUE, 0.0)
        self.server.start()
        self.peers: list[Peer] = []

    def client(self, **options: int) -> Peer:
        self.peers.append(Peer(self.context, bound_endpoint(self.front), **options))
        return self.peers[-1]

    def stranger(self) -> Peer:
        self.peers.append(Peer(self.context, bound_endpoint(self.back)))
        return self.peers[-1]

    async def host(self) -> Peer:
        """A host that serves the device, and answers only as the test says."""
        host = self.stranger()
        host.say(Hello("north", "run", "1", [1]))
        await host.hear_of(Welcome)
        return host

    @property
    def dropped(self) -> dict[str, int]:
        return self.server.router.overview.dropped

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.001)

    def close(self) -> None:
        self.server.stop()
        for peer in self.peers:
            peer.socket.close(0)
        self.front.close(0)
        self.back.close(0)
        self.context.term()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


# --- clients ----------------------------------------------------------------------------------------


async def test_a_request_gets_its_reply(bench):
    client = bench.client()
    client.ask(PING, id=7)
    assert (await client.reply())["result"] == {"pong": True}


async def test_the_whole_envelope_comes_back(bench):
    client = bench.client()
    client.send(b"a", b"", b"b", json.dumps(PING).encode())
    assert (await client.hear())[:-1] == [b"a", b"", b"b"]


async def test_no_edge_is_missed_under_load(bench):
    clients, host = [bench.client() for _ in range(20)], await bench.host()

    async def load(client):
        for number in range(100):
            client.ask(PING, id=number)
            assert (await client.reply())["id"] == number

    async def answer():
        for _ in range(100):
            job = await host.hear_of(Job)
            host.say(Done(job.id, {"values": {}}))

    async def read(client):
        for _ in range(100):
            client.ask(READ)
            assert (await client.reply())["ok"]

    await asyncio.gather(*map(load, clients), answer(), read(bench.client()))
    assert bench.server.missed_edges == 0


async def test_a_missed_edge_is_found_and_counted_by_the_tick(bench):
    asyncio.get_running_loop().remove_reader(bench.front.fileno())
    client = bench.client()
    await bench.until(lambda: client.socket.poll(0, zmq.POLLOUT))
    client.ask(PING)
    await asyncio.to_thread(bench.front.poll, 1000)  # takes the edge away, as any look at the socket does
    bench.server._look_for_input = lambda: None
    assert (await client.reply())["ok"]
    assert bench.server.missed_edges == 1


async def test_5000_pipelined_requests_get_5000_replies_in_order(bench):
    client = bench.client(SNDHWM=0, RCVHWM=0)
    for number in range(5000):
        client.ask(PING, id=number)
    assert [(await client.reply())["id"] for _ in range(5000)] == list(range(5000))
    assert bench.dropped == {}


async def test_replies_wait_for_a_client_that_reads_late(bench):
    client = bench.client(SNDHWM=0, RCVHWM=10, RCVBUF=262_144)
    text = "x" * 5000
    for number in range(3000):
        client.ask(PING, id=f"{number} {text}")
    await bench.until(lambda: bench.server.router.overview.requests == 3000)
    assert bench.server.delivery.backlog.messages
    for number in range(3000):
        assert (await client.reply())["id"] == f"{number} {text}"
    await bench.until(lambda: not bench.server.router.overview.unread)
    assert bench.dropped == {}


async def test_a_client_that_never_reads_delays_nobody_and_is_bounded(bench):
    bench.server.delivery.backlog = Backlog(Bounds(messages=100))
    rude, good = bench.client(SNDHWM=0, RCVHWM=10, RCVBUF=262_144), bench.client()
    for _ in range(2500):
        rude.ask(PING, id="x" * 20_000)
    good.ask(PING, id="good")
    assert (await good.reply())["id"] == "good"
    await bench.until(lambda: bench.dropped.get("slow_client"))
    assert bench.server.delivery.backlog.messages == 100
    good.ask({"action": "stats"})
    assert (await good.reply())["result"]["unread"] == 100


async def test_replies_to_a_client_that_went_are_counted_and_hurt_nobody(bench, caplog):
    caplog.set_level(logging.INFO)
    host, client, other = await bench.host(), bench.client(), bench.client()
    for number in range(2000):
        client.ask(READ, id=number)
    jobs = [await host.hear_of(Job) for _ in range(2000)]
    client.socket.close(0)
    while bench.dropped.get("client_gone", 0) < 3:  # it takes a moment to get about that it is gone
        host.say(Done(jobs.pop().id))
        await asyncio.sleep(0.001)
    other.ask(PING)
    assert (await other.reply())["ok"]
    assert [r.message for r in caplog.records].count("a client went before its reply came") == 1


@pytest.mark.parametrize("frames", [DEFAULT_LIMITS.frames + 1, 5_000])
async def test_too_many_frames_are_refused_and_the_next_message_is_whole(bench, frames):
    client = bench.client()
    client.send(*[b"x"] * frames)
    client.ask(PING, id="next")
    assert (await client.reply())["error"]["code"] == "bad_request"
    assert (await client.reply())["id"] == "next"


async def test_as_many_frames_as_are_allowed_are_answered(bench):
    client = bench.client()
    client.send(*[b"x"] * (DEFAULT_LIMITS.frames - 1), json.dumps(PING).encode())
    assert len(await client.hear()) == DEFAULT_LIMITS.frames


async def test_an_envelope_that_is_too_long_is_not_kept(bench):
    client = bench.client()
    client.send(b"x" * ENVELOPE_BYTES, b"", json.dumps(PING).encode())
    frames = await client.hear()
    assert len(frames) == 1
    assert json.loads(frames[0])["error"]["code"] == "bad_request"


async def test_a_fault_of_our_own_is_told_and_costs_the_others_nothing(bench, monkeypatch, caplog):
    receive = Router.receive

    def faulty(self, envelope, body, now):
        if b"faulty" in body:
            raise RuntimeError("a bug")
        receive(self, envelope, body, now)

    monkeypatch.setattr(Router, "receive", faulty)
    client = bench.client()
    client.ask({"action": "faulty"})
    client.ask(PING, id="next")
    error = (await client.reply())["error"]
    assert (error["code"], error["outcome"]) == ("internal", "unknown")
    assert error["details"]["reference"] in caplog.text
    assert (await client.reply())["id"] == "next"


# --- hosts ------------------------------------------------------------------------------------------


async def test_many_requests_to_a_host_leave_in_one_message(bench):
    host, client = await bench.host(), bench.client()
    for number in range(100):
        client.ask(READ, id=number)
    jobs = messages = 0
    while jobs < 100:
        found = [message for message in unpack((await host.hear())[-1]) if isinstance(message, Job)]
        jobs += len(found)
        messages += bool(found)
    assert messages < 50


async def test_a_heartbeat_of_an_unknown_host_is_answered_with_register_again(bench):
    stranger = bench.stranger()
    stranger.say(Pong(1.0, 0))
    assert await stranger.hear_of(Again) == Again()


async def test_a_host_is_pinged(bench):
    host = await bench.host()
    assert isinstance(await host.hear_of(Ping), Ping)


@pytest.mark.parametrize(
    "frames",
    [[b""], [b"GET / HTTP/1.1"], [b"", b"", b""], [b"x"] * 1000, [encode(Codec.MSGPACK, {"m": [[0]]})]],
)
async def test_nonsense_at_the_hosts_endpoint_is_counted_and_hurts_nobody(bench, frames):
    stranger, host, client = bench.stranger(), await bench.host(), bench.client()
    stranger.send(*frames)
    stranger.say(Pong(1.0, 0))
    assert await stranger.hear_of(Again), "it had been read by then"
    client.ask(READ)
    host.say(Done((await host.hear_of(Job)).id, {"values": {"temp": 1}}))
    assert (await client.reply())["result"] == {"values": {"temp": 1}}
    assert bench.dropped == ({"no_host_message": 1} if len(frames) == 1 else {})


# --- anything ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["action", "rqargs", "device", "id", "timeout", "token", "v", "other"])
words = st.sampled_from(
    ["ping", "info", "devices", "stats", "batch", "cancel", "read", "write", "watch", "lock", "press-1", 1]
)
requests = st.dictionaries(names, words | json_values, max_size=6) | st.builds(
    lambda action, rqargs: {"action": action, "device": "press-1", "rqargs": rqargs},
    st.sampled_from(["read", "write", "watch", "unwatch", "read_raw", "write_raw", "describe", "lock"]),
    st.dictionaries(st.sampled_from(["tags", "values", "table", "address", "watch"]), json_values),
)
bodies = (
    st.binary(max_size=60)
    | requests.map(lambda content: json.dumps(content).encode())
    | requests.map(lambda content: encode(Codec.MSGPACK, _small(content)))
)


def _small(content: object) -> object:
    """MessagePack has no integers beyond 64 bits."""
    return json.loads(json.dumps(content), parse_int=lambda digits: int(digits) % 2**60)


@st.composite
def mutated(draw):
    """Bytes of which some are not what they were."""
    body = bytearray(draw(bodies) or b"{}")
    for _ in range(draw(st.integers(0, 3))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class _Loop:
    """A bench in a loop of its own, for tests that hypothesis calls many times."""

    def __enter__(self):
        self.runner = asyncio.Runner()

        async def make():
            bench = Bench()
            return bench, bench.client(), await bench.host()

        self.bench, self.client, self.host = self.runner.run(make())
        return self

    def __exit__(self, *_exc):
        async def close():
            self.bench.close()

        self.runner.run(close())
        self.runner.close()


@pytest.fixture
def loop():
    with _Loop() as loop:
        yield loop


@FUZZ
@given(st.lists(st.tuples(st.lists(st.binary(max_size=5), max_size=3), mutated()), min_size=1, max_size=5))
def test_whatever_a_client_sends_the_broker_stays_up_and_answers_each_message_once(loop, messages):
    """Jobs that come of it are answered by the host, so nothing is left open."""

    async def exchange():
        for envelope, body in messages:
            loop.client.send(*envelope, body)
        loop.client.ask(PING, id="the last one")
        replies = 0
        async with asyncio.timeout(20):
            while replies < len(messages) + 1:
                if loop.host.socket.poll(0):
                    for message in unpack(loop.host.socket.recv()):
                        if isinstance(message, Job):
                            loop.host.say(Done(message.id, {"watch": "w"}))
                        elif isinstance(message, Ping):
                            loop.host.say(Pong(message.now, 0))
                if loop.client.socket.poll(0):
                    loop.client.socket.recv_multipart()
                    replies += 1
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not loop.client.socket.poll(0)

    loop.runner.run(exchange())


ids = st.integers(0, 3) | st.integers()
texts = st.sampled_from(["north", "south", "1", "w", "run"]) | st.text(max_size=5)
times = st.floats(0, 100)
host_messages = st.one_of(
    st.builds(Hello, texts, texts, texts, st.lists(ids, max_size=3)),
    st.builds(Done, ids, json_values, st.none(), times, times),
    st.builds(DeviceState, ids, st.sampled_from(State), times, texts),
    st.builds(Released, st.lists(ids, max_size=3)),
    st.builds(Event, texts, st.dictionaries(texts, json_values, max_size=2)),
    st.builds(Pong, times, ids),
    st.builds(Bye),
    st.builds(Job, ids, ids, texts, st.just({}), times),
    st.builds(Serve, st.just({}), st.just([])),
    st.builds(Release, st.lists(ids, max_size=3)),
)


@st.composite
def from_hosts(draw):
    """What a peer at the hosts' endpoint sends: messages as they should be, out of order, or damaged."""
    try:
        body = bytearray(pack(draw(st.lists(host_messages, max_size=4))))
    except OverflowError:  # MessagePack has no such integers
        body = bytearray(b"?")
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body)


@FUZZ
@given(st.lists(from_hosts() | st.binary(max_size=20), min_size=1, max_size=5))
def test_whatever_a_host_sends_the_broker_stays_up_and_answers_its_clients(loop, caplog, messages):
    async def exchange():
        stranger = loop.bench.stranger()
        for message in messages:
            stranger.send(message)
        stranger.say(Pong(1.0, 0))
        await stranger.hear()
        for action in ("devices", "stats", "ping"):
            loop.client.ask({"action": action})
            assert (await loop.client.reply())["ok"]
        loop.bench.peers.remove(stranger)
        stranger.socket.close(0)

    loop.runner.run(exchange())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
