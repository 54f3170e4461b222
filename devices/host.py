"""A device host: the workers and channels of all devices that the broker has given it.

Strategy: the broker says what shall be served; the host makes it so, one device at a time and without
touching the others. It neither knows nor cares whether the broker is in the same process: messages come in
through `receive` and go out through `send`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from .channels import Channels
from .jobs import DeviceState, Done, FromHost, Job, Release, Released, Serve
from .model import Device, State
from .refusals import leaving
from .requests import CompiledProfile
from .site.compile import compile_device, compile_profile
from .site.content import Form
from .site.diff import same
from .worker import Worker

EXPIRY_INTERVAL: Final = 0.05  # seconds between two looks for jobs whose time is up


class DeviceHost:
    """Serves devices.

    Attributes:
        clock: monotonic seconds; the deadlines of jobs are on this clock.
    """

    def __init__(self, send: Callable[[FromHost], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._send = send
        self._channels = Channels(self._on_state)
        self._workers: dict[int, Worker] = {}
        self._wanted: dict[int, tuple[Form, Form]] = {}  # definitions: the device's, its profile's
        self._present: dict[int, tuple[Form, Form]] = {}
        self._changing: dict[int, asyncio.Task[None]] = {}
        self._held: dict[int, list[Job]] = {}  # jobs for a device that is being set up
        self._kinds: dict[str, tuple[Form, CompiledProfile]] = {}
        self._busy: set[int] = set()  # devices that may have jobs
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def devices(self) -> list[int]:
        """The devices that are served, or about to be."""
        return list(self._wanted)

    @property
    def queued(self) -> int:
        """Jobs that wait or are under way."""
        return sum(self._workers[device].depth for device in self._busy if device in self._workers)

    # --- messages ----------------------------------------------------------------------------------

    def serve(self, message: Serve) -> None:
        """Serves devices, or redefines them; one whose definition is the same is not touched."""
        for form in message.devices:
            device_id = form["id"]
            definition = (form, message.profiles[form["profile"]])
            if not same(self._wanted.get(device_id), definition):
                self._wanted[device_id] = definition
                self._change(device_id)

    def release(self, message: Release) -> None:
        """Stops serving devices; says `Released` when their sockets are closed."""
        for device_id in message.devices:
            if self._wanted.pop(device_id, None) is None and device_id not in self._changing:
                self._send(Released([device_id]))
            else:
                self._change(device_id)

    def submit(self, job: Job) -> None:
        """Takes a job; its `Done` follows, exactly once."""
        worker = self._workers.get(job.device)
        if worker is not None:
            self._busy.add(job.device)
            worker.submit(job)
            if self._expiry is None:
                self._expire_later()
        elif job.device in self._changing and job.device in self._wanted:
            self._held.setdefault(job.device, []).append(job)
        else:
            self._send(Done(job.id, error=leaving(f"device {job.device}")))

    async def close(self) -> None:
        """Stops serving all devices; returns when every socket is closed."""
        self._wanted.clear()
        for device_id in [*self._present]:
            self._change(device_id)
        while self._changing:
            await asyncio.gather(*self._changing.values())
        if self._expiry is not None:
            self._expiry.cancel()

    # --- changes -----------------------------------------------------------------------------------

    def _change(self, device_id: int) -> None:
        if device_id not in self._changing:
            task = asyncio.get_running_loop().create_task(self._bring_about(device_id))
            self._changing[device_id] = task

    async def _bring_about(self, device_id: int) -> None:
        """Makes one device be as it is wanted, also if that changes meanwhile."""
        while not same(definition := self._wanted.get(device_id), self._present.get(device_id)):
            new = compile_device(definition[0]) if definition else None
            old = self._workers.pop(device_id, None)
            if old is not None:
                await old.close(leaving(old.device.name))
                if new is None or new.endpoint != old.device.endpoint:
                    await self._channels.leave(old.device)
            if new is None or definition is None:
                self._present.pop(device_id, None)
                self._send(Released([device_id]))
            else:
                await self._start(new, definition)
        del self._changing[device_id]
        for job in self._held.pop(device_id, ()):
            self.submit(job)

    async def _start(self, device: Device, definition: tuple[Form, Form]) -> None:
        channel = await self._channels.join(device)
        kind = self._kind(device.profile, definition[1])
        self._workers[device.id] = Worker(device, kind, channel, self._send, self.clock)
        self._present[device.id] = definition

    def _kind(self, name: str, form: Form) -> CompiledProfile:
        known = self._kinds.get(name)
        if known is None or not same(known[0], form):
            known = self._kinds[name] = (form, CompiledProfile(compile_profile(name, form)))
        return known[1]

    def _on_state(self, device: Device, state: State, reason: str) -> None:
        self._send(DeviceState(device.id, state, time.time(), reason))

    # --- time --------------------------------------------------------------------------------------

    def _expire_later(self) -> None:
        self._expiry = asyncio.get_running_loop().call_later(EXPIRY_INTERVAL, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        now = self.clock()
        for device_id in [*self._busy]:
            worker = self._workers.get(device_id)
            if worker is not None and worker.depth:
                worker.expire(now)
            else:
                self._busy.discard(device_id)
        if self._busy:
            self._expire_later()
