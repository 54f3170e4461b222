"""Watching over the whole path, as any ZeroMQ client sees it."""

import asyncio
import json

import pytest
import zmq


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


async def test_a_watcher_that_is_gone_is_not_polled_for(plant, press):
    plc, client = press
    listener = Listener(plant.serving.bind)
    listener.ask(**WATCH, rqargs={"tags": "temperature", "interval": 0.05, "ttl": 1})
    await listener.hear()
    listener.close()
    await asyncio.sleep(1.2)
    before = plc.evidence.requests
    await client.read("press-1", "state")
    await asyncio.sleep(0.3)
    assert plc.evidence.requests == before + 1
