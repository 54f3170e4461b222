"""One command of a device under way: a write, an action, or a `lock` or `unlock`.

Strategy: what the steps of an action mean is decided by the pure `ActionRun`; this file does what it says and
tells it what came of it. Between the steps the channel is free, so reads and urgent commands go on.

A command can be stopped from outside: an action at its next step, with its `finally`; a plain write as long
as no request of it is on the wire. What does not end in time is cut short, and its error tells what is known
by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..actions.run import (
    ActionRun,
    Answer,
    Effect,
    Failed,
    Finished,
    Pause,
    ReadTags,
    Resume,
    SendPdu,
    WriteTags,
)
from ..actions.script_thread import MOST_LEFT_BEHIND, LeftBehind, ScriptThread
from ..model.devices import DeviceDefinition, Profile
from ..model.tags import Table
from ..protocol.messages import Done, Job
from .errors import fault, runs_left_behind
from .lock import DeviceLock
from .reader import Reader
from .writer import Progress, Writer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the commands of one device work with."""

    device: DeviceDefinition
    profile: Profile
    reader: Reader
    writer: Writer
    lock: DeviceLock
    clock: Callable[[], float]
    left_behind: LeftBehind = field(default_factory=LeftBehind)


class Command:
    """One command.

    Attributes:
        job: what is asked for.
        received: when it came, seconds of the clock.
    """

    def __init__(self, job: Job, received: float, tools: Tools) -> None:
        self.job = job
        self.received = received
        self._tools = tools
        self._progress = Progress()  # of the present or last write
        self._run: ActionRun | None = None  # if it is an action
        self._script: ScriptThread | None = None  # its code, if it is written in Python
        self._scope: asyncio.Timeout | None = None  # around it, to cut it short
        self._stop: PlcmqError | None = None  # why it shall end early
        self._interrupted = asyncio.Event()

    @property
    def can_be_taken_back(self) -> bool:
        """Whether it is an action, or a write of which nothing has been sent."""
        return self._run is not None or self._progress.outcome is Outcome.NOT_EXECUTED

    async def carry_out(self) -> Done:
        """Does it; the end never raises."""
        device, job = self._tools.device, self.job
        started = self._tools.clock()
        try:
            async with asyncio.timeout(None) as self._scope:
                done = Done(job.id, result=await self._do())
        except PlcmqError as error:
            done = Done(job.id, error=error)
        except Exception as error:  # the boundary of one command: a fault in it must not end the worker
            if isinstance(error, TimeoutError) and self._stop is not None:
                done = Done(job.id, error=self._cut_short(self._stop))
            else:
                reference = uuid4().hex[:12]
                logger.exception("%s: %s failed (reference %s)", device.name, job.action, reference)
                done = Done(job.id, error=fault(device.name, job.action, reference))
        self._scope = None
        done.queued, done.device = started - self.received, self._tools.clock() - started
        return done

    def interrupt(self, error: PlcmqError) -> None:
        """Ends it as soon as that can be done in order."""
        self._stop = error
        if self._run is not None:
            self._run.interrupt(error)
            self._interrupted.set()
            if self._script is not None:
                self._script.interrupt()
        elif self._progress.outcome is Outcome.NOT_EXECUTED:
            self.cut()

    def cut(self) -> None:
        """Ends it where it stands."""
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def _do(self) -> Mapping[str, Any]:
        job, tools, now = self.job, self._tools, self._tools.clock()
        args = job.args
        match job.action:
            case "lock":
                return {"token": tools.lock.take(job.token, args["ttl"], now), "ttl": args["ttl"]}
            case "unlock":
                tools.lock.release(job.token, now)
                return {}
        action = tools.profile.actions.get(job.action)
        if action is None or not action.interrupts:
            tools.lock.admit(job.token, now)
        if action is None:
            return await self._write()
        if action.script is not None and (left := tools.left_behind.of(action.name)) >= MOST_LEFT_BEHIND:
            raise runs_left_behind(tools.device.name, action.name, left)
        self._run = ActionRun(action, args, job.deadline, tools.profile.tags)
        if action.script is not None:
            name, left_behind = (
                f"{tools.device.name}.{action.name}",
                partial(tools.left_behind.add, action.name),
            )
            self._script = ScriptThread(action.script, args, name, left_behind)
        try:
            return await self._perform(self._run)
        finally:
            if self._script is not None:
                self._script.close()
                self._script = None

    async def _write(self) -> Mapping[str, Any]:
        args, writer, deadline = self.job.args, self._tools.writer, self.job.deadline
        if self.job.action == "write":
            await writer.write(args["values"], deadline, self._progress, verify=args["verify"])
            return {"written": list(args["values"])}
        if self.job.action == "pdu":
            return {"data": await self._send_pdu(args["function"], args["data"], deadline)}
        table = Table(args["table"])
        await writer.write_raw(table, args["address"], args["values"], deadline, self._progress)
        return {}

    async def _perform(self, run: ActionRun) -> Mapping[str, Any]:
        answer: Answer = None
        while True:
            effect = run.step(self._tools.clock(), answer)
            match effect:
                case Finished(result):
                    return result
                case Failed(error):
                    raise error
                case _:
                    answer = await self._carry(effect, run.limit)

    async def _carry(self, effect: Effect, limit: float) -> Answer:
        try:
            match effect:
                case ReadTags(tags):
                    return await self._tools.reader.read_now(tags, limit)
                case WriteTags(values):
                    self._progress = Progress()
                    await self._tools.writer.write(values, limit, self._progress)
                case SendPdu(function, data):
                    return {"data": await self._send_pdu(function, data, limit)}
                case Pause(seconds):
                    await self._pause(seconds)
                case Resume(told, seconds) if self._script is not None:
                    return await self._script.resume(told, seconds)
        except PlcmqError as error:
            return error
        return None

    async def _send_pdu(self, function: int, data: str, deadline: float) -> str:
        self._progress = Progress()
        try:
            sent = bytes.fromhex(data)
        except ValueError as error:
            message = f"`data` is hexadecimal text, not {data!r:.60}"
            raise failure(Code.BAD_ARGS, message, details={"path": "data"}) from error
        reply = await self._tools.writer.send_pdu(function, sent, deadline, self._progress)
        return reply.hex()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()
        except TimeoutError:
            return
        self._interrupted.clear()

    def _cut_short(self, stop: PlcmqError) -> PlcmqError:
        """The error of a command that was cut: why it was, unless it had done something by then."""
        run, progress = self._run, self._progress
        outcomes = {progress.outcome, Outcome.NOT_EXECUTED if run is None else run.outcome}
        done = progress.names if run is None else run.done
        details = {("written" if run is None else "done"): list(done), "cause": stop.to_map()}
        message = f"{stop.message}; the command was cut short, so look at the machine"
        if Outcome.UNKNOWN in outcomes:
            return failure(Code.OUTCOME_UNKNOWN, message, details=details)
        if Outcome.EXECUTED in outcomes:
            return failure(Code.ACTION_FAILED, message, details=details)
        return stop
