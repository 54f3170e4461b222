"""Raw reads and identification: what asks for registers instead of tags, so that nothing can be merged.

Strategy: they are rare and for people, so each is a small task of its own; the channel's turns keep them in
line with everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ..client.errors import PlcmqError
from .channel import Channel, Turn
from .jobs import Done, Job
from .link import LinkError
from .modbus import ExceptionReply, Identification, read
from .model import Device, Table
from .outcomes import as_error
from .refusals import busy, cancelled, expired, no_answer
from .turns import Lane

LIMIT: Final = 64  # under way for one device


class RawReader:
    """Carries out `read_raw` and `identify` for one device."""

    def __init__(
        self,
        device: Device,
        channel: Channel,
        finish: Callable[[Done], None],
        clock: Callable[[], float],
    ) -> None:
        self._device = device
        self._channel = channel
        self._finish = finish
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by job id
        self._reason: PlcmqError = cancelled(device.name)

    @property
    def depth(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    def submit(self, job: Job) -> None:
        """Takes a raw read; it ends through `finish`."""
        if len(self._tasks) >= LIMIT:
            self._finish(Done(job.id, error=busy(self._device.name, "raw reads", LIMIT)))
            return
        self._tasks[job.id] = asyncio.get_running_loop().create_task(self._carry_out(job, self._clock()))

    def take_back(self, job_id: int) -> bool:
        """Cancels one; false if it is not here."""
        task = self._tasks.get(job_id)
        return task is not None and task.cancel()

    async def close(self, error: PlcmqError) -> None:
        """Ends all that are under way with the error."""
        self._reason = error
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry_out(self, job: Job, received: float) -> None:
        done = Done(job.id, error=self._reason)
        started: list[float] = []
        try:
            async with asyncio.timeout(job.deadline - received):
                async with self._channel.turn(Lane.READ, self._device.id) as turn:
                    started.append(self._clock())
                    done.result = await self._result(job, turn)
                    done.error = None
        except TimeoutError:
            done.error = no_answer(self._device.name) if started else expired(self._device.name)
        except (ExceptionReply, LinkError) as error:
            done.error = as_error(self._device, error, is_write=False)
        except asyncio.CancelledError:
            done.error = self._reason
            raise
        finally:
            del self._tasks[job.id]
            now = self._clock()
            begin = started[0] if started else now
            done.queued, done.device = begin - received, now - begin
            self._finish(done)

    async def _result(self, job: Job, turn: Turn) -> dict[str, Any]:
        if job.action == "identify":
            return {"objects": await self._identify(turn)}
        table, count = Table(job.args["table"]), job.args["count"]
        data = await turn.transact(
            self._device.unit, read(table, job.args["address"], count), self._device.link.timeout
        )
        if table.is_bits:
            return {"bits": [bool(data[i // 8] >> i % 8 & 1) for i in range(count)]}
        return {"registers": [int.from_bytes(data[i : i + 2]) for i in range(0, 2 * count, 2)]}

    async def _identify(self, turn: Turn) -> dict[str, str]:
        found = Identification()
        while not found.complete:
            found.add(await turn.transact(self._device.unit, found.request(), self._device.link.timeout))
        return found.objects
