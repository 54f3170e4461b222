"""Counting, and adding up what was counted elsewhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.client.load.meter import WARM_UP, WINDOW, Latencies, Meter, Totals, merged

seconds = st.floats(1e-6, 1000)


@settings(max_examples=30, deadline=None)
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


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(seconds, max_size=10), max_size=5))
def test_what_is_merged_is_the_same_as_if_recorded_in_one(parts):
    whole = Latencies()
    split = [Latencies() for _ in parts]
    for own, durations in zip(split, parts, strict=True):
        for duration in durations:
            own.record(duration)
            whole.record(duration)
    again = merged(own.pack() for own in split)
    assert again.count == whole.count
    assert [again.percentile(p) for p in (0, 50, 99, 100)] == [whole.percentile(p) for p in (0, 50, 99, 100)]


def test_of_nothing_there_is_no_percentile_and_no_mean():
    latencies = Latencies()
    assert (latencies.percentile(50), latencies.mean, latencies.longest) == (None, None, None)


@pytest.mark.parametrize("duration", [-1.0, 0.0, 1e9])
def test_what_no_histogram_can_hold_is_held_at_its_ends(duration):
    latencies = Latencies()
    latencies.record(duration)
    assert latencies.count == 1


events = st.lists(
    st.tuples(st.sampled_from(["read", "write"]), st.sampled_from(["", "busy", "timeout"]), seconds),
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(events, st.lists(st.integers(0, 2), min_size=30, max_size=30), st.integers(1, 10))
def test_it_does_not_matter_how_requests_are_spread_over_processes_and_windows(asked, processes, every):
    one, several = Totals(), Totals()
    single, meters = Meter(), [Meter() for _ in range(3)]
    for number, (name, code, duration) in enumerate(asked):
        for meter in (single, meters[processes[number]]):
            meter.due += 1
            if code:
                meter.failed(name, code, f"it is {code}")
            else:
                meter.succeeded(name, duration)
        if number % every == 0:
            several.add(meters[processes[number]].take(0.5, 0.0), processes[number])
    one.add(single.take(0.5, 0.0))
    for process, meter in enumerate(meters):
        several.add(meter.take(1.0, 0.0), process)
    assert several.due == one.due == len(asked)
    first, second = one.overall(), several.overall()
    assert first.errors == second.errors
    assert first.messages == second.messages
    assert first.latencies.count == second.latencies.count
    assert first.latencies.percentile(90) == second.latencies.percentile(90)
    assert sum(slot.succeeded + slot.failed for slot in several.slots.values()) == len(asked)


def test_a_failure_is_no_latency():
    meter, totals = Meter(), Totals()
    meter.succeeded("read", 0.5)
    meter.failed("read", "busy", "try later")
    totals.add(meter.take(0.5, 0.0))
    tally = totals.tallies["read"]
    assert (tally.latencies.count, tally.failed, tally.errors) == (1, 1, {"busy": 1})


def test_the_warm_up_is_in_the_timeline_only():
    meter, totals = Meter(), Totals()
    meter.succeeded(WARM_UP, 0.5)
    totals.add(meter.take(0.5, 0.0))
    assert totals.slots[0].succeeded == 1
    assert not totals.tallies


@pytest.mark.parametrize(("at", "slot"), [(0.5, 0), (0.5004, 0), (1.0003, 0), (1.5, 1), (2.001, 1)])
def test_a_window_belongs_to_the_slot_in_which_it_was(at, slot):
    totals = Totals(2 * WINDOW)
    totals.add(Meter().take(at, 0.0))
    assert list(totals.slots) == [slot]
