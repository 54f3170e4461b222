"""When requests are due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.load.schedule import OpenLoop


@given(st.floats(0.1, 100_000), st.integers(0, 1_000_000))
def test_requests_are_due_evenly_and_nothing_drifts(rate, number):
    loop = OpenLoop(rate)
    assert loop.due(0) == 0
    assert loop.due(number) * rate == pytest.approx(number)
    assert loop.due(number) < loop.due(number + 1)


def test_a_load_ends_after_warm_up_and_duration(load):
    assert load.end == 5.0
