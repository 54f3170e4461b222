"""The loops on which simulated PLCs run: a PLC of 5 ms shall take 5 ms.

Strategy: epoll waits for whole milliseconds, with which a PLC of 5 ms takes 5.7; `select` waits for
microseconds, takes more processor time, and knows no descriptors beyond 1023. So PLCs that keep time run
on the one, and PLCs that answer at once on the fastest loop there is.
"""

import asyncio
import selectors

import uvloop


def run_plc(main, delay):
    """Runs the coroutine of PLCs that take so many seconds for a request."""
    with asyncio.Runner(loop_factory=_exact if delay else uvloop.new_event_loop) as runner:
        runner.run(main)


def _exact():
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
