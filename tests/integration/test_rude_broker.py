"""A device host stays up whatever it is sent by what it takes for its broker."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
import zmq
from plcmq.client.protocol.sockets import bind_router, bound_endpoint, new_context
from plcmq.devices.host.process import run_host
from plcmq.devices.host.settings import HostSettings
from plcmq.devices.protocol.messages import (
    Again,
    Bye,
    Done,
    Hello,
    Job,
    Ping,
    Pong,
    Refused,
    Release,
    Serve,
    Welcome,
)
from plcmq.devices.protocol.wire import pack, unpack


class RudeBroker:
    """The ROUTER of a broker, with a host connected to it."""

    def __init__(self) -> None:
        self.context = new_context()
        self.socket = bind_router(self.context, "tcp://127.0.0.1:0")
        self.host = b""
        self.heard = []

    async def hear(self, kind):
        """The next message of a kind."""
        async with asyncio.timeout(20):
            while True:
                while self.heard:
                    message = self.heard.pop(0)
                    if isinstance(message, kind):
                        return message
                while not self.socket.poll(0):
                    await asyncio.sleep(0.001)
                self.host, body = self.socket.recv_multipart()
                self.heard = unpack(body)

    def send(self, *frames: bytes) -> None:
        self.socket.send_multipart([self.host, *frames], zmq.NOBLOCK)

    def say(self, *messages: object) -> None:
        self.send(pack(messages))


@pytest.fixture
async def broker():
    broker, stop = RudeBroker(), asyncio.Event()
    host = asyncio.create_task(run_host(HostSettings(bound_endpoint(broker.socket), "north"), stop=stop))
    await broker.hear(Hello)
    broker.say(Welcome(60.0, 0.0))
    yield broker
    stop.set()
    await host
    broker.socket.close(0)
    broker.context.term()


async def is_alive(broker, now):
    broker.say(Ping(now))
    while (await broker.hear(Pong)).now != now:
        pass
    return True


def damaged(chance):
    """A message of which some bytes are not what they were."""
    number = chance.randrange(5)
    message = chance.choice(
        [
            Job(number, number, "read", {"tags": "t"}, 1e6),
            Job(number, number, "cancel", {"job": number}, 1e6),
            Serve({"press": {}}, []),
            Release([number]),
            Ping(1.0),
            Again(),
            Welcome(60.0, 0.0),
            Refused("not now", False),
            Hello("north", "run", "1", [1]),
            Done(number),
            Bye(),
        ]
    )
    body = bytearray(pack([message]))
    for _ in range(chance.choice([0, 1, 1, 5])):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return bytes(body)


def is_final(body):
    """Whether a host that gets this is right to end, or to lose its lease."""
    try:
        found = unpack(body)
    except ValueError:
        return False
    return any(
        (isinstance(m, Refused) and m.final) or (isinstance(m, Welcome) and m.lease < 60) for m in found
    )


@pytest.mark.parametrize("seed", range(3))
async def test_a_host_survives_random_and_damaged_messages(broker, caplog, seed):
    chance = random.Random(seed)
    for number in range(300):
        body = damaged(chance) if chance.random() < 0.8 else chance.randbytes(chance.randrange(40))
        if not is_final(body):
            broker.send(*[b"x"] * chance.choice([0, 0, 1, 100]), body)
        if number % 100 == 99:
            broker.say(Welcome(60.0, 0.0))
            assert await is_alive(broker, float(number))
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("profile", "device"),
    [
        ({}, {}),
        ({"tags": 5}, {"host": "127.0.0.1"}),
        ({"tags": {}}, {"host": 5, "port": "x"}),
        ({"tags": {"t": {"address": "nowhere:1"}}}, {"host": "127.0.0.1", "port": 9}),
        ({"tags": {}}, {"host": "127.0.0.1", "port": 9, "name": "pump", "link": "x", "unit": -1}),
    ],
)
async def test_a_definition_that_cannot_be_compiled_costs_the_host_only_that_device(broker, profile, device):
    broker.say(Serve({"press": profile}, [{"id": 1, "profile": "press"} | device]))
    broker.say(Job(7, 1, "read", {"tags": "t"}, 1e6))
    assert (await broker.hear(Done)).job == 7
    assert await is_alive(broker, 5.0)
