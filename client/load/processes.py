"""A load from several processes, gathered in one.

Strategy: the asking is always done in processes of its own, also where it is only one: what the gathering
and the display cost is not in the latencies. Each connects, says that it is ready, is told when to start, and
then sends a window every half second. All of them use the same monotonic clock, of which Linux has one. A
process whose pipe ends stops, so none is left behind.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from ..protocol.errors import Code, PlcmqError, failure
from .generator import Generator, precise_loop
from .meter import Window
from .plan import Plan

HEAD_START: Final = 0.1  # seconds between the word to start and the start
_GLANCE: Final = 0.1  # seconds between looks whether to stop


Take = Callable[[Window, int], None]


def run_load(
    plan: Plan, processes: int, take: Take, show: Callable[[float], None], stopped: Callable[[], bool]
) -> float:
    """Puts a load on a broker, and waits for its end.

    Args:
        plan: the whole load.
        processes: in how many processes; at most as many as there are connections.
        take: gets what they have counted every half second, with the number of the process.
        show: is called ten times a second, with the seconds since the start.
        stopped: whether to end early; is asked as often.

    Returns:
        The seconds that the load lasted, warm-up included.

    Raises:
        PlcmqError: a process could not connect, or has died.
    """
    with _workers(plan.parts(processes)) as pipes:
        for pipe in pipes:
            _expect(pipe, "ready")
        start = time.monotonic() + HEAD_START
        for pipe in pipes:
            pipe.send(start)
        return _gather(plan, pipes, take, start, show, stopped)


def _gather(
    plan: Plan,
    pipes: Sequence[Connection],
    take: Take,
    start: float,
    show: Callable[[float], None],
    stopped: Callable[[], bool],
) -> float:
    numbers = {pipe: number for number, pipe in enumerate(pipes)}
    lasted = plan.end
    told = False
    while numbers:
        for pipe in wait(list(numbers), _GLANCE):
            assert isinstance(pipe, Connection)
            said = _hear(pipe)
            if isinstance(said, Window):
                take(said, numbers[pipe])
            else:
                del numbers[pipe]
        since = time.monotonic() - start
        if stopped() and not told:
            told = True
            lasted = min(lasted, max(0.0, since))
            for pipe in numbers:
                pipe.send("stop")
        show(since)
    return lasted


def _hear(pipe: Connection) -> object:
    try:
        said = pipe.recv()
    except (EOFError, OSError):
        said = failure(Code.INTERNAL, "a process of the load generator has died")
    if isinstance(said, PlcmqError):
        raise said
    return said


def _expect(pipe: Connection, word: str) -> None:
    if (said := _hear(pipe)) != word:
        raise failure(Code.INTERNAL, f"a process of the load generator says {said!r}")


@contextmanager
def _workers(plans: Sequence[Plan]) -> Iterator[list[Connection]]:
    """Processes, one for each plan, with a pipe to each; they have ended afterwards."""
    spawning = multiprocessing.get_context("spawn")
    workers: list[SpawnProcess] = []
    pipes: list[Connection] = []
    try:
        with _deaf_to_interrupts():
            for plan in plans:
                ours, theirs = spawning.Pipe()
                worker = spawning.Process(target=_work, args=(plan, theirs), name="plcmq-load", daemon=True)
                worker.start()
                theirs.close()
                workers.append(worker)
                pipes.append(ours)
        yield pipes
    finally:
        for pipe in pipes:
            pipe.close()
        for worker in workers:
            worker.join(5.0)
            if worker.is_alive():
                worker.kill()
                worker.join()


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A Ctrl-C goes to all processes of a terminal. What starts now leaves it to this one, which tells it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(plan: Plan, pipe: Connection) -> None:
    factory = functools.partial(precise_loop, plan.connections)
    with pipe, asyncio.Runner(loop_factory=factory) as runner:
        try:
            runner.run(_generate(plan, pipe))
        except PlcmqError as error:
            pipe.send(error)
        except (BrokenPipeError, asyncio.CancelledError):
            return  # nobody listens any more


async def _generate(plan: Plan, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    async with Generator(plan) as generator:
        pipe.send("ready")
        start = await loop.run_in_executor(None, pipe.recv)
        running = asyncio.create_task(generator.run(start, pipe.send))

        def told() -> None:
            try:
                pipe.recv()
            except EOFError:
                running.cancel()
                loop.remove_reader(pipe.fileno())
            else:
                generator.stop()

        loop.add_reader(pipe.fileno(), told)
        try:
            await running
        finally:
            loop.remove_reader(pipe.fileno())
    pipe.send("done")
