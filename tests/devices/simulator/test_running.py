"""A simulator for tests that block."""

import socket

import pytest
from plcmq.devices.model.devices import DeviceDefinition, Site
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.faults.silence import Blackhole
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.simulator.running import RunningSimulator
from plcmq.devices.simulator.site import SimulatedSite

READ = bytes.fromhex("0001 0000 0006 01 03 0000 0001")


@pytest.fixture
def simulator():
    with RunningSimulator(SimulatedPlc()) as simulator:
        yield simulator


def connect(simulator):
    return socket.create_connection(("127.0.0.1", simulator.plc.port), timeout=5)


def test_it_serves_a_thread_that_blocks(simulator):
    simulator.call(lambda: simulator.plc.unit.store(Table.HOLDING, 0, b"\0\x0f"))
    with connect(simulator) as master:
        master.sendall(READ)
        assert master.recv(100).hex() == "000100000005010302000f"
    simulator.wait_until(lambda e: e.sockets.open == 0)
    assert simulator.snapshot()["sockets"]["closed"]["fin"] == 1


def test_faults_and_plugs_work_from_outside(simulator):
    with simulator.fault(Blackhole()), connect(simulator) as master:
        master.sendall(READ)
        simulator.wait_until(lambda e: e.requests == 1)
    simulator.unplug()
    with pytest.raises(ConnectionRefusedError):
        connect(simulator)
    simulator.plug_in()
    connect(simulator).close()


def test_a_wait_in_vain_raises_in_the_caller(simulator):
    with pytest.raises(TimeoutError):
        simulator.wait_until(lambda e: e.requests > 5, within=0.01)


def test_a_port_in_use_raises_in_the_caller(simulator):
    with pytest.raises(OSError, match="in use"), RunningSimulator(SimulatedPlc(port=simulator.plc.port)):
        pass


def test_a_site_runs_as_well(press):
    devices = (DeviceDefinition(1, "a", "192.0.2.1", "press"), DeviceDefinition(2, "b", "192.0.2.2", "press"))
    with RunningSimulator(SimulatedSite(Site({"press": press}, devices))) as simulator:
        with pytest.raises(LookupError, match="2 simulated PLCs"):
            _ = simulator.plc
        assert simulator.snapshot(simulator.simulated.plc("a"))["requests"] == 0


def test_outside_its_block_it_says_so():
    with pytest.raises(RuntimeError, match="use `with`"):
        RunningSimulator(SimulatedPlc()).call(lambda: None)
