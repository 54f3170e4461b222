"""Commands that run until they are told to end: their event loop and their signals.

Strategy: SIGTERM, SIGHUP and the first SIGINT set the stop event, and the service ends in its own orderly
way. Who presses Ctrl-C again wants it to end at once: the second SIGINT kills.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable

# Allocations before a collection of the young; collections before one of the older, and of all. The defaults
# are for scripts: with a thousand devices the collector took a quarter of a core.
_GC_THRESHOLDS = (20_000, 20, 50)


def run_until_stopped(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs the service in an event loop of its own; signals set the event that it is given."""
    gc.freeze()  # what has been imported stays
    gc.set_threshold(*_GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_with_signals(service))


async def _with_signals(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if stop.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    await service(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:  # it does not exist everywhere
        return None
    return uvloop.new_event_loop
