"""Commands that run until they are told to end: their event loop, their signals and their log.

Strategy: SIGTERM and the first SIGINT set the stop event, and the service ends in its own orderly way. Who
presses Ctrl-C again wants it to end at once: the second SIGINT kills.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable

from rich.console import Console
from rich.text import Text

# Allocations before a collection of the young; collections before one of the older, and of all. The defaults
# are for scripts: with a thousand devices the collector took a quarter of a core.
_GC_THRESHOLDS = (20_000, 20, 50)
_LEVEL_STYLES = {logging.DEBUG: "dim", logging.WARNING: "yellow", logging.ERROR: "bold red"}


def run_until_stopped(service: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs the service in an event loop of its own; SIGTERM and SIGINT set the event that it is given."""
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
    await service(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:  # it does not exist everywhere
        return None
    return uvloop.new_event_loop


def log_to_stderr(level: str) -> None:
    """Sends our log to stderr, one line an event: the time, and what happened."""
    handler = _LineHandler(Console(stderr=True, highlight=False, soft_wrap=True))
    logger = logging.getLogger("plcmq")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    logging.getLogger("asyncio").handlers[:] = [handler]


class _LineHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        style = _LEVEL_STYLES.get(record.levelno, "")
        with contextlib.suppress(OSError):  # nobody reads the log any more; the service goes on
            self._console.print(Text.assemble((at, "dim"), "  ", (self.format(record), style)))
