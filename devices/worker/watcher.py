"""The watching part of a worker: polls for all watchers of a device and tells each what has changed.

Strategy: one timer. `Subscriptions` says what is due; the polls go to the device's `Reader` as reads like any
others, so they merge with what else is read, and no watcher has a task of its own. A poll is a job with a
negative number, by which the worker knows whose it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ..interface.requests import bad_args
from ..model.devices import DeviceDefinition
from ..protocol.messages import Done, Event, Job
from .errors import busy
from .subscriptions import EventContent, Poll, Subscription, Subscriptions

LIMIT: Final = 1000  # watches of one device
PATIENCE: Final = 5.0  # transaction timeouts that a poll may take
TIMER_STEP: Final = 0.001  # seconds by which a loop's timer may come too early
GOLDEN: Final = 0.6180339887498949  # its multiples, less their whole parts, are spread evenly over 0 to 1
PHASES: Final = 180_000  # so many moments the devices' polls are spread over, ...
PHASE_STEP: Final = 0.02  # ... so far apart (seconds): a few devices at once cost less than each by itself


class Watcher:
    """Carries out `watch` and `unwatch` for one device."""

    def __init__(
        self,
        device: DeviceDefinition,
        read: Callable[[Job], None],
        finish: Callable[[Done], None],
        emit: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        """`read` takes a read job; its end comes back through `polled`."""
        self._device = device
        self._read = read
        self._finish = finish
        self._emit = emit
        self._clock = clock
        self._watches = Subscriptions(phase=int(device.id * GOLDEN % 1 * PHASES) * PHASE_STEP)
        self._polls: dict[int, Poll] = {}  # under way, by job id
        self._last_poll = 0
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, job: Job) -> None:
        """Takes a `watch` or an `unwatch`."""
        if job.action == "unwatch":
            watch = self._watches.remove(job.args["watch"])
            if watch is not None:
                self._end([watch], "unwatch")
            self._finish(Done(job.id, result={}))
        elif "watch" in job.args:
            self._renew(job)
        elif len(self._watches) >= LIMIT:
            self._finish(Done(job.id, error=busy(self._device.name, "watches", LIMIT)))
        else:
            self._add(job)

    def polled(self, done: Done) -> None:
        """A poll has come to its end."""
        poll = self._polls.pop(done.job, None)
        if poll is not None:
            for watch, content in self._watches.answered(poll, done.result, done.error):
                self._tell(watch, content)

    def close(self, reason: str) -> None:
        """Ends all watches."""
        self._end(self._watches.end_all(), reason)
        self._polls.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _add(self, job: Job) -> None:
        now = self._clock()
        watch_id = f"{job.id:x}"
        poll = self._watches.add(watch_id, job.args, now)
        self._finish(Done(job.id, result={"watch": watch_id, "ttl": job.args["ttl"]}))
        self._start(poll, now)
        self._sleep()

    def _renew(self, job: Job) -> None:
        watch = self._watches.renew(job.args["watch"], self._clock())
        if watch is None:
            error = bad_args("watch", "is no watch (any more); ask without it for a new one")
            self._finish(Done(job.id, error=error))
        else:
            self._finish(Done(job.id, result={"watch": watch.id, "ttl": watch.ttl}))

    def _wake(self) -> None:
        now = self._clock()
        self._end(self._watches.expired(now), "not renewed in time")
        for poll in self._watches.due(now):
            self._start(poll, now)
        self._sleep()

    def _start(self, poll: Poll, now: float) -> None:
        self._last_poll -= 1
        self._polls[self._last_poll] = poll
        args: dict[str, Any] = {"tags": poll.tags, "max_age": poll.max_age}
        deadline = now + PATIENCE * self._device.link.timeout
        self._read(Job(self._last_poll, self._device.id, "read", args, deadline))

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wake_at = self._watches.wake_at()
        if wake_at is None:
            self._timer = None
        else:
            delay = max(0.0, wake_at - self._clock()) + TIMER_STEP
            self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _end(self, watches: list[Subscription], reason: str) -> None:
        for watch in watches:
            self._tell(watch, {"ended": reason})

    def _tell(self, watch: Subscription, content: EventContent) -> None:
        self._emit(Event(watch.id, content))
