"""A device host: the workers and channels of all devices that the broker has given it.

Strategy: the broker says what shall be served; the host makes it so, one device at a time and without
touching the others. It neither knows nor cares whether the broker is in the same process: messages come in
by calls and go out through `send`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from ...client.protocol.errors import Code, PlcmqError, failure
from ..channel.pool import Channels
from ..interface.requests import CompiledProfile
from ..model.devices import DeviceDefinition, Endpoint, State
from ..planning.learned import Learned
from ..planning.reads import Hole
from ..protocol.messages import Counts, DeviceState, Done, FromHost, Job, Release, Released, Serve
from ..site.compile import compile_device, compile_profile
from ..site.definitions.content import Definition
from ..site.definitions.diff import same
from ..worker.errors import expired, leaving
from ..worker.lock import DeviceLock
from ..worker.worker import Worker

EXPIRY_INTERVAL: Final = 0.05  # seconds between two looks for jobs whose time is up

DefinitionPair = tuple[Definition, Definition]  # the device's, its profile's

logger = logging.getLogger(__name__)


def _is_same(old: DefinitionPair | None, new: DefinitionPair | None) -> bool:
    """Whether two definitions of a device are the same; equal profiles are one object here."""
    if old is None or new is None:
        return old is new
    return old[1] is new[1] and same(old[0], new[0])


class DeviceHost:
    """Serves devices.

    Attributes:
        clock: monotonic seconds; the deadlines of jobs are on this clock.
    """

    def __init__(
        self,
        send: Callable[[FromHost], None],
        clock: Callable[[], float] = time.monotonic,
        permitted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`permitted` is asked before each request to a PLC: a host that was asleep, and whose PLCs others
        may have by now, must not go on where it was."""
        self.clock = clock
        self._send = send
        self._channels = Channels(self._on_state, permitted)
        self._workers: dict[int, Worker] = {}
        self._wanted: dict[int, DefinitionPair] = {}
        self._present: dict[int, DefinitionPair] = {}
        self._unfit: dict[int, str] = {}  # devices that cannot be served as they are defined, and why
        self._states: dict[int, DeviceState] = {}  # as they were sent last
        self._learned: dict[int, Learned] = {}
        self._locks: dict[int, DeviceLock] = {}  # they outlive a redefinition
        self._closed = False
        self._changing: dict[int, asyncio.Task[None]] = {}
        self._building = asyncio.Lock()  # one device after the other, and in between the loop serves others
        self._held: dict[int, list[Job]] = {}  # jobs for a device that is being set up
        self._profiles: dict[str, Definition] = {}  # by name, of the devices that are wanted
        self._compiled_profiles: dict[str, tuple[Definition, CompiledProfile]] = {}
        self._busy: set[int] = set()  # devices that may have jobs
        self._expiry: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return (
            f"<DeviceHost wanted={len(self._wanted)} served={len(self._workers)} "
            f"changing={len(self._changing)} unfit={len(self._unfit)} held={len(self._held)} "
            f"profiles={len(self._profiles)} locks={len(self._locks)} queued={self.queued}>"
        )

    @property
    def devices(self) -> list[int]:
        """The devices that are served, or about to be."""
        return list(self._wanted)

    @property
    def queued(self) -> int:
        """Jobs that wait or are under way."""
        working = sum(self._workers[device].depth for device in self._busy if device in self._workers)
        return working + sum(len(jobs) for jobs in self._held.values())

    def serve(self, message: Serve) -> None:
        """Serves devices, or redefines them.

        One whose definition is the same is not touched, but the broker, which may be a new one, is told of
        its state.
        """
        if self._closed:
            return
        learned = {one.device: one for one in message.learned}
        profiles = {name: self._known_profile(name, form) for name, form in message.profiles.items()}
        for form in message.devices:
            device_id = form["id"]
            self._merge_learned(device_id, learned.get(device_id))
            definition = (form, profiles[form["profile"]])
            if not _is_same(self._wanted.get(device_id), definition):
                self._wanted[device_id] = definition
                self._change(device_id)
            elif device_id in self._states:
                self._send(self._states[device_id])

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
        if job.device in self._changing and job.device in self._wanted:
            self._held.setdefault(job.device, []).append(job)
        elif worker is not None:
            self._busy.add(job.device)
            worker.submit(job)
        else:
            self._send(Done(job.id, error=self._not_served(job.device)))
            return
        if self._expiry is None:
            self._expire_later()

    def count(self) -> None:
        """Tells the numbers of all devices."""
        now = time.monotonic()
        self._send(Counts([worker.counted(now) for worker in self._workers.values()]))

    async def close(self) -> None:
        """Stops serving all devices, for good; returns when every socket is closed."""
        self._closed = True
        self._wanted.clear()
        for device_id in [*self._present]:
            self._change(device_id)
        while self._changing:
            await asyncio.wait(self._changing.values())
        if self._expiry is not None:
            self._expiry.cancel()

    def _not_served(self, device_id: int) -> PlcmqError:
        why = self._unfit.get(device_id)
        if why is None:
            return leaving(f"device {device_id}")
        return failure(Code.DEVICE_DOWN, f"device {device_id} cannot be served: {why}")

    def _change(self, device_id: int) -> None:
        if device_id not in self._changing:
            task = asyncio.get_running_loop().create_task(self._reconcile(device_id))
            self._changing[device_id] = task

    async def _reconcile(self, device_id: int) -> None:
        """Brings a device to its wanted definition, also if that changes meanwhile."""
        while not _is_same(self._wanted.get(device_id), self._present.get(device_id)):
            try:
                await self._reconcile_once(device_id)
            except Exception as error:  # the boundary of one change: the next one may work
                logger.exception("device %d cannot be served", device_id)
                self._note_unfit(device_id, error)
        del self._changing[device_id]
        if not self._changing:
            self._forget_unused_profiles()
        self._submit_held(self._held.pop(device_id, []))

    async def _reconcile_once(self, device_id: int) -> None:
        async with self._building:
            await asyncio.sleep(0)
            definition = self._wanted.get(device_id)
            new = self._compiled(device_id, definition) if definition else None
        if definition is not None:
            self._present[device_id] = definition  # whatever comes of it: it is not tried twice
        await self._stop(device_id, new[0].endpoint if new else None)
        if definition is None:
            self._present.pop(device_id, None)
            self._unfit.pop(device_id, None)
            self._states.pop(device_id, None)
            self._learned.pop(device_id, None)
            self._locks.pop(device_id, None)
            self._send(Released([device_id]))
            return
        if new is not None:
            await self._start(*new)

    async def _start(self, device: DeviceDefinition, kind: CompiledProfile) -> None:
        channel = await self._channels.join(device)
        known, learn = self._known(device), partial(self._learn, device)

        def changed() -> None:
            self._on_state(device, *channel.standing(device.id))

        lock = self._locks.setdefault(device.id, DeviceLock(device.name))
        lock.device = device.name
        try:
            self._workers[device.id] = Worker(
                device, kind, channel, lock, self._send, self.clock, known.holes, learn, changed
            )
            changed()
        except BaseException:
            await self._channels.leave(device)
            raise

    async def _stop(self, device_id: int, next_endpoint: Endpoint | None) -> None:
        """Ends the device's worker, and its part in the connection unless it stays at that endpoint."""
        worker = self._workers.pop(device_id, None)
        if worker is None:
            return
        try:
            await worker.close(leaving(worker.device.name))
        except Exception:  # the boundary of one worker's end: its socket has to be closed all the same
            logger.exception("%s did not end in order", worker.device.name)
        if worker.device.endpoint != next_endpoint:
            await self._channels.leave(worker.device)

    def _submit_held(self, jobs: list[Job]) -> None:
        for job in jobs:
            worker = self._workers.get(job.device)
            if worker is None:
                self.submit(job)
            else:
                self._busy.add(job.device)
                worker.submit_again(job)

    def _compiled(
        self, device_id: int, definition: DefinitionPair
    ) -> tuple[DeviceDefinition, CompiledProfile] | None:
        """The definition, ready for use; None if it is of no use, which is told and logged."""
        self._unfit.pop(device_id, None)
        try:
            device = compile_device(definition[0])
            compiled = self._compiled_profile(device.profile, definition[1])
            return device, compiled.shifted(device.address_offset)
        except Exception as error:  # the boundary of one definition: it must not keep others waiting
            logger.exception("device %d cannot be served", device_id)
            self._note_unfit(device_id, error)
            return None

    def _note_unfit(self, device_id: int, error: Exception) -> None:
        self._unfit[device_id] = str(error)
        self._note_state(device_id, State.DOWN, f"cannot be served: {error}")

    def _known_profile(self, name: str, form: Definition) -> Definition:
        """The definition, as the object that other devices have too: so comparing devices is cheap."""
        known = self._profiles.get(name)
        if known is not None and same(known, form):
            return known
        self._profiles[name] = form
        return form

    def _compiled_profile(self, name: str, form: Definition) -> CompiledProfile:
        known = self._compiled_profiles.get(name)
        if known is None or known[0] is not form:
            known = self._compiled_profiles[name] = (form, CompiledProfile(compile_profile(name, form)))
        return known[1]

    def _forget_unused_profiles(self) -> None:
        used = {form["profile"] for form, _ in self._wanted.values()}
        for known in (self._profiles, self._compiled_profiles):
            for name in known.keys() - used:
                del known[name]

    def _merge_learned(self, device_id: int, told: Learned | None) -> None:
        """Takes over what the broker knows of a device's holes, and tells it what it does not know."""
        mine = self._learned.get(device_id, told)
        if mine is None:
            return
        known = self._learned[device_id] = mine.joined(told) if told else mine
        worker = self._workers.get(device_id)
        if worker is not None and known.place == worker.device.place:
            worker.know(known.holes)
        if known.holes - (told.holes if told else frozenset()):
            self._send(known)

    def _known(self, device: DeviceDefinition) -> Learned:
        """What is known of a device where it is now."""
        fresh = Learned(device.id, device.place)
        known = self._learned.get(device.id, fresh)
        self._learned[device.id] = known = known if known.place == device.place else fresh
        return known

    def _learn(self, device: DeviceDefinition, new: frozenset[Hole], gone: frozenset[Hole]) -> None:
        known = self._learned[device.id]
        if known.place == device.place:
            news = replace(known, holes=new, gone=gone)
            self._learned[device.id] = known.joined(news)
            self._send(news)

    def _on_state(self, device: DeviceDefinition, state: State, reason: str) -> None:
        worker = self._workers.get(device.id)
        if worker is not None:
            state, reason = worker.standing(state, reason)
        self._note_state(device.id, state, reason)

    def _note_state(self, device_id: int, state: State, reason: str) -> None:
        known = self._states.get(device_id)
        if known is None or (known.state, known.reason) != (state, reason):
            told = self._states[device_id] = DeviceState(device_id, state, time.time(), reason)
            self._send(told)

    def _expire_jobs_of(self, worker: Worker, now: float) -> None:
        try:
            worker.expire(now)
        except Exception:  # the boundary of one worker: the jobs of the others have to end in time
            logger.exception("%s: what is too late could not be ended", worker.device.name)

    def _expire_later(self) -> None:
        self._expiry = asyncio.get_running_loop().call_later(EXPIRY_INTERVAL, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        now = self.clock()
        for device_id in [*self._busy]:
            worker = self._workers.get(device_id)
            if worker is not None and worker.depth:
                self._expire_jobs_of(worker, now)
            else:
                self._busy.discard(device_id)
        for device_id, jobs in self._held.items():
            late = [job for job in jobs if job.deadline <= now]
            self._held[device_id] = [job for job in jobs if job.deadline > now]
            for job in late:
                self._send(Done(job.id, error=expired(f"device {device_id}")))
        if self._busy or self._held:
            self._expire_later()
