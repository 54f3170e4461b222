"""A device host of its own process, towards a broker that the test plays."""

import asyncio
import time

import pytest
import zmq
from plcmq.client.protocol.bodies import MAX_FRAME_BYTES
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.client.protocol.sockets import Receiver, bind_router, bound_endpoint, new_context
from plcmq.devices.host import process
from plcmq.devices.host.process import HostRefused, run_host
from plcmq.devices.host.settings import HostSettings
from plcmq.devices.protocol import frames
from plcmq.devices.protocol.messages import (
    Again,
    Bye,
    DeviceState,
    Done,
    Hello,
    Job,
    Ping,
    Pong,
    Refused,
    Release,
    Released,
    Serve,
    Welcome,
)
from plcmq.devices.protocol.wire import pack, unpack
from plcmq.devices.simulator.evidence import Ending
from plcmq.devices.simulator.faults.pace import Delay
from plcmq.devices.simulator.plc import SimulatedPlc

PRESS = {"tags": {"a": {"address": "holding:0", "type": "uint16", "access": "rw"}}}
AHEAD = 1000.0  # seconds that the broker's clock is ahead of the host's


class Broker:
    """The broker's end of the socket."""

    def __init__(self):
        self.context = new_context(16)
        self.socket = bind_router(self.context, "tcp://127.0.0.1:0")
        self.receiver = Receiver(self.socket)
        self.peer = None
        self.heard = []
        self.jobs = 0

    @property
    def now(self):
        return time.monotonic() + AHEAD

    def send(self, *messages):
        self.socket.send_multipart([self.peer, pack(messages)], zmq.NOBLOCK)

    async def hear(self, kind, where=lambda _message: True):
        """The next message of a kind; what came before it is skipped."""
        async with asyncio.timeout(10):
            while True:
                while self.heard:
                    message = self.heard.pop(0)
                    if isinstance(message, kind) and where(message):
                        return message
                while (received := self.receiver.receive()) is not None:
                    self.peer = received.frames[0]
                    self.heard += unpack(received.frames[-1])
                if not self.heard:
                    await asyncio.sleep(0.002)

    async def welcome(self, lease=60.0):
        hello = await self.hear(Hello)
        self.send(Welcome(lease, self.now))
        return hello

    def serve(self, plc, number=1):
        form = {
            "id": number,
            "name": f"press-{number}",
            "host": plc.host,
            "port": plc.port,
            "profile": "press",
        }
        self.send(Serve({"press": PRESS}, [form]))

    def submit(self, action="read", args=None, timeout=5.0):
        self.jobs += 1
        args = {"tags": ["a"], "max_age": 0.0} if args is None else args
        self.send(Job(self.jobs, 1, action, args, self.now + timeout))
        return self.jobs

    async def done(self, job):
        return await self.hear(Done, lambda done: done.job == job)

    def close(self):
        self.socket.close(0)
        self.context.term()


@pytest.fixture
def broker():
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
async def start(broker):
    """Starts the host; `stop` ends it, and the task is its run."""
    tasks = []

    async def start(drain=5.0):
        stop = asyncio.Event()
        settings = HostSettings(bound_endpoint(broker.socket), "north", drain)
        ready = asyncio.Event()
        task = asyncio.create_task(run_host(settings, ready=lambda _: ready.set(), stop=stop))
        tasks.append((stop, task))
        return stop, task, ready

    yield start
    for stop, task in tasks:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def plc():
    async with SimulatedPlc() as plc:
        yield plc


async def test_it_introduces_itself_until_it_is_welcome(broker, start):
    _stop, _task, ready = await start()
    first, second = await broker.hear(Hello), await broker.hear(Hello)
    assert (first.name, first.instance, first.devices) == ("north", second.instance, [])
    assert not ready.is_set()
    broker.send(Welcome(60.0, broker.now))
    await asyncio.wait_for(ready.wait(), 5)


async def test_it_serves_what_it_is_given_and_answers_jobs(broker, start, plc):
    await start()
    await broker.welcome()
    broker.serve(plc)
    plc.unit.holding[0] = 7
    done = await broker.done(broker.submit())
    assert done.result["values"] == {"a": 7}
    assert done.device > 0


async def test_deadlines_are_on_the_brokers_clock(broker, start, plc):
    await start()
    await broker.welcome()
    broker.serve(plc)
    assert (await broker.done(broker.submit(timeout=-0.5))).error.code == Code.EXPIRED
    assert (await broker.done(broker.submit(timeout=5.0))).error is None


async def test_it_answers_pings_with_what_it_has_to_do(broker, start, plc):
    await start()
    await broker.welcome()
    plc.add(Delay(seconds=0.2))
    broker.serve(plc)
    broker.submit()
    sent = broker.now
    broker.send(Ping(sent))
    pong = await broker.hear(Pong)
    assert (pong.now, pong.queued) == (sent, 1)


async def test_a_broker_that_has_forgotten_it_is_told_what_it_serves(broker, start, plc):
    await start()
    await broker.welcome()
    broker.serve(plc)
    await broker.hear(DeviceState, lambda state: state.state == "up")
    broker.send(Again())
    assert (await broker.welcome()).devices == [1]
    broker.serve(plc)
    assert (await broker.hear(DeviceState)).state == "up"
    assert plc.evidence.sockets.opened == 1


async def test_when_its_lease_has_passed_it_lets_go_of_every_plc(broker, start, plc):
    await start()
    await broker.welcome(lease=0.3)
    broker.serve(plc)
    await plc.evidence.wait_until(lambda e: e.sockets.open == 1)
    await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
    assert plc.evidence.sockets.closed[Ending.FIN] == 1
    assert (await broker.hear(Hello)).devices == []
    broker.send(Ping(broker.now))
    broker.send(Welcome(60.0, broker.now))
    broker.serve(plc)
    assert (await broker.done(broker.submit())).error is None


async def test_what_is_released_is_closed_first(broker, start, plc):
    await start()
    await broker.welcome()
    broker.serve(plc)
    await broker.done(broker.submit())
    broker.send(Release([1]))
    assert (await broker.hear(Released)).devices == [1]
    await plc.evidence.wait_until(lambda e: e.sockets.open == 0)


async def test_many_answers_at_once_come_in_messages_of_bounded_size(broker, start, plc):
    await start()
    await broker.welcome()
    broker.serve(plc)
    await broker.done(broker.submit())
    jobs = [Job(1000 + n, 1, "status", {}, broker.now + 5) for n in range(1200)]
    broker.send(*jobs)
    answered = [(await broker.hear(Done)).job for _ in jobs]
    assert answered == [job.id for job in jobs]


async def test_a_result_that_no_message_can_carry_is_told_as_executed_and_the_host_goes_on(
    broker, start, plc, monkeypatch
):
    monkeypatch.setattr(frames, "LONGEST", 300)
    monkeypatch.setattr(frames, "FULL", 300)
    await start()
    await broker.welcome()
    broker.serve(plc)
    plc.unit.holding[:125] = [60_000] * 125
    job = broker.submit("read_raw", {"table": "holding", "address": 0, "count": 125})
    error = (await broker.done(job)).error
    assert (error.code, error.outcome) == (Code.TOO_LARGE, Outcome.EXECUTED)
    assert (await broker.done(broker.submit())).error is None


async def test_a_frame_beyond_the_limit_does_not_end_it_for_good(broker, start, plc, monkeypatch):
    monkeypatch.setattr(process, "GIVEN_UP", 0.3)
    await start()
    await broker.welcome()
    broker.serve(plc)
    broker.socket.send_multipart([broker.peer, bytes(MAX_FRAME_BYTES + 1)], zmq.NOBLOCK)
    gone = broker.peer
    await broker.hear(Hello, lambda _hello: broker.peer != gone)
    broker.send(Welcome(60.0, broker.now))
    assert (await broker.done(broker.submit())).error is None


async def test_told_to_end_it_finishes_what_it_has_and_takes_nothing_new(broker, start, plc):
    stop, task, _ready = await start()
    await broker.welcome()
    broker.serve(plc)
    await broker.done(broker.submit())
    plc.add(Delay(seconds=0.3))
    accepted = broker.submit("write", {"values": {"a": 5}, "verify": False})
    await plc.evidence.wait_until(lambda e: e.requests == 2)
    stop.set()
    await asyncio.sleep(0.05)
    refused = broker.submit()
    assert (await broker.done(refused)).error.code == Code.SHUTTING_DOWN
    assert (await broker.done(accepted)).result == {"written": ["a"]}
    await broker.hear(Bye)
    await task
    assert plc.evidence.sockets.closed[Ending.FIN] == 1


async def test_what_does_not_end_in_its_drain_time_is_told_too(broker, start, plc):
    stop, task, _ready = await start(drain=0.0)
    await broker.welcome()
    broker.serve(plc)
    await broker.done(broker.submit())
    plc.add(Delay(seconds=0.5))
    job = broker.submit()
    await plc.evidence.wait_until(lambda e: e.requests == 2)
    stop.set()
    assert (await broker.done(job)).error.code == Code.SHUTTING_DOWN
    await broker.hear(Bye)
    await task


async def test_without_a_broker_it_ends_promptly(broker, start):
    stop, task, _ready = await start()
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_a_host_that_is_not_wanted_says_why(broker, start):
    _stop, task, _ready = await start()
    await broker.hear(Hello)
    broker.send(Refused("a host named 'north' is alive already", final=False))
    await broker.hear(Hello)
    broker.send(Refused("install the same version", final=True))
    with pytest.raises(HostRefused, match="install the same version"):
        await asyncio.wait_for(task, 5)


async def test_nonsense_from_the_broker_is_logged_and_skipped(broker, start, plc, caplog):
    await start()
    await broker.welcome()
    broker.socket.send_multipart([broker.peer, b"nonsense"])
    broker.serve(plc)
    assert (await broker.done(broker.submit())).error is None
    assert "not a message between broker and host" in caplog.text
