"""The commanding half of a worker: writes and actions of one device, one after the other.

Strategy: one task holds the device's command slot from a command's first step to its last. Between the steps
the channel is free, so reads go on. What the steps mean is decided by the pure `ActionRun`; this file only
does what it says and tells it what came of it. Clients take turns, and where one has locked the device, a
command of another ends as it comes up. Locking and unlocking take their turn like commands, so that a lock
is granted when nothing else is under way.

A command can be stopped from outside (`_stop`): an action at its next step, with its `finally`; a plain write
as long as no request of it is on the wire. When its worker closes, a command gets some time to end in this
way; then it is cut short, and its error tells what is known by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..actions.run import ActionRun, Answer, Effect, Failed, Finished, Pause, ReadTags, Resume, WriteTags
from ..actions.script_thread import ScriptThread
from ..interface.requests import CompiledProfile
from ..model.devices import DeviceDefinition
from ..model.tags import Table
from ..protocol.messages import Done, Job
from .errors import busy, cancelled, expired, fault
from .fair_queue import FairQueue
from .lock import DeviceLock
from .reader import Reader
from .writer import Progress, Writer

QUEUE_LIMIT: Final = 128  # commands that may wait for one device
CLOSING_TIME: Final = 2.0  # seconds that a running command has to end when its worker closes

logger = logging.getLogger(__name__)


class Commander:
    """Carries out the commands of one device."""

    def __init__(
        self,
        device: DeviceDefinition,
        profile: CompiledProfile,
        reader: Reader,
        writer: Writer,
        lock: DeviceLock,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
    ) -> None:
        self._device = device
        self._profile = profile.profile
        self._reader = reader
        self._writer = writer
        self._finish = finish
        self._clock = clock
        self._lock = lock
        self._waiting: FairQueue[tuple[Job, float]] = FairQueue(QUEUE_LIMIT)  # with the time of arrival
        self._running: Job | None = None
        self._run: ActionRun | None = None  # of the running job, if it is an action
        self._script: ScriptThread | None = None  # its code, if it is written in Python
        self._scope: asyncio.Timeout | None = None  # around the running job, to cut it short
        self._stop: PlcmqError | None = None  # why the running job shall end early
        self._interrupted = asyncio.Event()
        self._idle = asyncio.Event()  # no command is under way
        self._idle.set()
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(
            self._command_for_ever(), name=f"command {device.name}"
        )

    def __repr__(self) -> str:
        running = "nothing" if self._running is None else self._running.action
        return f"<Commander {self._device.name}: {len(self._waiting)} waiting, {running} running>"

    @property
    def depth(self) -> int:
        """How many commands wait or are under way."""
        return len(self._waiting) + (self._running is not None)

    def submit(self, job: Job) -> None:
        """Takes a write, an action, or a `lock` or `unlock`; it ends through `finish`."""
        out = self._waiting.put(job, (job, self._clock()))
        if out is not None:
            self._end(*out, busy(self._device.name, "commands", self._waiting.limit))
        self._wake.set()

    def expire(self, now: float) -> None:
        """Ends the commands whose time is up before they began."""
        for job, received in [entry for entry in self._waiting if entry[0].deadline <= now]:
            self._waiting.remove(job.id)
            self._end(job, received, expired(self._device.name))

    def take_back(self, job_id: int) -> bool:
        """Cancels a command: at once if it waits, an action under way at its next step.

        A write under way is taken back if nothing of it has been sent.
        """
        error = cancelled(self._device.name)
        waiting = self._waiting.remove(job_id)
        if waiting is not None:
            self._end(*waiting, error)
            return True
        if self._running is None or self._running.id != job_id:
            return False
        if self._run is None and self._writer.progress.outcome is not Outcome.NOT_EXECUTED:
            return False
        self._interrupt(error)
        return True

    async def close(self, error: PlcmqError) -> None:
        """Ends what waits with the error, lets the running command end, then stops."""
        for job, received in self._waiting.take_all().values():
            self._end(job, received, error)
        if self._running is not None:
            self._interrupt(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), CLOSING_TIME)
            self._cut()
            await self._idle.wait()
        self._task.cancel()
        await asyncio.wait([self._task])

    def _end(self, job: Job, received: float, error: PlcmqError) -> None:
        """Ends a command that has not begun."""
        self._finish(Done(job.id, error=error, queued=self._clock() - received))

    async def _command_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._next(*self._waiting.take())

    async def _next(self, job: Job, received: float) -> None:
        started = self._clock()
        if job.deadline <= started:
            self._end(job, received, expired(self._device.name))
            return
        self._idle.clear()
        self._running, self._run, self._stop = job, None, None
        self._writer.progress = Progress()
        self._interrupted.clear()
        done = await self._carry_out(job)
        self._running = self._scope = None
        done.queued, done.device = started - received, self._clock() - started
        self._finish(done)
        self._idle.set()

    async def _carry_out(self, job: Job) -> Done:
        try:
            async with asyncio.timeout(None) as self._scope:
                return Done(job.id, result=await self._command(job))
        except PlcmqError as error:
            return Done(job.id, error=error)
        except Exception as error:  # the boundary of one command: a fault in it must not end the worker
            if isinstance(error, TimeoutError) and self._stop is not None:
                return Done(job.id, error=self._cut_short(self._stop))
            reference = uuid4().hex[:12]
            logger.exception("%s: %s failed (reference %s)", self._device.name, job.action, reference)
            return Done(job.id, error=fault(self._device.name, job.action, reference))

    async def _command(self, job: Job) -> Mapping[str, Any]:
        args, now = job.args, self._clock()
        match job.action:
            case "lock":
                return {"token": self._lock.take(job.token, args["ttl"], now), "ttl": args["ttl"]}
            case "unlock":
                self._lock.release(job.token, now)
                return {}
        self._lock.admit(job.token, now)
        match job.action:
            case "write":
                await self._writer.write(args["values"], job.deadline, verify=args["verify"])
                return {"written": list(args["values"])}
            case "write_raw":
                table = Table(args["table"])
                await self._writer.write_raw(table, args["address"], args["values"], job.deadline)
                return {}
        action = self._profile.actions[job.action]
        self._run = ActionRun(action, args, job.deadline, self._profile.tags)
        if action.script is not None:
            self._script = ScriptThread(action.script, args, f"{self._device.name}.{action.name}")
        try:
            return await self._perform(self._run)
        finally:
            if self._script is not None:
                self._script.close()
                self._script = None

    async def _perform(self, run: ActionRun) -> Mapping[str, Any]:
        answer: Answer = None
        while True:
            effect = run.step(self._clock(), answer)
            match effect:
                case Finished(result):
                    return result
                case Failed(error):
                    raise error
                case _:
                    answer = await self._do(effect, run.limit)

    async def _do(self, effect: Effect, limit: float) -> Answer:
        try:
            match effect:
                case ReadTags(tags):
                    return await self._reader.read_now(tags, limit)
                case WriteTags(values):
                    await self._writer.write(values, limit)
                case Pause(seconds):
                    await self._pause(seconds)
                case Resume(told, seconds) if self._script is not None:
                    return await self._script.resume(told, seconds)
        except PlcmqError as error:
            return error
        return None

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()
        except TimeoutError:
            return
        self._interrupted.clear()

    def _interrupt(self, error: PlcmqError) -> None:
        """Ends the running command as soon as that can be done in order."""
        self._stop = error
        if self._run is not None:
            self._run.interrupt(error)
            self._interrupted.set()
            if self._script is not None:
                self._script.interrupt()
        elif self._writer.progress.outcome is Outcome.NOT_EXECUTED:
            self._cut()

    def _cut(self) -> None:
        """Ends the running command where it stands."""
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    def _cut_short(self, stop: PlcmqError) -> PlcmqError:
        """The error of a command that was cut: why it was, unless it had done something by then."""
        run, progress = self._run, self._writer.progress
        outcomes = {progress.outcome, Outcome.NOT_EXECUTED if run is None else run.outcome}
        done = progress.names if run is None else run.done
        details = {("written" if run is None else "done"): list(done), "cause": stop.to_map()}
        message = f"{stop.message}; the command was cut short, so look at the machine"
        if Outcome.UNKNOWN in outcomes:
            return failure(Code.OUTCOME_UNKNOWN, message, details=details)
        if Outcome.EXECUTED in outcomes:
            return failure(Code.ACTION_FAILED, message, details=details)
        return stop
