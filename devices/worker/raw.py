"""Raw reads and identification: what asks for registers instead of tags, so that nothing can be merged.

Strategy: they are rare and for people, so each is a small task of its own. No more of them than the
connection has turns wait at the channel, so that they hold up nothing else, and the clients take turns. A job
is answered by whoever takes it out of `_waiting` or `_running`, so it ends once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import uuid4

from ...client.protocol.errors import Code, PlcmqError, failure
from ..channel.busy import while_busy
from ..channel.channel import Turn
from ..channel.line import DeviceLine
from ..channel.turns import Lane
from ..modbus.errors import ExceptionReply, LinkError
from ..modbus.identification import Identification
from ..modbus.pdu import Transaction, read
from ..model.devices import DeviceDefinition
from ..model.tags import Table
from ..protocol.messages import Done, Job
from .errors import as_error, busy, cancelled, expired, fault, no_answer, not_allowed
from .fair_queue import FairQueue

LIMIT: Final = 64  # that may wait for one device
IDENTIFY: Final = 43  # function code

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Errand:
    """A raw read on its way."""

    job: Job
    received: float  # monotonic seconds
    task: asyncio.Task[None] | None = None
    started: float | None = None  # when its first request went out; None: nothing has


class RawReader:
    """Carries out `read_raw` and `identify` for one device."""

    def __init__(
        self,
        device: DeviceDefinition,
        channel: DeviceLine,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
    ) -> None:
        self._device = device
        self._channel = channel
        self._finish = finish
        self._clock = clock
        self._waiting: FairQueue[_Errand] = FairQueue(LIMIT)
        self._running: dict[int, _Errand] = {}  # by job id
        self._tasks: set[asyncio.Task[None]] = set()  # those too whose errand has been answered

    @property
    def depth(self) -> int:
        """How many wait or are under way."""
        return len(self._waiting) + len(self._running)

    def submit(self, job: Job) -> None:
        """Takes a raw read; it ends through `finish`."""
        out = self._waiting.put(job, _Errand(job, self._clock()))
        if out is not None:
            self._tell(out, error=busy(self._device.name, "raw reads", self._waiting.limit))
        self._begin_next()

    def expire(self, now: float) -> None:
        """Ends those whose time is up."""
        for errand in [e for e in (*self._waiting, *self._running.values()) if e.job.deadline <= now]:
            self._break_off(errand, (expired if errand.started is None else no_answer)(self._device.name))

    def take_back(self, job_id: int) -> bool:
        """Cancels one; false if it is not here."""
        errand = self._waiting.remove(job_id) or self._running.get(job_id)
        if errand is not None:
            self._break_off(errand, cancelled(self._device.name))
        return errand is not None

    async def close(self, error: PlcmqError) -> None:
        """Ends all with the error."""
        for errand in (*self._waiting.take_all().values(), *self._running.values()):
            self._break_off(errand, error)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _break_off(self, errand: _Errand, error: PlcmqError) -> None:
        self._waiting.remove(errand.job.id)
        self._running.pop(errand.job.id, None)
        self._tell(errand, error=error)
        if errand.task is not None:
            errand.task.cancel()

    def _end(
        self, errand: _Errand, result: dict[str, Any] | None = None, error: PlcmqError | None = None
    ) -> None:
        if self._running.pop(errand.job.id, None) is not None:
            self._tell(errand, result, error)

    def _tell(
        self, errand: _Errand, result: dict[str, Any] | None = None, error: PlcmqError | None = None
    ) -> None:
        now = self._clock()
        started = now if errand.started is None else errand.started
        queued, device = started - errand.received, now - started
        self._finish(Done(errand.job.id, result, error, queued, device))

    def _begin_next(self) -> None:
        while self._waiting and len(self._tasks) < self._channel.window:
            errand = self._waiting.take()
            self._running[errand.job.id] = errand
            errand.task = asyncio.get_running_loop().create_task(self._carry_out(errand))
            self._tasks.add(errand.task)
            errand.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._begin_next()

    async def _carry_out(self, errand: _Errand) -> None:
        job = errand.job
        try:
            self._end(errand, await while_busy(partial(self._read, errand), self._clock, job.deadline))
        except PlcmqError as error:
            self._end(errand, error=error)
        except (ExceptionReply, LinkError) as error:
            self._end(errand, error=as_error(self._device, error, is_write=False))
        except Exception:  # the boundary of one raw read: a fault in it must not leave its caller waiting
            reference = uuid4().hex[:12]
            logger.exception("%s: %s failed (reference %s)", self._device.name, job.action, reference)
            self._end(errand, error=fault(self._device.name, job.action, reference))

    async def _read(self, errand: _Errand) -> dict[str, Any]:
        job = errand.job
        request = None if job.action == "identify" else self._request(job)
        if request is None and IDENTIFY not in self._device.link.functions:
            message = f"{self._device.name} has no identification (its `link.functions` do not have 43)"
            raise failure(Code.UNKNOWN_ACTION, message, details={"action": job.action})
        async with self._channel.turn(Lane.READ, self._device.id, job.deadline) as turn:
            if errand.started is None:
                errand.started = self._clock()
            if request is None:
                return {"objects": await self._identify(turn)}
            data = await self._transact(turn, request)
        count = job.args["count"]
        if Table(job.args["table"]).is_bits:
            return {"bits": [bool(data[i // 8] >> i % 8 & 1) for i in range(count)]}
        return {"registers": [int.from_bytes(data[i : i + 2]) for i in range(0, 2 * count, 2)]}

    def _request(self, job: Job) -> Transaction:
        request = read(Table(job.args["table"]), job.args["address"], job.args["count"])
        if request.function not in self._device.link.functions:
            raise not_allowed(self._device.name, "this read", [request.function], "table")
        return request

    async def _identify(self, turn: Turn) -> dict[str, str]:
        found = Identification()
        while not found.complete:
            found.add(await self._transact(turn, found.request()))
        return found.objects

    async def _transact(self, turn: Turn, request: Transaction) -> bytes:
        return await turn.transact(self._device.unit, request, self._device.link.timeout)
