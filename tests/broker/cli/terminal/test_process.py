"""Commands that run until they are told to end: their signals."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

STUBBORN = """
import asyncio
from plcmq.broker.cli.terminal.process import run_until_stopped

async def service(stop):
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    await asyncio.Event().wait()

run_until_stopped(service)
"""


@pytest.fixture
def stubborn():
    """A service that never comes to its end."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_it_to_stop(stubborn, ending):
    stubborn.send_signal(ending)
    assert stubborn.stdout.readline() == "stopping\n"


def test_a_hangup_that_is_ignored_stays_ignored():
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + STUBBORN
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        process.kill()


def test_a_second_ctrl_c_ends_it_at_once(stubborn):
    stubborn.send_signal(signal.SIGINT)
    assert stubborn.stdout.readline() == "stopping\n"
    stubborn.send_signal(signal.SIGINT)
    assert stubborn.wait(10) == -signal.SIGINT
