"""Loads from several processes."""

from __future__ import annotations

import multiprocessing
import signal

import pytest
from plcmq.client import BrokerUnreachable
from plcmq.client.load.meter import Totals
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.plan import Plan
from plcmq.client.load.processes import run_load
from plcmq.client.load.schedule import OpenLoop

MIX = Mix({"press-1": [Operation("read a", "read", {"tags": ["a"]})]})


def test_several_processes_do_together_what_the_plan_says(fake_broker):
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
    plan = Plan(MIX, OpenLoop(100.0), fake_broker.endpoint, duration=0.6, connections=3)
    totals, shown = Totals(), []
    before = signal.getsignal(signal.SIGINT)
    lasted = run_load(plan, 2, totals.add, shown.append, lambda: False)
    assert lasted == 0.6
    assert totals.due == totals.overall().latencies.count == 60
    assert sorted(totals.in_flight) == [0, 1]
    assert shown[-1] >= 0.6
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGINT) is before


def test_a_load_can_be_stopped(fake_broker):
    fake_broker.answers["read"] = lambda _: {"values": {"a": 1}}
    totals, shown = Totals(), []
    plan = Plan(MIX, OpenLoop(100.0), fake_broker.endpoint, duration=600.0)
    lasted = run_load(plan, 1, totals.add, shown.append, lambda: bool(shown) and shown[-1] > 0.3)
    assert 0.3 < lasted < 600
    assert totals.overall().latencies.count == totals.due > 0


def test_an_error_in_a_process_is_raised_here():
    with pytest.raises(BrokerUnreachable, match="no plcmq broker answered"):
        run_load(Plan(MIX, OpenLoop(1.0), "tcp://127.0.0.1:1"), 1, Totals().add, print, lambda: False)
    assert multiprocessing.active_children() == []
