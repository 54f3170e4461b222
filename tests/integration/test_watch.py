"""Watching over the whole path, as any ZeroMQ client sees it."""

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise
from statistics import median_low

import pytest
import zmq
from plcmq.client import connect
from plcmq.devices.simulator.faults.base import Fault
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.definitions.content import SiteContent

TAGS = 1000
WATCHERS = 50
POLLS = 15
INTERVAL = 0.1  # seconds
SPANS = 8  # requests for a thousand registers, at 125 each
WRITE = 6  # function code


class Listener:
    """A bare DEALER that speaks JSON."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)

    def ask(self, **request):
        self.socket.send(json.dumps(request).encode())

    async def hear(self):
        def receive():
            if not self.socket.poll(10_000):
                raise TimeoutError("nothing came")
            return json.loads(self.socket.recv())

        return await asyncio.to_thread(receive)

    def close(self):
        self.socket.close()
        self.context.term()


@pytest.fixture
def listener(plant, press):
    listener = Listener(plant.serving.bind)
    yield listener
    listener.close()


WATCH = {"device": "press-1", "action": "watch", "id": "w"}


async def test_a_watch_tells_everything_first_then_what_changes(press, listener):
    plc, _client = press
    listener.ask(**WATCH, rqargs={"tags": ["batch_size", "state"], "interval": 0.05})
    reply = await listener.hear()
    assert reply["result"]["ttl"] == 60
    first = await listener.hear()
    assert first["id"] == "w"
    assert first["event"]["values"] == {"batch_size": 0, "state": "idle"}
    plc.unit.holding[0] = 77
    assert (await listener.hear())["event"]["values"] == {"batch_size": 77}


async def test_unwatch_ends_it(press, listener):
    listener.ask(**WATCH, rqargs={"tags": "state", "interval": 0.05})
    watch = (await listener.hear())["result"]["watch"]
    await listener.hear()
    listener.ask(device="press-1", action="unwatch", id="u", rqargs={"watch": watch})
    replies = [await listener.hear(), await listener.hear()]
    assert {"id": "w", "event": {"ended": "unwatch"}} in replies
    assert any(reply["id"] == "u" and reply["result"] == {} for reply in replies)


async def test_renewing_an_unknown_watch_is_told(press, listener):
    listener.ask(**WATCH, rqargs={"watch": "nope"})
    assert (await listener.hear())["error"]["code"] == "bad_args"


async def test_fifty_watchers_cost_as_many_requests_as_one(plant, press):
    plc, _client = press
    rounds = 10

    async def requests_while_watching(count):
        listener = Listener(plant.serving.bind)
        for number in range(count):
            rqargs = {"tags": ["batch_size", "nok_limit"], "interval": 0.1}
            listener.ask(**{**WATCH, "id": number}, rqargs=rqargs)
        for _ in range(2 * count):
            await listener.hear()
        before = plc.evidence.requests
        await plc.evidence.wait_until(lambda e: e.requests >= before + rounds)
        started, taken = asyncio.get_running_loop().time(), plc.evidence.requests
        await plc.evidence.wait_until(lambda e: e.requests >= taken + rounds)
        listener.close()
        return (plc.evidence.requests - taken) / (asyncio.get_running_loop().time() - started)

    assert await requests_while_watching(50) < 1.5 * 10


async def until_quiet(plc, pause=0.3):
    """Returns when nothing was asked of the PLC for that long."""
    seen = None
    while seen != plc.evidence.requests:
        seen = plc.evidence.requests
        await asyncio.sleep(pause)


async def test_a_watcher_that_is_gone_is_not_polled_for(plant, press):
    plc, client = press
    listener = Listener(plant.serving.bind)
    listener.ask(**WATCH, rqargs={"tags": "temperature", "interval": 0.05, "ttl": 1})
    await listener.hear()
    listener.close()
    async with asyncio.timeout(20):
        await until_quiet(plc)
    before = plc.evidence.requests
    await client.read("press-1", "state")
    await asyncio.sleep(0.3)
    assert plc.evidence.requests == before + 1


class Counter(Fault):
    """No fault: the first register changes whenever it is read; notes the functions in their order."""

    def __init__(self, unit):
        super().__init__()
        self.unit = unit
        self.functions = []

    def before(self, exchange):
        self.functions.append(exchange.function)
        if exchange.pdu[:3] == b"\x03\x00\x00":
            self.unit.holding[0] += 1


NAMES = [f"t{i}" for i in range(TAGS)]


@pytest.fixture
async def wide(plant):
    """A press with a thousand tags and a command of five writes: `(plc, client, counter)`."""
    tags = {name: {"address": f"holding:{i}", "type": "uint16"} for i, name in enumerate(NAMES)}
    tags["out"] = {"address": "holding:5000", "type": "uint16", "access": "rw"}
    actions = {"go": {"steps": [{"write": {"out": value}} for value in range(1, 6)]}}
    plant.content = SiteContent({"press": {"tags": tags, "actions": actions}})
    plant.profile = compile_site(plant.content).profiles["press"]
    async with plant.press(1, delay=0.002) as plc, plant.broker(), plant.client() as client:
        counter = Counter(plc.unit)
        plc.add(counter)
        yield plc, client, counter


async def watch_all(plc, client, watchers, during=None):
    """Requests and rounds at the PLC, and seconds, while the last of so many watchers hears POLLS times.

    A round changes the first register. A watcher that is slow hears less often than there are rounds.
    """
    ready = asyncio.Semaphore(0)

    async def consume():
        async with aclosing(client.watch("press-1", NAMES, interval=INTERVAL)) as events:
            assert len((await anext(events)).values) == TAGS
            ready.release()
            async for _ in events:
                pass

    async with aclosing(client.watch("press-1", NAMES, interval=INTERVAL)) as events:
        await anext(events)
        others = [asyncio.create_task(consume()) for _ in range(watchers - 1)]
        for _ in others:
            await ready.acquire()
        await anext(events)
        await anext(events)
        requests, rounds = plc.evidence.requests, plc.unit.holding[0]
        began = asyncio.get_running_loop().time()
        command = during and asyncio.create_task(during())
        for _ in range(POLLS):
            await anext(events)
        requests, rounds = plc.evidence.requests - requests, plc.unit.holding[0] - rounds
        seconds = asyncio.get_running_loop().time() - began
        if command:
            await command
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    return requests, rounds, seconds


@pytest.mark.parametrize("watchers", [1, WATCHERS])
async def test_fifty_watchers_of_a_thousand_tags_cost_the_requests_of_one(wide, watchers):
    plc, client, _ = wide
    requests, rounds, seconds = await watch_all(plc, client, watchers)
    assert POLLS - 2 <= rounds <= seconds / INTERVAL + 2
    assert abs(requests - rounds * SPANS) <= SPANS, "one of the rounds may be under way"


async def test_a_command_among_fifty_watchers_starts_within_one_transaction(wide):
    """Each of its writes comes right behind the one before, or behind the one read that was under way.

    Reads also run while a request is on its way, which may be long on a busy machine, but not for most.
    """
    plc, client, counter = wide
    commands = []

    async def command():
        for _ in range(30):
            first = len(counter.functions)
            await client.request("go", device="press-1")
            commands.append(counter.functions[first:])

    await watch_all(plc, client, WATCHERS, command)
    starts = []
    for functions in commands:
        places = [place for place, function in enumerate(functions) if function == WRITE]
        assert len(places) == 5
        assert all(after - before <= 2 for before, after in pairwise(places))
        starts.append(places[0])
    assert median_low(starts) <= 1, "one read may have been under way"
    assert any(len(functions) > 5 for functions in commands), "polls came between"


async def test_the_client_hears_of_changes_and_a_slow_one_of_the_newest(press):
    plc, client = press
    async with aclosing(client.watch("press-1", ["batch_size", "nok_limit"], interval=0.02)) as events:
        first = await anext(events)
        assert first.values == {"batch_size": 0, "nok_limit": 0}
        for value in range(1, 6):
            plc.unit.holding[0] = value
            seen = plc.evidence.requests
            await plc.evidence.wait_until(lambda e, seen=seen: e.requests >= seen + 2)
        await client.ping()
        event = await anext(events)
        assert event.values == {"batch_size": 5}
        plc.unit.holding[1] = 9
        assert (await anext(events)).values == {"nok_limit": 9}


async def test_a_device_that_goes_down_and_comes_back_is_told(press):
    plc, client = press
    async with aclosing(client.watch("press-1", "batch_size", interval=0.05)) as events:
        await anext(events)
        await plc.unplug()
        event = await anext(events)
        while "batch_size" not in event.errors:
            event = await anext(events)
        assert event.errors["batch_size"].retryable
        await plc.plug_in()
        while "batch_size" not in event.values:
            event = await anext(events)


async def test_leaving_ends_the_polling(press):
    plc, client = press
    async with aclosing(client.watch("press-1", "batch_size", interval=0.02)) as events:
        await anext(events)
        await plc.evidence.wait_until(lambda e: e.requests > 5)
    await client.status("press-1")  # behind the unwatch
    await client.read("press-1", "state")
    before = plc.evidence.requests
    await client.read("press-1", "state")
    await asyncio.sleep(0.1)
    assert plc.evidence.requests == before + 1


async def test_the_client_takes_it_up_again_after_the_broker_was_restarted(plant, works):
    async with plant.press(1) as plc:
        first = await works.broker()
        async with (
            connect(works.bind, timeout=2.0) as client,
            aclosing(client.watch("press-1", "batch_size", interval=0.05, ttl=600)) as events,
        ):
            assert (await anext(events)).values == {"batch_size": 0}
            await first.kill()
            plc.unit.holding[0] = 5
            await works.broker()
            async with asyncio.timeout(20):
                event = await anext(events)
                while "batch_size" not in event.values:
                    event = await anext(events)
            assert event.values == {"batch_size": 5}
            assert event.restarted
