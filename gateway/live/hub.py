"""Who looks at what: each topic is asked for once, however many viewers it has.

Strategy: a topic has one source task and any number of viewers. A viewer holds at most one frame of a topic:
what comes before it was sent is merged into it, so that a slow viewer costs one frame and never a queue. A
source that fails tells its viewers the problem and begins again, with everything anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from ...client.protocol.errors import PlcmqError
from . import messages
from .merging import difference
from .messages import Frame, Word
from .topics import Topic

logger = logging.getLogger(__name__)

LINGER: Final = 10.0  # seconds that a topic is kept up after its last viewer has gone
BEAT: Final = 1.0  # seconds
AGAIN: Final = 1.0  # seconds after which a source that failed begins anew


class Publish(Protocol):
    """Tells the viewers of a topic its present content.

    Only who comes later is told `lines` too: by name, the last points in time and their values.
    """

    def __call__(self, content: Mapping[str, Any], lines: Lines | None = None, /) -> None:
        """The present content."""
        ...


Lines = Mapping[str, Sequence[tuple[float, float]]]
Source = Callable[[Topic, Publish], Awaitable[None]]


class Viewer:
    """One line to somebody who looks on: a WebSocket or an event stream.

    Attributes:
        news: set when there is something to send.
        is_over: nothing more will come.
    """

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.is_over = False
        self.merged = 0  # frames that came before the one before them was sent
        self._words: list[Word] = []
        self._frames: dict[str, Frame] = {}
        self._beat: str | None = None

    def say(self, word: Word) -> None:
        """Something that is told in any case."""
        self._words.append(word)
        self.news.set()

    def show(self, frame: Frame) -> None:
        """The newest of a topic."""
        former = self._frames.get(frame.key)
        if former is not None:
            self.merged += 1
            frame = former.followed_by(frame)
        self._frames[frame.key] = frame
        self.news.set()

    def beat(self, text: str) -> None:
        """The sign of life; a later one replaces one that was not sent."""
        self._beat = text
        self.news.set()

    def forget(self, key: str) -> None:
        """Drops what waits of a topic."""
        self._frames.pop(key, None)

    def end(self) -> None:
        """Nothing more will come."""
        self.is_over = True
        self.news.set()

    def take(self) -> tuple[list[Word], list[Frame], str | None]:
        """What is to be sent now: words, frames, and the beat."""
        self.news.clear()
        words, self._words = self._words, []
        frames, self._frames = list(self._frames.values()), {}
        beat, self._beat = self._beat, None
        return words, frames, beat


class Hub:
    """All topics that are looked at, and who looks.

    Attributes:
        viewers: all lines.
        merged: frames that were merged for viewers that have gone.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.time,
        linger: float = LINGER,
        is_up: Callable[[], bool] = lambda: True,
    ) -> None:
        """`source` fills a topic until it is cancelled; `clock` gives seconds since 1970; `is_up` tells
        whether the broker answers."""
        self._is_up = is_up
        self.viewers: set[Viewer] = set()
        self.merged = 0
        self.is_over = False
        self._source = source
        self._clock = clock
        self._linger = linger
        self._running: dict[str, _Running] = {}
        self._beating: asyncio.Task[None] | None = None

    @property
    def topics(self) -> int:
        """How many topics are kept up."""
        return len(self._running)

    def enter(self) -> Viewer:
        """A new line."""
        viewer = Viewer()
        self.viewers.add(viewer)
        if self.is_over:
            viewer.end()
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._beat())
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A line has gone, and with it what it looked at."""
        self.viewers.discard(viewer)
        self.merged += viewer.merged
        for running in list(self._running.values()):
            self._detach(running, viewer)
        if not self.viewers and self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def open(self, viewer: Viewer, topic: Topic) -> None:
        """A viewer looks at a topic from now on; at one that it looks at already, it gets everything anew."""
        viewer.say(messages.opened(topic.key))
        running = self._running.get(topic.key)
        if running is None:
            running = self._running[topic.key] = _Running(topic, self._source)
        running.attach(viewer)

    def close(self, viewer: Viewer, key: str) -> None:
        """A viewer looks at a topic no longer."""
        running = self._running.get(key)
        if running is not None:
            self._detach(running, viewer)
        viewer.forget(key)

    def end(self) -> None:
        """Ends every line, each with a word for what it looked at."""
        self.is_over = True
        for running in list(self._running.values()):
            for viewer in running.viewers:
                viewer.say(messages.ended(running.topic.key, "shutting_down"))
            running.stop()
        self._running.clear()
        for viewer in self.viewers:
            viewer.end()

    def _detach(self, running: _Running, viewer: Viewer) -> None:
        if viewer in running.viewers:
            running.viewers.discard(viewer)
            if not running.viewers:
                loop = asyncio.get_running_loop()
                running.closing = loop.call_later(self._linger, self._stop, running)

    def _stop(self, running: _Running) -> None:
        running.stop()
        if self._running.get(running.topic.key) is running:
            del self._running[running.topic.key]

    async def _beat(self) -> None:
        while True:
            text = messages.beat(self._clock(), is_up=self._is_up())
            for viewer in self.viewers:
                viewer.beat(text)
            await asyncio.sleep(BEAT)


class _Running:
    """A topic with its source and its viewers."""

    def __init__(self, topic: Topic, source: Source) -> None:
        self.topic = topic
        self.viewers: set[Viewer] = set()
        self.closing: asyncio.TimerHandle | None = None
        self._content: dict[str, Any] | None = None
        self._lines: Lines = {}
        self._problem: Word | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(source))

    def attach(self, viewer: Viewer) -> None:
        """Tells a new viewer everything, if anything is known."""
        if self.closing is not None:
            self.closing.cancel()
            self.closing = None
        self.viewers.add(viewer)
        if self._problem is not None:
            viewer.say(self._problem)
        elif self._content is not None:
            lines = {name: list(line) for name, line in self._lines.items()}
            content = self._content | {"lines": lines} if lines else self._content
            viewer.show(Frame(self.topic.key, True, content))

    def stop(self) -> None:
        """Ends the source."""
        if self.closing is not None:
            self.closing.cancel()
        self._task.cancel()

    async def _run(self, source: Source) -> None:
        while True:
            try:
                await source(self.topic, self._publish)
            except PlcmqError as error:
                self._fail(error)
            except Exception:  # a task boundary: one topic's fault must not end the others
                logger.exception("the source of %s failed", self.topic.key)
            await asyncio.sleep(AGAIN)

    def _publish(self, content: Mapping[str, Any], lines: Lines | None = None) -> None:
        before, self._content, self._problem = self._content, dict(content), None
        self._lines = lines or {}
        if before is None:
            frame = Frame(self.topic.key, True, self._content)
        else:
            change = difference(before, self._content)
            if not change:
                return
            frame = Frame(self.topic.key, False, change)
        for viewer in self.viewers:
            viewer.show(frame)

    def _fail(self, error: PlcmqError) -> None:
        word = messages.problem(self.topic.key, error.to_map())
        self._content = None
        if word != self._problem:
            self._problem = word
            for viewer in self.viewers:
                viewer.forget(self.topic.key)
                viewer.say(word)
