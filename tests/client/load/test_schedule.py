"""Properties of the two schedules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.load.schedule import ClosedLoop, OpenLoop

rates = st.floats(0.1, 100_000)
ramps = st.one_of(st.just(0.0), st.floats(0.001, 100))
numbers = st.integers(0, 1_000_000)


@given(rates, ramps, numbers)
def test_requests_are_due_in_order_and_from_the_start_on(rate, ramp, number):
    loop = OpenLoop(rate, ramp)
    assert loop.due(0) >= 0
    assert loop.due(number) <= loop.due(number + 1)


@given(rates, ramps, numbers)
def test_after_the_ramp_the_rate_is_the_rate(rate, ramp, number):
    loop = OpenLoop(rate, ramp)
    if loop.due(number) > ramp:
        assert loop.due(number + 1) - loop.due(number) == pytest.approx(1 / rate, rel=1e-3, abs=1e-8)


@given(rates, st.floats(0.001, 100), numbers)
def test_in_the_ramp_the_requests_grow_with_the_square_of_the_time(rate, ramp, number):
    due = OpenLoop(rate, ramp).due(number)
    if due < ramp:
        assert rate * due**2 / (2 * ramp) == pytest.approx(number, abs=1e-6, rel=1e-9)


@given(rates, ramps, st.integers(1, 8))
def test_the_parts_of_an_open_loop_are_the_whole(rate, ramp, parts):
    whole = OpenLoop(rate, ramp)
    dealt = [OpenLoop(rate, ramp, part, parts).due(number) for number in range(5) for part in range(parts)]
    assert dealt == [whole.due(number) for number in range(5 * parts)]


@given(st.integers(1, 200), ramps, st.integers(1, 8))
def test_the_parts_of_a_closed_loop_are_the_whole(in_flight, ramp, parts):
    whole = ClosedLoop(in_flight, ramp).begins()
    dealt = [ClosedLoop(in_flight, ramp, part, parts).begins() for part in range(parts)]
    assert sorted(itertools.chain(*dealt)) == whole
    assert len(whole) == in_flight
    assert whole[0] == 0
    assert all(0 <= begin <= ramp for begin in whole)
