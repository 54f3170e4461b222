"""A loop that is held up is caught in the act."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest
from plcmq.client.protocol.loop_watch import watched_loop


def hold_up() -> None:
    time.sleep(0.3)  # planted


async def test_a_blocking_call_is_reported_once_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), watched_loop("test", 0.02, 0.05) as watch:
        await asyncio.sleep(0.1)
        before = watch.late
        hold_up()
        await asyncio.sleep(0.1)
        assert watch.late == before + 1
    assert "hold_up" in watch.where
    assert "test_loop_watch.py" in caplog.text
    assert watch.worst >= 0.3


async def test_it_leaves_no_thread() -> None:
    before = threading.active_count()
    with watched_loop("test", 0.02, 0.05):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
