"""Topics are asked for once; a slow viewer costs one frame."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from plcmq.client.protocol.errors import Code, failure
from plcmq.gateway.live.hub import Hub, Viewer
from plcmq.gateway.live.topics import Topic, topic

PRESS = topic({"topic": "device", "device": "press-1"})


class Told:
    """A source under the test's control."""

    def __init__(self) -> None:
        self.runs = 0
        self.running = 0
        self.publish: Any = None
        self.fail: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __call__(self, _topic: Topic, publish: Any) -> None:
        self.runs += 1
        self.running += 1
        self.publish = publish
        try:
            await asyncio.shield(self.fail)
        finally:
            self.running -= 1


async def settled(told: Told, viewers: int = 1, linger: float = 10.0) -> tuple[Hub, list[Viewer]]:
    hub = Hub(told, linger=linger)
    lines = [hub.enter() for _ in range(viewers)]
    for line in lines:
        hub.open(line, PRESS)
    while told.publish is None:
        await asyncio.sleep(0)
    return hub, lines


def frames(viewer: Viewer) -> list[tuple[bool, Mapping[str, Any]]]:
    return [(frame.is_full, frame.content) for frame in viewer.take()[1]]


async def test_many_viewers_are_one_question_and_one_frame() -> None:
    told = Told()
    hub, lines = await settled(told, viewers=20)
    told.publish({"state": "up"})
    shared = {id(line.take()[1][0]) for line in lines}
    assert (told.runs, len(shared), hub.topics) == (1, 1, 1)
    hub.end()


async def test_a_viewer_gets_everything_and_then_what_changed() -> None:
    told = Told()
    hub, (line,) = await settled(told)
    told.publish({"state": "up", "tags": {"a": 1, "b": 2}})
    assert frames(line) == [(True, {"state": "up", "tags": {"a": 1, "b": 2}})]
    told.publish({"state": "up", "tags": {"a": 1, "b": 3}})
    assert frames(line) == [(False, {"tags": {"b": 3}})]
    told.publish({"state": "up", "tags": {"a": 1, "b": 3}})
    assert frames(line) == []
    hub.end()


async def test_a_viewer_that_reads_nothing_has_one_frame_waiting() -> None:
    told = Told()
    hub, (slow, other) = await settled(told, viewers=2)
    for number in range(1000):
        told.publish({"tags": {"a": number}})
        other.take()
    assert frames(slow) == [(True, {"tags": {"a": 999}})]
    assert (slow.merged, other.merged) == (999, 0)
    hub.end()


async def test_who_comes_later_gets_everything_and_the_lines_so_far() -> None:
    told = Told()
    hub, _ = await settled(told)
    told.publish({"tags": {"a": 1}}, {"a": [(1.0, 0.5)]})
    late = hub.enter()
    hub.open(late, PRESS)
    assert frames(late) == [(True, {"tags": {"a": 1}, "lines": {"a": [(1.0, 0.5)]}})]
    hub.end()


async def test_a_topic_that_nobody_looks_at_ends() -> None:
    told = Told()
    hub, (line,) = await settled(told, linger=0.0)
    hub.leave(line)
    while told.running:
        await asyncio.sleep(0)
    assert (hub.topics, hub.viewers) == (0, set())


async def test_who_comes_back_in_time_finds_the_topic_still_there() -> None:
    told = Told()
    hub, (line,) = await settled(told)
    hub.close(line, PRESS.key)
    hub.open(line, PRESS)
    assert (told.runs, hub.topics) == (1, 1)
    hub.end()


async def test_an_error_is_told_and_everything_comes_anew() -> None:
    told = Told()
    hub, (line,) = await settled(told)
    told.publish({"state": "up"})
    told.fail.set_exception(failure(Code.NO_HOST, "nobody"))
    while not any(word.kind == "problem" for word in line.take()[0]):
        await line.news.wait()
    told.fail = asyncio.get_running_loop().create_future()
    while told.runs < 2:
        await asyncio.sleep(0.05)
    told.publish({"state": "up"})
    assert frames(line) == [(True, {"state": "up"})]
    hub.end()


async def test_the_end_is_told_to_everybody() -> None:
    told = Told()
    hub, lines = await settled(told, viewers=2)
    hub.end()
    for line in lines:
        assert line.is_over
        assert [word.kind for word in line.take()[0]] == ["opened", "ended"]
    await asyncio.sleep(0)
    assert told.running == 0
    assert hub.enter().is_over
