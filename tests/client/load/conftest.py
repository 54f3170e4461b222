"""Results of loads that never ran."""

from __future__ import annotations

import random

import pytest
from plcmq.client.load.meter import Meter, Totals
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.plan import Plan
from plcmq.client.load.schedule import OpenLoop
from plcmq.client.load.summary import result_of

BEGAN = "2030-01-02 03:04:05+00:00"


@pytest.fixture(scope="session")
def plan() -> Plan:
    mix = Mix({"press-1": [Operation("read a", "read", {"tags": ["a"]})]})
    return Plan(mix, OpenLoop(100.0, ramp=1.0), duration=4.0, warm_up=1.0)


@pytest.fixture(scope="session")
def document(plan):
    """Five seconds at 100 requests/s, of which one in ten fails."""
    chance = random.Random(1)
    meter, totals = Meter(), Totals()
    for window in range(1, 11):
        for number in range(50):
            name = "read a" if window > 2 else ""
            meter.due += window > 2
            meter.lag.record(0.0001)
            if number % 10:
                meter.succeeded(name, chance.lognormvariate(-6.0, 0.5))
                meter.in_time += window > 2
            else:
                meter.failed(name, "busy", "press-1: <1024> reads wait already")
        totals.add(meter.take(window / 2, 0.1))
    return result_of(plan, totals, 5.0, 1, BEGAN)
