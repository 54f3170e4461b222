"""The worker of one device: takes its jobs and hands each to the part that does it.

Strategy: reads go to the `Reader`, which merges them; writes and actions to the `Commander`, which does them
one after the other; raw reads to the `RawReader`. What needs no device (`status`, `cancel`, a forced
`unlock`) is answered at once, however long the queues are. Jobs with a negative number are the `Watcher`'s
own polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from ...client.protocol.errors import PlcmqError
from ..channel.channel import Channel
from ..interface.requests import CompiledProfile
from ..model.devices import DeviceDefinition
from ..planning.reads import Hole
from ..protocol.messages import CANCEL, Done, Event, Job
from .command import Tools
from .commander import Commander
from .errors import cancelled
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
    ) -> None:
        """`lock` outlives the worker; `holes` are known already, and `learn` is told of changes."""
        self.device = device
        self._profile = profile
        self._channel = channel
        self._lock = lock
        self._send = send
        self._clock = clock
        self._reader = Reader(device, profile, channel, self._finish, clock, holes, learn)
        self._raw = RawReader(device, channel, self._finish, clock)
        writer = Writer(device, profile, channel, self._reader, clock)
        tools = Tools(device, profile.profile, self._reader, writer, lock, clock)
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
        await asyncio.gather(self._reader.close(error), self._raw.close(error), self._commander.close(error))

    def status(self) -> dict[str, Any]:
        """What the action `status` tells."""
        left = self._lock.left(self._clock())
        return {
            **self._channel.status(),
            "lock": None if left is None else {"left": round(left, 3)},
            "queue": {"reads": self._reader.depth + self._raw.depth, "commands": self._commander.depth},
            "requests": {"finished": self._finished, "failed": self._failed},
        }

    def _finish(self, done: Done) -> None:
        if done.job < 0:
            self._watcher.polled(done)
            return
        self._finished += 1
        self._failed += done.error is not None
        self._send(done)

    def _take_back(self, job_id: int) -> bool:
        error = cancelled(self.device.name)
        return (
            self._reader.take_back(job_id, error)
            or self._raw.take_back(job_id)
            or self._commander.take_back(job_id)
        )
