"""The demo checks what it claims: a promise that is broken ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plcmq.broker.cli.demo.stage import DemoFailed
from plcmq.broker.cli.demo.tour import Press, batch, peak_sockets, read_holding
from plcmq.broker.cli.demo.voice import Voice
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.simulator.running import RunningSimulator
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.load import load_site

EXAMPLE = Path(__file__).parents[4] / "examples" / "press" / "site.yaml"


@pytest.fixture
def simulator():
    with RunningSimulator(SimulatedPlc(compile_site(load_site(EXAMPLE)).profiles["press"])) as running:
        yield running


def test_the_independent_master_reads_what_stands_in_the_registers(simulator):
    simulator.call(lambda: simulator.plc.set("batch_size", 15))
    simulator.call(lambda: simulator.plc.set("nok_limit", 3))
    assert read_holding(simulator.plc.host, simulator.plc.port, 0, 2) == [15, 3]


def test_a_batch_that_did_not_reach_the_press_ends_the_demo(simulator, broker):
    broker.answers["start_batch"] = {"batch_no": 1}  # a broker that only says so
    press = Press("press-1", simulator.plc.host, simulator.plc.port, None, Path(), None)
    with pytest.raises(DemoFailed, match="this does not hold: holding:0 = "):
        batch(Voice(), broker.address, press)


def test_the_most_sockets_at_once_are_what_the_simulator_counted():
    counted = {"endpoints": {"a": {"sockets": {"peak": 2}}, "b": {"sockets": {"peak": 1}}}}
    assert peak_sockets(counted) == 2
