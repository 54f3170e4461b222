"""The commanding half of a worker: writes and actions of one device, one after the other.

Strategy: one task holds the device's command slot from a command's first step to its last. Between the steps
the channel is free, so reads go on. What the steps mean is decided by the pure `ActionRun`; this file only
does what it says and tells it what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from ..client.errors import Code, Outcome, PlcmqError, failure
from .jobs import Done, Job
from .model import Device, Table, Value
from .reader import Reader
from .refusals import busy, cancelled, expired
from .requests import CompiledProfile
from .steps import ActionRun, Broken, Effect, Finished, Pause, ReadTags, WriteTags
from .writing import Writer

QUEUE_LIMIT: Final = 128  # commands that may wait for one device
CLOSING_TIME: Final = 2.0  # seconds that a running command has to end when its worker closes

logger = logging.getLogger(__name__)


class Commander:
    """Carries out the commands of one device."""

    def __init__(
        self,
        device: Device,
        kind: CompiledProfile,
        reader: Reader,
        writer: Writer,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
    ) -> None:
        self._device = device
        self._profile = kind.profile
        self._reader = reader
        self._writer = writer
        self._finish = finish
        self._clock = clock
        self._waiting: dict[int, tuple[Job, float]] = {}  # by job id, in order; with the time of arrival
        self._running: Job | None = None
        self._run: ActionRun | None = None  # of the running job, if it is an action
        self._interrupted = asyncio.Event()
        self._idle = asyncio.Event()  # no command is under way
        self._idle.set()
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(
            self._command_for_ever(), name=f"command {device.name}"
        )

    @property
    def depth(self) -> int:
        """How many commands wait or are under way."""
        return len(self._waiting) + (self._running is not None)

    def submit(self, job: Job) -> None:
        """Takes a write or an action; it ends through `finish`."""
        if len(self._waiting) >= QUEUE_LIMIT:
            self._finish(Done(job.id, error=busy(self._device.name, "commands", QUEUE_LIMIT)))
            return
        self._waiting[job.id] = (job, self._clock())
        self._wake.set()

    def expire(self, now: float) -> None:
        """Ends the commands whose time is up before they began."""
        for job, received in [entry for entry in self._waiting.values() if entry[0].deadline <= now]:
            del self._waiting[job.id]
            self._finish(Done(job.id, error=expired(self._device.name), queued=now - received))

    def take_back(self, job_id: int) -> bool:
        """Cancels a command: at once if it waits, at its next step if it is an action under way."""
        if job_id in self._waiting:
            _job, received = self._waiting.pop(job_id)
            error = cancelled(self._device.name)
            self._finish(Done(job_id, error=error, queued=self._clock() - received))
            return True
        if self._running is not None and self._running.id == job_id and self._run is not None:
            self._interrupt(failure(Code.CANCELLED, f"{self._device.name}: cancelled by its caller"))
            return True
        return False

    async def close(self, error: PlcmqError) -> None:
        """Ends what waits with the error, lets the running command end, then stops."""
        for job_id in list(self._waiting):
            del self._waiting[job_id]
            self._finish(Done(job_id, error=error))
        if self._running is not None:
            self._interrupt(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), CLOSING_TIME)
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._running is not None:
            self._finish(Done(self._running.id, error=_cut_short(self._device.name)))

    # --- the task ----------------------------------------------------------------------------------

    async def _command_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._next(*self._waiting.pop(next(iter(self._waiting))))

    async def _next(self, job: Job, received: float) -> None:
        started = self._clock()
        if job.deadline <= started:
            self._finish(Done(job.id, error=expired(self._device.name), queued=started - received))
            return
        self._running = job
        self._idle.clear()
        done = await self._carry_out(job)
        self._running = None
        self._idle.set()
        done.queued, done.device = started - received, self._clock() - started
        self._finish(done)

    async def _carry_out(self, job: Job) -> Done:
        try:
            return Done(job.id, result=await self._command(job))
        except PlcmqError as error:
            return Done(job.id, error=error)
        except Exception:  # the boundary of one command: a fault in it must not end the device's worker
            reference = uuid4().hex[:12]
            logger.exception("%s: %s failed (reference %s)", self._device.name, job.action, reference)
            message = f"a fault inside plcmq while carrying out {job.action!r}; see the log"
            return Done(job.id, error=failure(Code.INTERNAL, message, details={"reference": reference}))

    async def _command(self, job: Job) -> Mapping[str, Any]:
        match job.action:
            case "write":
                await self._writer.write(job.args["values"], verify=job.args["verify"])
                return {"written": list(job.args["values"])}
            case "write_raw":
                args = job.args
                await self._writer.write_raw(Table(args["table"]), args["address"], args["values"])
                return {}
        profile = self._profile
        self._run = ActionRun(profile.actions[job.action], job.args, job.deadline, profile.tags)
        self._interrupted.clear()
        try:
            return await self._perform(self._run)
        finally:
            self._run = None

    async def _perform(self, run: ActionRun) -> Mapping[str, Any]:
        answer: Mapping[str, Value] | PlcmqError | None = None
        while True:
            effect = run.step(self._clock(), answer)
            match effect:
                case Finished(result):
                    return result
                case Broken(error):
                    raise error
                case _:
                    answer = await self._do(effect)

    async def _do(self, effect: Effect) -> Mapping[str, Value] | PlcmqError | None:
        try:
            match effect:
                case ReadTags(tags):
                    return await self._reader.read_now(tags)
                case WriteTags(values):
                    await self._writer.write(values)
                case Pause(seconds):
                    await self._pause(seconds)
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
        if self._run is not None:
            self._run.interrupt(error)
            self._interrupted.set()


def _cut_short(device: str) -> PlcmqError:
    message = f"{device}: the host stopped in the middle of this command; look at the machine"
    return failure(Code.OUTCOME_UNKNOWN, message, outcome=Outcome.UNKNOWN)
