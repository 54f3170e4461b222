"""The probe finds what holds a loop, and nothing else."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable

import pytest

from .loop_probe import BEAT, LIMIT, OWN, LoopProbe, own_line


@pytest.fixture(autouse=True)
def loop_probe() -> None:
    """These tests hold the loop on purpose."""


SPIN = """
def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))
"""


def spin_in(file: str) -> Callable[[float], None]:
    """A function of that file which uses so much CPU time, however busy the machine is."""
    names = {"time": time}
    exec(compile(SPIN, file, "exec"), names)
    return names["spin"]


async def holds_of(held) -> list:
    probe = LoopProbe()
    await asyncio.sleep(2 * BEAT)
    held()
    await asyncio.sleep(2 * BEAT)
    probe.stop()
    return probe.holds


async def test_code_of_plcmq_that_computes_too_long_is_found_and_named() -> None:
    spin = spin_in(f"{OWN[0]}/planted.py")
    holds = await holds_of(lambda: spin(4 * LIMIT))
    assert len(holds) == 1
    assert "planted.py" in holds[0].where
    assert holds[0].seconds > LIMIT


async def test_a_thread_that_does_not_run_is_no_hold() -> None:
    assert await holds_of(lambda: time.sleep(3 * LIMIT)) == []


async def test_a_test_that_computes_is_no_hold() -> None:
    assert await holds_of(lambda: spin_in("test.py")(4 * LIMIT)) == []


def test_the_innermost_line_of_plcmq_is_told_unless_the_simulator_is_at_work() -> None:
    def stack(*files: str) -> traceback.StackSummary:
        return traceback.StackSummary.from_list([(file, 7, "run", "") for file in files])

    broker, devices = OWN[0], OWN[2]
    assert own_line(stack("test.py", f"{broker}/a.py", f"{broker}/b.py", "re.py")) == f"{broker}/b.py:7 run"
    assert own_line(stack(f"{devices}/simulator/plc.py", f"{devices}/model/tags.py")) is None
    assert own_line(stack("test.py")) is None
