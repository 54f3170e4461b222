"""The commanding half of a worker: whose command of one device is carried out when.

Strategy: three lanes, each with a queue in which the clients take turns and a task that carries out one
command after the other. Most commands go one at a time in the ordinary lane. What is urgent has a lane of its
own, so that it is done between the steps of an ordinary action; the writes of one step are never mixed with
others. A command that interrupts (a stop) ends what is under way, then goes ahead of everything that waits.
Where a client has locked the device, a command of another ends as it comes up, but for one that interrupts.
Locking waits until nothing else is under way.

When its worker closes, a command gets some time to end in order; then it is cut short.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from ...client.protocol.errors import PlcmqError
from ..protocol.messages import Done, Job
from .command import Command, Tools
from .errors import busy, cancelled, expired, interrupted
from .fair_queue import FairQueue

QUEUE_LIMIT: Final = 128  # commands that may wait in one lane of a device
CLOSING_TIME: Final = 2.0  # seconds that a running command has to end when its worker closes


class _Lane:
    """Commands that are carried out one after the other.

    Attributes:
        waiting: those that have not begun.
        running: the one under way.
        idle: set while none is under way.
        clear: set while none waits or is under way.
        wake: set when there is something to begin.
    """

    def __init__(self, limit: int) -> None:
        self.waiting: FairQueue[Command] = FairQueue(limit)
        self.running: Command | None = None
        self.idle = asyncio.Event()
        self.clear = asyncio.Event()
        self.wake = asyncio.Event()
        self.idle.set()
        self.clear.set()

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)


class Commander:
    """Carries out the commands of one device."""

    def __init__(self, tools: Tools, finish: Callable[[Done], None]) -> None:
        self._tools = tools
        self._name = tools.device.name
        self._finish = finish
        self._clock = tools.clock
        self._ordinary, self._urgent, self._stops = (_Lane(QUEUE_LIMIT) for _ in range(3))
        self._lanes = (self._stops, self._urgent, self._ordinary)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._work(lane), name=f"command {self._name}") for lane in self._lanes
        ]

    def __repr__(self) -> str:
        running = [lane.running.job.action for lane in self._lanes if lane.running is not None]
        waiting = sum(len(lane.waiting) for lane in self._lanes)
        return f"<Commander {self._name}: {waiting} waiting, {' and '.join(running) or 'nothing'} running>"

    @property
    def depth(self) -> int:
        """How many commands wait or are under way."""
        return sum(map(len, self._lanes))

    def submit(self, job: Job) -> None:
        """Takes a write, an action, or a `lock` or `unlock`; it ends through `finish`."""
        lane, command = self._lane_of(job), Command(job, self._clock(), self._tools)
        out = lane.waiting.put(job, command)
        if out is not None:
            self._end(out, busy(self._name, "commands", lane.waiting.limit))
        if out is not command:
            lane.clear.clear()
            lane.wake.set()
            if lane is self._stops:
                self._interrupt_all(interrupted(self._name, job.action))

    def expire(self, now: float) -> None:
        """Ends the commands whose time is up before they began."""
        for lane in self._lanes:
            for command in [command for command in lane.waiting if command.job.deadline <= now]:
                lane.waiting.remove(command.job.id)
                self._end(command, expired(self._name))

    def take_back(self, job_id: int) -> bool:
        """Cancels a command: at once if it waits, an action under way at its next step.

        A write under way is taken back if nothing of it has been sent.
        """
        error = cancelled(self._name)
        for lane in self._lanes:
            waiting, running = lane.waiting.remove(job_id), lane.running
            if waiting is not None:
                self._end(waiting, error)
                return True
            if running is not None and running.job.id == job_id and running.can_be_taken_back:
                running.interrupt(error)
                return True
        return False

    async def close(self, error: PlcmqError) -> None:
        """Ends what waits with the error, lets the running commands end, then stops."""
        for lane in self._lanes:
            for command in lane.waiting.take_all().values():
                self._end(command, error)
        self._interrupt_all(error)
        all_idle = asyncio.gather(*(lane.idle.wait() for lane in self._lanes))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_idle, CLOSING_TIME)
        for lane in self._lanes:
            if lane.running is not None:
                lane.running.cut()
            await lane.idle.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    def _lane_of(self, job: Job) -> _Lane:
        profile = self._tools.profile
        action = profile.actions.get(job.action)
        if action is not None:
            return self._stops if action.interrupts else self._urgent if action.urgent else self._ordinary
        if job.action == "write" and all(profile.tags[name].urgent for name in job.args["values"]):
            return self._urgent
        return self._ordinary

    def _interrupt_all(self, error: PlcmqError) -> None:
        for lane in self._lanes:
            if lane.running is not None:
                lane.running.interrupt(error)

    def _end(self, command: Command, error: PlcmqError) -> None:
        """Ends a command that has not begun."""
        self._finish(Done(command.job.id, error=error, queued=self._clock() - command.received))

    async def _work(self, lane: _Lane) -> None:
        while True:
            await lane.wake.wait()
            lane.wake.clear()
            while lane.waiting:
                await self._until_free(lane)
                if lane.waiting:  # it may have been taken back or expired meanwhile
                    await self._next(lane, lane.waiting.take())
            lane.clear.set()

    async def _until_free(self, lane: _Lane) -> None:
        """Waits until a command of this lane may begin."""
        if lane is self._stops:
            await self._urgent.idle.wait()
            await self._ordinary.idle.wait()
        else:
            await self._stops.clear.wait()

    async def _next(self, lane: _Lane, command: Command) -> None:
        if lane is self._ordinary and command.job.action == "lock":
            await self._urgent.idle.wait()
        if command.job.deadline <= self._clock():
            self._end(command, expired(self._name))
            return
        lane.running = command
        lane.idle.clear()
        done = await command.carry_out()
        lane.running = None
        self._finish(done)
        lane.idle.set()
