"""Whatever comes in at either of the broker's sockets, it stays up and answers its clients."""

from __future__ import annotations

import asyncio
import json
import logging

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plcmq.client.protocol.bodies import Codec, encode
from plcmq.devices.model.devices import State
from plcmq.devices.protocol.messages import (
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
)
from plcmq.devices.protocol.wire import pack, unpack

PING = {"action": "ping"}


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
