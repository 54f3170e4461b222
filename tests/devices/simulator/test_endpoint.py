"""How a simulated PLC answers: by unit, with evidence of what was written."""

import pytest
from plcmq.devices.simulator.endpoint import SimulatedEndpoint
from plcmq.devices.simulator.registers.memory import Unit


@pytest.fixture
def endpoint():
    endpoint = SimulatedEndpoint()
    endpoint.units[1] = Unit(1)
    return endpoint


def test_a_unit_that_is_not_there_is_answered_by_the_gateway(endpoint):
    assert endpoint.answer(2, bytes.fromhex("0300000001"), 0.0) == bytes.fromhex("830b")
    assert endpoint.evidence.exceptions[11] == 1


def test_or_by_nobody(endpoint):
    endpoint.unit_missing = None
    assert endpoint.answer(2, bytes.fromhex("0300000001"), 0.0) == b""


def test_a_plc_may_answer_whatever_unit_is_asked_for(endpoint):
    endpoint.any_unit = True
    assert endpoint.answer(77, bytes.fromhex("0300000001"), 0.0) == bytes.fromhex("03020000")


def test_observers_hear_of_each_accepted_write_and_of_no_refused_one(endpoint):
    seen = []
    endpoint.observers.append(lambda unit, change, now: seen.append((unit.number, change.address, now)))
    endpoint.answer(1, bytes.fromhex("0600050007"), 1.5)
    endpoint.answer(1, bytes.fromhex("0500051234"), 2.5)
    assert seen == [(1, 5, 1.5)]
