"""The worker of one device: takes its jobs and hands each to the part that does it.

Strategy: reads go to the `Reader`, which merges them; writes and actions to the `Commander`, which does them
one after the other; raw reads to the `RawReader`. What needs no device (`status`, `cancel`, a forced
`unlock`) is answered at once, however long the queues are. Jobs with a negative number are the `Watcher`'s
own polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...client.protocol.errors import PlcmqError
from ..actions.script_thread import LeftBehind
from ..channel.channel import Channel
from ..channel.line import DeviceLine
from ..interface.requests import CompiledProfile
from ..model.actions import Action
from ..model.devices import DeviceDefinition, State
from ..planning.reads import Hole
from ..protocol.messages import CANCEL, Done, Event, Job
from .command import Command, Tools
from .commander import Commander
from .errors import cancelled
from .heartbeats import Heartbeats
from .lock import DeviceLock
from .plans import Learn
from .raw import RawReader
from .reader import Reader
from .watcher import Watcher
from .writer import Writer


class Worker:
    """Everything that is done at one device.

    Attributes:
        device: the device as it is defined now.
    """

    def __init__(
        self,
        device: DeviceDefinition,
        profile: CompiledProfile,
        channel: Channel,
        lock: DeviceLock,
        send: Callable[[Done | Event], None],
        clock: Callable[[], float],
        holes: Iterable[Hole] = (),
        learn: Learn = lambda _new, _gone: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`lock` outlives the worker; `holes` are known already, and `learn` is told of changes.

        `changed` is called when `standing` has changed although the connection has not.
        """
        self.device = device
        self._profile = profile
        self._channel = channel
        self._lock = lock
        self._send = send
        self._clock = clock
        self._line = line = DeviceLine(channel, device, clock, changed)
        self._reader = Reader(device, profile, line, self._finish, clock, holes, learn)
        self._raw = RawReader(device, line, self._finish, clock)
        if profile.profile.on_connect:
            line.prepare = self._prepare
        writer = Writer(device, profile, line, self._reader, clock)
        self._left_behind = LeftBehind()
        tools = Tools(device, profile.profile, self._reader, writer, lock, clock, self._left_behind)
        self._heartbeats = Heartbeats(device, profile.profile, writer, clock)
        self._commander = Commander(tools, self._finish)
        self._watcher = Watcher(device, self._reader.submit, self._finish, send, clock)
        self._finished = 0
        self._failed = 0

    def __repr__(self) -> str:
        return f"<Worker {self.device.name}: {self._reader!r}, {self._commander!r}>"

    @property
    def depth(self) -> int:
        """How many jobs wait or are under way."""
        return self._reader.depth + self._commander.depth + self._raw.depth

    def submit(self, job: Job) -> None:
        """Takes a job; it ends through `finish`, exactly once."""
        match job.action:
            case "read":
                self._reader.submit(job)
            case "read_raw" | "identify":
                self._raw.submit(job)
            case "watch" | "unwatch":
                self._watcher.submit(job)
            case "status":
                self._finish(Done(job.id, result=self.status()))
            case "unlock" if job.args["force"]:
                self._lock.end()
                self._finish(Done(job.id, result={}))
            case _ if job.action == CANCEL:
                self._finish(Done(job.id, result={"cancelled": self._take_back(job.args["job"])}))
            case _:
                self._commander.submit(job)

    def standing(self, state: State, reason: str) -> tuple[State, str]:
        """The device's state and its reason, if these are those of its connection."""
        standing = self._line.standing(state, reason)
        self._heartbeats.look(standing[0] is State.UP)
        return standing

    def submit_again(self, job: Job) -> None:
        """Takes a job that may have been checked against an earlier definition of the device."""
        try:
            if job.action != CANCEL:
                job.args = self._profile.fit(job.action, job.args)
        except PlcmqError as error:
            self._finish(Done(job.id, error=error))
        else:
            self.submit(job)

    def know(self, holes: Iterable[Hole]) -> None:
        """Makes these the holes that are known of the device, and no others."""
        self._reader.know(holes)

    def expire(self, now: float) -> None:
        """Ends the reads whose time is up, and the commands whose time is up before they began."""
        self._reader.expire(now)
        self._raw.expire(now)
        self._commander.expire(now)

    async def close(self, error: PlcmqError) -> None:
        """Ends what waits with the error and lets the running command end, within its closing time."""
        self._watcher.close(error.message)
        await self._heartbeats.close()
        await self._line.close()
        await asyncio.gather(self._reader.close(error), self._raw.close(error), self._commander.close(error))

    def counted(self, now: float) -> list[Any]:
        """The row of COUNTED for this device."""
        counts, tally, latency = self._channel.counts(), self._channel.tally, self._channel.latency
        return [
            self.device.id,
            self._reader.depth + self._raw.depth,
            self._commander.depth,
            self._finished,
            self._failed,
            counts["requests"],
            counts["timeouts"],
            counts["exceptions"],
            counts["bad_replies"],
            counts["strays"],
            max(0, counts["connects"] - 1),
            None if tally.troubled_at is None else round(now - tally.troubled_at, 3),
            self._lock.left(self._clock()) is not None,
            latency.cumulative(),
            round(latency.total, 6),
        ]

    def status(self) -> dict[str, Any]:
        """What the action `status` tells."""
        left = self._lock.left(self._clock())
        return {
            **self._channel.status(),
            "lock": None if left is None else {"left": round(left, 3)},
            "queue": {"reads": self._reader.depth + self._raw.depth, "commands": self._commander.depth},
            "requests": {"finished": self._finished, "failed": self._failed},
            **({"left_behind": runs} if (runs := len(self._left_behind)) else {}),
            **({"heartbeats": beats} if (beats := self._heartbeats.status()) else {}),
        }

    def _finish(self, done: Done) -> None:
        if done.job < 0:
            self._watcher.polled(done)
            return
        self._finished += 1
        self._failed += done.error is not None
        self._send(done)

    async def _prepare(self) -> str:
        """Carries out the steps of `on_connect`, with a writer of their own: the other one waits for them."""
        action = Action("on_connect", steps=self._profile.profile.on_connect)
        profile = replace(self._profile.profile, actions={action.name: action})
        writer = Writer(self.device, self._profile, self._line, self._reader, self._clock)
        lock, now = DeviceLock(self.device.name), self._clock()
        tools = Tools(self.device, profile, self._reader, writer, lock, self._clock, self._left_behind)
        job = Job(0, self.device.id, action.name, {}, now + action.patience)
        error = (await Command(job, now, tools).carry_out()).error
        return "" if error is None else error.message

    def _take_back(self, job_id: int) -> bool:
        error = cancelled(self.device.name)
        return (
            self._reader.take_back(job_id, error)
            or self._raw.take_back(job_id)
            or self._commander.take_back(job_id)
        )
