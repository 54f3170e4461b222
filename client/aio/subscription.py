"""A watch over an asyncio connection, as an async generator.

Strategy: `Watching` decides; this sends and sleeps. No task of its own: it runs while its consumer waits for
an event, and what comes in meanwhile is merged where it is read. Ending is synchronous, because it may have
to happen while the consumer is being cancelled: the `unwatch` is sent, and nobody waits for its reply.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from ..core.session import Call, Session, closed_error, request_map
from ..core.subscription import Ask, Sleep, WatchEvent, Watching
from ..protocol.messages import RequestId

_Future = asyncio.Future[None]

Begin = Callable[[dict[str, Any]], Call[_Future]]
"""Sends a request as `request_map` makes it, without waiting for its reply."""


async def watch_events(
    watching: Watching, device: str | int | None, session: Session[_Future], begin: Begin
) -> AsyncGenerator[WatchEvent, None]:
    """The events of a watch; it ends there when the generator is closed.

    Raises:
        PlcmqError: it cannot be watched, or the connection was closed.
    """
    line = _Line(watching, device, session, begin)
    try:
        while True:
            line.woken.clear()
            if session.closed:
                raise closed_error(session.endpoint)
            todo = watching.step(time.monotonic())
            match todo:
                case Ask():
                    line.ask(todo)
                case WatchEvent():
                    yield todo
                case Sleep():
                    await line.sleep(todo.until)
    finally:
        line.close()


class _Line:
    """What one watch sends and hears."""

    def __init__(
        self, watching: Watching, device: str | int | None, session: Session[_Future], begin: Begin
    ) -> None:
        self.woken = asyncio.Event()
        self._watching = watching
        self._device = device
        self._session = session
        self._begin = begin
        self._id: RequestId = None  # of the request that the events come under
        self._is_closed = False

    def ask(self, ask: Ask) -> None:
        """Sends a `watch`."""
        message = request_map("watch", ask.rqargs, self._device)
        if ask.is_new:
            self._session.subscribers.pop(self._id, None)
        else:
            message["id"] = self._id  # the events go on under the id that was used last
        call = self._begin(message)
        self._id = call.id
        self._session.subscribers[call.id] = self._heard
        call.waiter.add_done_callback(lambda _: self._replied(call))

    async def sleep(self, until: float) -> None:
        """Until something comes in, or until that time."""
        loop = asyncio.get_running_loop()
        delay = until - time.monotonic()
        alarm = None if delay == float("inf") else loop.call_later(max(0.0, delay), self.woken.set)
        try:
            await self.woken.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def close(self) -> None:
        """Hears no more, and lets the other side know."""
        self._is_closed = True
        self._session.subscribers.pop(self._id, None)
        if self._watching.watch_id is not None:
            self._unwatch(self._watching.watch_id)

    def _heard(self, content: Mapping[str, Any]) -> None:
        self._watching.heard(content, time.monotonic())
        self.woken.set()

    def _replied(self, call: Call[_Future]) -> None:
        assert call.reply is not None  # what wakes a waiter has set the reply
        if not self._is_closed:
            self._watching.replied(call.reply, time.monotonic())
            self.woken.set()
        elif call.reply.error is None and "watch" not in call.message["rqargs"]:
            self._unwatch(call.reply.result["watch"])  # it came after its consumer had gone

    def _unwatch(self, watch_id: str) -> None:
        if not self._session.closed:
            self._begin(request_map("unwatch", {"watch": watch_id}, self._device))
