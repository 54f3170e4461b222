"""Polls for watchers, and what each is told, with a clock and a reader of the test's own."""

import asyncio

import pytest
from plcmq.client.protocol.errors import Code
from plcmq.devices.model.devices import DeviceDefinition
from plcmq.devices.protocol.messages import Done, Job
from plcmq.devices.worker import watcher as module
from plcmq.devices.worker.watcher import Watcher

DEVICE = DeviceDefinition(1, "press-1", "h", "press")


class Bench:
    def __init__(self):
        self.now = 100.0
        self.polls, self.ends, self.events = [], [], []
        self.watcher = Watcher(
            DEVICE, self.polls.append, self.ends.append, self.events.append, lambda: self.now
        )
        self.number = 0

    def submit(self, action, **args):
        self.number += 1
        self.watcher.submit(Job(self.number, 1, action, args, self.now + 5))
        return self.ends[-1] if self.ends and self.ends[-1].job == self.number else None

    def watch(self, *tags, interval=1.0, ttl=60.0):
        done = self.submit("watch", tags=list(tags), interval=interval, ttl=ttl, deadband={})
        return done.result["watch"]

    def answer(self, **values):
        job = self.polls.pop(0)
        result = {"values": {tag: values[tag] for tag in job.args["tags"]}, "age": {}}
        self.watcher.polled(Done(job.id, result=result))


@pytest.fixture
async def bench():
    bench = Bench()
    yield bench
    bench.watcher.close("end of the test")


async def test_a_watch_is_told_everything_at_once_and_its_poll_is_a_job_of_the_workers_own(bench):
    number = bench.watch("a", "b")
    assert bench.polls[0].id < 0
    bench.answer(a=1, b=2)
    [event] = bench.events
    assert (event.watch, event.content["values"]) == (number, {"a": 1, "b": 2})


async def test_unwatch_ends_it_and_says_why(bench):
    number = bench.watch("a")
    bench.submit("unwatch", watch=number)
    assert bench.events[-1].content == {"ended": "unwatch"}
    bench.answer(a=1)
    assert len(bench.events) == 1, "a poll that was under way is for nobody any more"


async def test_a_watch_that_is_gone_cannot_be_renewed(bench):
    number = bench.watch("a")
    assert bench.submit("watch", watch=number).result["watch"] == number
    bench.submit("unwatch", watch=number)
    assert bench.submit("watch", watch=number).error.code is Code.BAD_ARGS


async def test_there_is_an_end_to_what_a_device_is_watched(bench, monkeypatch):
    monkeypatch.setattr(module, "LIMIT", 2)
    for _ in range(2):
        bench.watch("a")
    error = bench.submit("watch", tags=["a"], interval=1.0, ttl=60.0, deadband={}).error
    assert (error.code, error.retryable) == (Code.BUSY, True)


async def test_when_the_worker_ends_every_watch_is_told_why(bench):
    bench.watch("a")
    bench.watch("b")
    bench.watcher.close("moved")
    assert [event.content for event in bench.events] == [{"ended": "moved"}] * 2


async def test_a_due_poll_comes_without_anybody_asking(bench):
    bench.watch("a", interval=0.02)
    bench.answer(a=1)
    bench.now += 0.05
    async with asyncio.timeout(5):
        while not bench.polls:
            await asyncio.sleep(0.005)
