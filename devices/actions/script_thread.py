"""The code of a Python action at work: a thread and an event loop of its own, for one run.

Strategy: the engine decides and this carries out `Resume`: it tells the code what came of its last step and
waits until the code says which it wants next. The thread is there because the code is not ours: it may block
for seconds, or for ever, and neither another device nor the broker's lease may suffer from that. Code that
does not end when it is told to is left behind, and nothing that it asks for afterwards is done.

An interruption may cross with what the code says. So both sides count what the code has been told: a step
that it asked for before it heard of an error is answered by that error, and never done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from ...client.protocol.errors import PlcmqError
from ..model.actions import Script, Step
from ..model.plain import sendable
from ..model.tags import Value
from .effects import AtEnd, NextStep, Raised, Returned, Said, StillRunning

LEAST: Final = 0.05  # seconds that code has to say what it wants next, also when the time is up

logger = logging.getLogger(__name__)

MOST_LEFT_BEHIND: Final = 4  # runs of one action of a device; with as many, there are no more

Told = Mapping[str, Value] | PlcmqError


class LeftBehind:
    """The threads of one device's actions whose code did not end when its time was up.

    Each keeps a thread and three descriptors until it ends, so that their number must be bounded.
    """

    def __init__(self) -> None:
        self._threads: dict[str, list[threading.Thread]] = {}  # by action

    def __len__(self) -> int:
        return sum(map(self.of, [*self._threads]))

    def of(self, action: str) -> int:
        """How many runs of an action have not ended yet."""
        alive = [thread for thread in self._threads.pop(action, ()) if thread.is_alive()]
        if alive:
            self._threads[action] = alive
        return len(alive)

    def add(self, action: str, thread: threading.Thread) -> None:
        """A run was left behind."""
        self._threads.setdefault(action, []).append(thread)


class ScriptThread:
    """One run of the code of an action. It begins with the first `resume`.

    Args:
        script: the code.
        args: its arguments.
        name: of device and action, for the log and the thread's name.
        left_behind: called with its thread if that does not end when it is told to.
    """

    def __init__(
        self,
        script: Script,
        args: Mapping[str, Value],
        name: str,
        left_behind: Callable[[threading.Thread], None] = lambda _thread: None,
    ) -> None:
        self._script = script
        self._args = args
        self._name = name
        self._left_behind = left_behind
        self._here = asyncio.get_running_loop()
        self._news = asyncio.Event()  # the code has said something, or the action was interrupted
        self._said: Said | None = None
        self._told = 0  # how often the code has been told something
        self._thread: threading.Thread | None = None
        self._code = _Code(self)

    async def resume(self, told: Told | None, seconds: float) -> Said:
        """Lets the code run on; what it says, or `StillRunning` after the time or an interruption.

        Args:
            told: what came of its last step; an error is raised in it, wherever it is; None: nothing yet.
            seconds: how long it may take.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"action {self._name}", daemon=True)
            self._thread.start()
        elif told is not None:
            self._tell(told)
        if self._said is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(seconds, LEAST)):
                    await self._news.wait()
        self._news.clear()
        said, self._said = self._said, None
        return said or StillRunning()

    def interrupt(self) -> None:
        """Ends the present wait in `resume`."""
        self._news.set()

    def close(self) -> None:
        """Nobody listens any more: code that has not ended is cancelled, and otherwise left alone."""
        if self._thread is not None and self._thread.is_alive() and self._code.leave():
            logger.warning("%s: the code has not ended when its time was up; it is left behind", self._name)
            self._left_behind(self._thread)

    def _tell(self, told: Told) -> None:
        if self._code.tell(told):
            self._told += 1
            if isinstance(self._said, NextStep | AtEnd):
                self._said = None  # it crossed with what has been told, and is answered by that
                self._news.clear()

    def _hear(self, said: Said, heard: int) -> None:
        if heard < self._told and isinstance(said, NextStep | AtEnd):
            return  # the same, on its way
        self._said = said
        self._news.set()

    def _run(self) -> None:
        asyncio.run(self._code.run(self._script, self._args, self._name))

    def say(self, said: Said, heard: int) -> None:
        """From the thread: the code wants something, or has ended, having been told so often."""
        with contextlib.suppress(RuntimeError):  # the worker's loop has ended before the code
            self._here.call_soon_threadsafe(self._hear, said, heard)


class _Code:
    """The conductor that the code talks to. Its attributes belong to the thread's loop once that runs."""

    def __init__(self, outside: ScriptThread) -> None:
        self._outside = outside
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._step: asyncio.Future[Mapping[str, Value]] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._failure: PlcmqError | None = None  # what the code has been told
        self._heard = 0  # how often it has been told something
        self._left = threading.Event()
        self._ended = threading.Event()

    async def run(self, script: Script, args: Mapping[str, Value], name: str) -> None:
        """The whole of it, in the thread."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            said: Said = Returned(_result(await script(self, args)))
        except BaseException as error:  # the boundary of the code: whatever it does is its own failure
            if error is not self._failure and not isinstance(error, asyncio.CancelledError):
                logger.error("%s: its code failed", name, exc_info=error)
            said = Raised(error)
        self._ended.set()
        self._outside.say(said, self._heard)

    def tell(self, told: Told) -> bool:
        """What came of the step, or an error for wherever the code is; false if it does not run."""
        return self._in_thread(told)

    def leave(self) -> bool:
        """Does nothing more for the code, and cancels it; false where it has ended already."""
        if self._ended.is_set():
            return False
        self._left.set()
        self._in_thread(None)
        return True

    def _in_thread(self, told: Told | None) -> bool:
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(self._take, told)
        except RuntimeError:  # the code has just ended, and its loop with it
            return False
        return True

    def _take(self, told: Told | None) -> None:
        self._heard += 1
        if isinstance(told, PlcmqError):
            self._failure = told
        step = self._step
        if step is not None and not step.done():
            if isinstance(told, Mapping):
                step.set_result(told)
            else:
                step.set_exception(told or _left_behind())
        elif not isinstance(told, Mapping) and self._task is not None:
            self._task.cancel()

    async def perform(self, step: Step) -> Mapping[str, Value]:
        """As `Conductor.perform`."""
        return await self._ask(NextStep(step))

    async def at_end(self, step: Step) -> None:
        """As `Conductor.at_end`."""
        await self._ask(AtEnd(step))

    async def _ask(self, said: NextStep | AtEnd) -> Mapping[str, Value]:
        async with self._one_at_a_time:
            if self._left.is_set():
                raise _left_behind()
            self._step = asyncio.get_running_loop().create_future()
            self._outside.say(said, self._heard)
            return await _finished(self._step)


async def _finished(step: asyncio.Future[Mapping[str, Value]]) -> Mapping[str, Value]:
    """What came of a step. It may be a write, so a cancellation has to wait for its end."""
    cancelled: asyncio.CancelledError | None = None
    while not step.done():
        try:
            await asyncio.wait([step])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        step.exception()  # it has been looked at
        raise cancelled
    return step.result()


def _left_behind() -> RuntimeError:
    return RuntimeError("this run of the action has ended")


def _result(result: object) -> Mapping[str, object]:
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        raise TypeError(f"an action returns a map or nothing, not {type(result).__name__}")
    return sendable(result)
