"""What all faults share: dice that a seed decides, and the choice of functions and units."""

from random import Random

import pytest
from plcmq.devices.simulator.faults.base import Exchange, Fault, Peer, RequestFault


def exchange(function=3, unit=1):
    return Exchange(
        Peer(1, 0.0, 0.0), 1, unit, bytes((function, 0, 0, 0, 1)), 0.0, 1, 0.0, memory=None, replied=None
    )


def test_a_fault_strikes_as_often_as_its_probability_says_and_counts_it():
    fault = Fault(p=0.25)
    fault.random = Random(1)
    struck = sum(fault.strikes() for _ in range(1000))
    assert struck == fault.struck
    assert 200 < struck < 300


@pytest.mark.parametrize(
    ("functions", "units", "concerned"),
    [((), (), True), ((3,), (), True), ((6,), (), False), ((), (1, 2), True), ((3,), (2,), False)],
)
def test_a_fault_concerns_the_functions_and_units_that_it_names(functions, units, concerned):
    fault = RequestFault(functions=frozenset(functions), units=frozenset(units))
    assert fault.concerns(exchange()) is concerned


def test_a_refused_request_is_not_executed_and_answered_with_the_exception():
    request = exchange(function=6)
    request.refuse(4)
    assert (request.execute, request.answer) == (False, bytes.fromhex("8604"))
