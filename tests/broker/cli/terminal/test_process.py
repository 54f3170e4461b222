"""Commands that run until they are told to end: signals and log."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys

import pytest
from plcmq.broker.cli.terminal.process import log_to_stderr

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


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_it_to_stop(stubborn, ending):
    stubborn.send_signal(ending)
    assert stubborn.stdout.readline() == "stopping\n"


def test_a_second_ctrl_c_ends_it_at_once(stubborn):
    stubborn.send_signal(signal.SIGINT)
    assert stubborn.stdout.readline() == "stopping\n"
    stubborn.send_signal(signal.SIGINT)
    assert stubborn.wait(10) == -signal.SIGINT


def test_the_log_is_one_line_an_event_from_its_level_on(capsys):
    log_to_stderr("warning")
    log = logging.getLogger("plcmq.devices.transport.link")
    log.info("not this")
    log.warning("press-1: [refused] at %s", "192.0.2.1:502")
    (line,) = capsys.readouterr().err.splitlines()
    assert line[8:] == "  press-1: [refused] at 192.0.2.1:502"
