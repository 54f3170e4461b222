"""The reading half of a worker: merges what waits together and asks for it with the fewest requests.

Strategy: one task, which sleeps until somebody wants something. `submit` only queues, so a thousand reads
cost no task and no future each. Every request to the device takes a turn of its own at the channel, in the
read lane, so that a command never waits for more than the one request under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from ..client.errors import PlcmqError
from .channel import Channel
from .jobs import Done, Job
from .link import LinkError
from .modbus import ExceptionReply, read
from .model import Device, Value
from .outcomes import as_error
from .planner import Hole, HoleHunt, Span, Want, plan_reads, unreadable
from .reading import Latest, ReadJob, Round
from .refusals import busy, expired, no_answer
from .requests import CompiledProfile
from .turns import Lane

QUEUE_LIMIT: Final = 1024  # reads that may wait for one device
PLAN_CACHE: Final = 256  # plans kept, one for each set of tags
Complete = Callable[[list[ReadJob]], None]
ILLEGAL_ADDRESS: Final = 2  # Modbus exception: no such data address


@dataclass(frozen=True, slots=True)
class Plan:
    """How a set of tags is read: the requests, and the tags that no request can read, each with the reason."""

    spans: list[Span]
    unreadable: list[tuple[Want, str]]


class Reader:
    """Reads tags of one device for everybody.

    Attributes:
        latest: the last value of each tag.
        holes: addresses that the device refused to read as part of a larger block.
    """

    def __init__(
        self,
        device: Device,
        kind: CompiledProfile,
        channel: Channel,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
    ) -> None:
        self.latest = Latest()
        self.holes: set[Hole] = set()
        self._device = device
        self._kind = kind
        self._channel = channel
        self._finish = finish
        self._clock = clock
        self._waiting: dict[int, ReadJob] = {}  # by job id, in the order of arrival
        self._running: dict[int, ReadJob] = {}  # by job id: in the present round
        self._round: Round | None = None
        self._wake = asyncio.Event()
        self._plans: dict[frozenset[str], Plan] = {}
        self._wants = {
            name: Want(name, codec.tag.table, codec.tag.address, codec.width)
            for name, codec in kind.codecs.items()
        }
        self._task = asyncio.get_running_loop().create_task(self._read_for_ever(), name=f"read {device.name}")

    @property
    def depth(self) -> int:
        """How many reads wait or are under way."""
        return len(self._waiting) + len(self._running)

    def submit(self, job: Job) -> None:
        """Takes a read; it ends through `finish`."""
        now = self._clock()
        if self.depth >= QUEUE_LIMIT:
            self._finish(Done(job.id, error=busy(self._device.name, "reads", QUEUE_LIMIT)))
            return
        read_job = ReadJob(job, now, set(job.args["tags"]))
        max_age = job.args["max_age"]
        if max_age > 0:
            self.latest.serve(read_job, max_age, now)
            if not read_job.missing:
                self._finish(read_job.done(now))
                return
        self._waiting[job.id] = read_job
        self._wake.set()

    async def read_now(self, tags: Collection[str]) -> dict[str, Value]:
        """Reads tags for a step of a command, ahead of what waits.

        Raises:
            PlcmqError: a tag could not be read.
        """
        now = self._clock()
        read_job = ReadJob(Job(0, self._device.id, "read", {}, now), now, set(tags))
        await self._carry_out(Round([read_job], self._kind.codecs), Lane.COMMAND, lambda _complete: None)
        for error in read_job.errors.values():
            raise error
        return read_job.values

    def expire(self, now: float) -> None:
        """Ends the reads whose time is up."""
        for reads, error in ((self._waiting, expired), (self._running, no_answer)):
            for read_job in [r for r in reads.values() if r.job.deadline <= now]:
                self._end(read_job, error(self._device.name))

    def take_back(self, job_id: int, error: PlcmqError) -> bool:
        """Ends one read early, with the error; false if it is not here."""
        read_job = self._waiting.get(job_id) or self._running.get(job_id)
        if read_job is not None:
            self._end(read_job, error)
        return read_job is not None

    async def close(self, error: PlcmqError) -> None:
        """Stops, and ends whatever still waits with the error."""
        self._task.cancel()
        await asyncio.wait([self._task])
        for read_job in [*self._waiting.values(), *self._running.values()]:
            self._end(read_job, error)

    def plan(self, tags: frozenset[str]) -> Plan:
        """How to read the tags, with what is known of the device's limits and holes."""
        plan = self._plans.get(tags)
        if plan is None:
            if len(self._plans) >= PLAN_CACHE:
                self._plans.clear()
            plan = self._plans[tags] = self._new_plan([self._wants[name] for name in tags])
        return plan

    def _new_plan(self, wants: list[Want]) -> Plan:
        link, holes = self._device.link, self.holes
        limits = {"max_registers": link.max_registers, "max_coils": link.max_coils}
        spans = plan_reads(wants, **limits, max_gap=link.max_gap, holes=holes)
        return Plan(spans, unreadable(wants, **limits, holes=holes))

    async def _read_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.expire(self._clock())
            self._running, self._waiting = self._waiting, {}
            self._round = Round(self._running.values(), self._kind.codecs)
            await self._carry_out(self._round, Lane.READ, self._complete)
            self._round = None

    async def _carry_out(self, round_: Round, lane: Lane, complete: Complete) -> None:
        plan = self.plan(round_.tags)
        for want, why in plan.unreadable:
            refused = as_error(self._device, ExceptionReply(0, ILLEGAL_ADDRESS), is_write=False)
            refused.message = f"{self._device.name}: {want.name} cannot be read: {why}"
            complete(round_.failed(Span(want.table, want.address, want.width, (want,)), refused))
        for span in plan.spans:
            try:
                await self._read_span(round_, span, lane, complete)
            except ExceptionReply as reply:
                if reply.code == ILLEGAL_ADDRESS:
                    await self._hunt(round_, span, lane, complete)
                complete(round_.failed(span, as_error(self._device, reply, is_write=False)))
            except LinkError as error:
                complete(round_.failed(span, as_error(self._device, error, is_write=False)))

    async def _read_span(self, round_: Round, span: Span, lane: Lane, complete: Complete) -> bool:
        """Reads one span; false if by the time it is our turn nobody wants it any more."""
        async with self._channel.turn(lane, self._device.id) as turn:
            if not round_.starts(span, self._clock()):
                return False
            request = read(span.table, span.address, span.count)
            data = await turn.transact(self._device.unit, request, self._device.link.timeout)
        complete(round_.filled(span, data, self.latest, self._clock()))
        return True

    async def _hunt(self, round_: Round, span: Span, lane: Lane, complete: Complete) -> None:
        """Reads what can be read of a span that the device refused, and learns what cannot."""
        hunt = HoleHunt(span)
        while (part := hunt.part) is not None:
            try:
                if not await self._read_span(round_, part, lane, complete):
                    break
            except ExceptionReply as reply:
                if reply.code != ILLEGAL_ADDRESS:
                    break
                hunt.report(readable=False)
            except LinkError:
                break
            else:
                hunt.report(readable=True)
        self.holes.update(hunt.holes)
        self._plans.clear()

    def _complete(self, reads: list[ReadJob]) -> None:
        now = self._clock()
        for read_job in reads:
            del self._running[read_job.job.id]
            self._finish(read_job.done(now))

    def _end(self, read_job: ReadJob, error: PlcmqError) -> None:
        if self._running.pop(read_job.job.id, None) is None:
            del self._waiting[read_job.job.id]
        elif self._round is not None:
            self._round.drop(read_job)
        done = read_job.done(self._clock())
        self._finish(Done(done.job, error=error, queued=done.queued, device=done.device))
