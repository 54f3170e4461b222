"""The reading half of a worker: merges what waits together and asks for it with the fewest requests.

Strategy: one task, which sleeps until somebody wants something. `submit` only queues, so a thousand reads
cost no task and no future each. Every request to the device takes a turn of its own at the channel, in the
read lane, so that a command never waits for more than the one request under way. What a command reads is
also given to those who wait for it anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Final
from uuid import uuid4

from ...client.protocol.errors import PlcmqError
from ..channel.busy import while_busy
from ..channel.line import DeviceLine
from ..channel.turns import Lane
from ..interface.requests import CompiledProfile
from ..modbus.errors import ExceptionReply, LinkError
from ..model.devices import DeviceDefinition
from ..model.tags import Value
from ..planning.block import Block
from ..planning.reads import Hole
from ..protocol.messages import Done, Job
from .errors import as_error, busy, expired, fault, no_answer
from .fair_queue import FairQueue
from .hunter import Hunter
from .plans import Learn, ReadPlan, ReadPlans
from .rounds import Latest, ReadJob, Round

QUEUE_LIMIT: Final = 1024  # reads that may wait for one device
Complete = Callable[[list[ReadJob]], None]

logger = logging.getLogger(__name__)


class Reader:
    """Reads tags of one device for everybody.

    Attributes:
        latest: the last value of each tag.
        plans: how tags are read, and what is known of the device's holes.
    """

    def __init__(
        self,
        device: DeviceDefinition,
        profile: CompiledProfile,
        channel: DeviceLine,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
        holes: Iterable[Hole] = (),
        learn: Learn = lambda _new, _gone: None,
    ) -> None:
        """`holes` are known already; `learn` is told of those that are new, and of those that are gone."""
        self.latest = Latest()
        self.plans = ReadPlans(device, profile, holes, learn, clock())
        self._hunter = Hunter(self.plans, clock)
        self._device = device
        self._profile = profile
        self._channel = channel
        self._connects = channel.connection  # connections so far, as of the last round
        self._finish = finish
        self._clock = clock
        self._waiting: FairQueue[ReadJob] = FairQueue(QUEUE_LIMIT)
        self._running: dict[int, ReadJob] = {}  # by job id: in the present round
        self._round: Round | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._read_for_ever(), name=f"read {device.name}")

    def __repr__(self) -> str:
        numbers = f"{len(self._waiting)} waiting, {len(self._running)} running, {len(self.plans.holes)} holes"
        return f"<Reader {self._device.name}: {numbers}>"

    @property
    def depth(self) -> int:
        """How many reads wait or are under way."""
        return len(self._waiting) + len(self._running)

    def submit(self, job: Job) -> None:
        """Takes a read; it ends through `finish`."""
        now = self._clock()
        read_job = self._job(job, job.args["tags"], now)
        max_age = job.args["max_age"]
        if max_age > 0:
            self.latest.serve(read_job, max_age, now)
            if not read_job.missing:
                self._finish(read_job.done(now))
                return
        out = self._waiting.put(job, read_job)
        if out is not None:
            self._finish(out.broken_off(busy(self._device.name, "reads", self._waiting.limit), now))
        self._wake.set()

    async def read_now(self, tags: Collection[str], deadline: float) -> Mapping[str, Value]:
        """Reads tags for a step of a command, ahead of what waits.

        Args:
            tags: their names.
            deadline: how long it may take, seconds of the clock.

        Raises:
            PlcmqError: a tag could not be read, or not in time.
        """
        now = self._clock()
        read_job = self._job(Job(0, self._device.id, "read", {}, deadline), tags, now)
        round_ = Round([read_job])
        try:
            async with asyncio.timeout(deadline - now):
                await self._carry_out(round_, Lane.COMMAND, lambda _complete: None)
        except TimeoutError:
            raise self._too_late(read_job) from None
        for error in read_job.errors.values():
            raise error
        if read_job.missing:
            raise self._too_late(read_job)
        return read_job.finished()

    async def recent(self, tags: Collection[str], max_age: float, deadline: float) -> Mapping[str, Value]:
        """As `read_now`, but for what was read a short time ago.

        Args:
            tags: their names; none whose exponent is in another tag.
            max_age: how old a value may be, seconds.
            deadline: how long it may take, seconds of the clock.

        Raises:
            PlcmqError: as `read_now`.
        """
        now = self._clock()
        known = self._job(Job(0, self._device.id, "read", {}, deadline), tags, now)
        self.latest.serve(known, max_age, now)
        if not known.missing:
            return known.values
        return {**known.values, **await self.read_now(list(known.missing), deadline)}

    def _job(self, job: Job, tags: Collection[str], now: float) -> ReadJob:
        """A read of tags, and of those that they need."""
        read_job = ReadJob(job, now, self._profile.with_exponents(tags))
        if self._profile.exponents and not self._profile.exponents.keys().isdisjoint(read_job.missing):
            read_job.profile, read_job.tags = self._profile, tuple(tags)
        return read_job

    def expire(self, now: float) -> None:
        """Ends the reads whose time is up."""
        for reads in (self._waiting, self._running.values()):
            for read_job in [r for r in reads if r.job.deadline <= now]:
                self._end(read_job, self._too_late(read_job))

    def _too_late(self, read_job: ReadJob) -> PlcmqError:
        if read_job.started is None:
            return expired(self._device.name)
        return no_answer(self._device.name, read_job.finished())

    def take_back(self, job_id: int, error: PlcmqError) -> bool:
        """Ends one read early, with the error; false if it is not here."""
        read_job = self._waiting.remove(job_id) or self._running.get(job_id)
        if read_job is not None:
            self._end(read_job, error)
        return read_job is not None

    async def close(self, error: PlcmqError) -> None:
        """Stops, and ends whatever still waits with the error."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._end_all(self._waiting, error)
        self._end_all(self._running.values(), error)

    def know(self, holes: Iterable[Hole]) -> None:
        """Makes these holes the ones that are known, and no others."""
        self.plans.load(holes, self._clock())

    async def _read_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.expire(self._clock())
            self._running = self._waiting.take_all()
            self._round = Round(self._running.values())
            try:
                await self._carry_out(self._round, Lane.READ, self._complete)
            except Exception:  # the boundary of one round: a fault in it must not end the device's reading
                reference = uuid4().hex[:12]
                logger.exception("%s: reading failed (reference %s)", self._device.name, reference)
                self._end_all(self._running.values(), fault(self._device.name, "read", reference))
            self._round = None

    async def _carry_out(self, round_: Round, lane: Lane, complete: Complete) -> None:
        plans, now = self.plans, self._clock()
        if self._connects != self._channel.connection:
            self._connects = self._channel.connection
            plans.holes.reconnected(now)
        plan = plans.plan(round_.tags, now)
        for want, refusal in plan.unreadable:
            error = PlcmqError.from_map(refusal.to_map())  # each its own, for it may be raised
            complete(round_.failed(frozenset((want.name,)), error))
        blocks = plan.blocks
        if plan.over_holes:
            blocks = [*blocks, *self._asked_again(plan, round_, complete, now)]
        at_once = min(self._channel.window, len(blocks))
        if at_once <= 1:
            await self._read_all(blocks, round_, lane, complete)
            return
        shared = iter(blocks)
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._read_all(shared, round_, lane, complete))

    def _asked_again(self, plan: ReadPlan, round_: Round, complete: Complete, now: float) -> list[Block]:
        """The requests for tags over holes that are to be asked for again; the others fail."""
        due = []
        for want, block in plan.over_holes:
            if self.plans.holes.ask_at(want) <= now:
                due.append(block)
            else:
                complete(round_.failed(block.names, self.plans.refusal(want, now)))
        return due

    async def _read_all(self, blocks: Iterable[Block], round_: Round, lane: Lane, complete: Complete) -> None:
        ask = partial(self._ask, round_, lane, complete)

        def fail(names: frozenset[str], error: ExceptionReply | LinkError) -> None:
            complete(round_.failed(names, as_error(self._device, error, is_write=False)))

        for block in blocks:
            try:
                await ask(block)
            except (ExceptionReply, LinkError) as error:
                fail(block.names, await self._hunter.after_failure(error, block, ask, fail))

    async def _ask(self, round_: Round, lane: Lane, complete: Complete, block: Block) -> bool:
        """Reads one block; false if by the time it could be asked for nobody wants it any more."""
        return await while_busy(partial(self._read_block, round_, block, lane, complete), self._clock)

    async def _read_block(self, round_: Round, block: Block, lane: Lane, complete: Complete) -> bool:
        async with self._channel.turn(lane, self._device.id) as turn:
            turn.until = round_.starts(block.names, self._clock())
            if turn.until is None:
                return False
            aboard = self._round if lane is Lane.COMMAND else None  # who waited before it was asked for
            if aboard is not None:
                aboard.starts(block.names, self._clock())
            writes = self.latest.writes
            data = await turn.transact(self._device.unit, block.request, self._device.link.timeout)
        self.plans.answered(block)
        now = self._clock()
        complete(round_.filled(block, data, self.latest, now, writes))
        if aboard is not None and aboard is self._round:
            self._complete(aboard.filled(block, data, self.latest, now, writes))
        return True

    def _complete(self, reads: list[ReadJob]) -> None:
        now = self._clock()
        for read_job in reads:
            del self._running[read_job.job.id]
            self._finish(read_job.done(now))

    def _end(self, read_job: ReadJob, error: PlcmqError) -> None:
        if self._running.pop(read_job.job.id, None) is None:
            self._waiting.remove(read_job.job.id)
        elif self._round is not None:
            self._round.drop(read_job)
        self._finish(read_job.broken_off(error, self._clock()))

    def _end_all(self, reads: Iterable[ReadJob], error: PlcmqError) -> None:
        for read_job in list(reads):
            self._end(read_job, error)
