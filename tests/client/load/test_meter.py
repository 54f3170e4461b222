"""Counting."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.client.load.meter import Latencies, Meter

seconds = st.floats(1e-6, 1000)


@settings(max_examples=30)
@given(st.lists(seconds, min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_is_that_of_the_sorted_list_to_three_digits(durations, percent):
    latencies = Latencies()
    for duration in durations:
        latencies.record(duration)
    rank = max(1, math.ceil(percent / 100 * len(durations) - 1e-9))
    neighbours = sorted(durations)[max(0, rank - 2) : rank + 1]
    found = latencies.percentile(percent)
    assert min(neighbours) * 0.998 - 2e-6 <= found <= max(neighbours) * 1.002 + 2e-6
    assert latencies.longest == pytest.approx(max(durations), rel=2e-3, abs=2e-6)
    assert latencies.mean == pytest.approx(sum(durations) / len(durations))


@settings(max_examples=30)
@given(st.lists(st.lists(seconds, max_size=10), max_size=5))
def test_what_is_added_is_the_same_as_if_recorded_in_one(parts):
    whole, again = Latencies(), Latencies()
    for durations in parts:
        own = Latencies()
        for duration in durations:
            own.record(duration)
            whole.record(duration)
        again.add(own)
    assert again.count == whole.count
    assert [again.percentile(p) for p in (0, 50, 99, 100)] == [whole.percentile(p) for p in (0, 50, 99, 100)]


def test_of_nothing_there_is_no_percentile_and_no_mean():
    latencies = Latencies()
    assert (latencies.percentile(50), latencies.mean, latencies.longest) == (None, None, None)


@pytest.mark.parametrize(("duration", "held"), [(-1.0, 1e-6), (0.0, 1e-6), (1e9, 3700.0)])
def test_what_no_histogram_can_hold_is_held_at_its_ends(duration, held):
    latencies = Latencies()
    latencies.record(duration)
    assert latencies.longest == pytest.approx(held, rel=1e-3)


def test_a_failure_is_no_latency_and_the_first_message_of_a_code_is_kept():
    meter = Meter()
    meter.succeeded("read", 0.5)
    meter.failed("read", "busy", "try later")
    meter.failed("read", "busy", "still busy")
    tally = meter.tallies["read"]
    assert (tally.latencies.count, tally.failed) == (1, 2)
    assert (tally.errors, tally.messages) == ({"busy": 2}, {"busy": "try later"})


def test_all_names_are_added_up():
    meter = Meter()
    meter.succeeded("read", 0.5)
    meter.succeeded("write", 1.5)
    meter.failed("write", "busy", "try later")
    whole = meter.overall()
    assert (whole.latencies.count, whole.latencies.mean, whole.errors) == (2, 1.0, {"busy": 1})
    assert whole.messages == {"busy": "try later"}
