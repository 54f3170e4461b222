"""The result as a document."""

from __future__ import annotations

import dataclasses
import json

import pytest
from plcmq.client.load.meter import Meter, Totals
from plcmq.client.load.schedule import ClosedLoop
from plcmq.client.load.summary import in_words, misses, result_of, slot_width


def test_it_is_plain_json(document):
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_it_counts_what_was_measured(document):
    assert document["seconds"] == 4.0
    assert document["requests"] == {"due": 400, "succeeded": 360, "failed": 40, "unanswered": 0}
    assert document["rate"] == {"offered": 100.0, "achieved": 90.0}
    assert document["errors"] == {"busy": {"count": 40, "example": "press-1: <1024> reads wait already"}}
    assert document["operations"]["read a"]["succeeded"] == 360
    assert list(document["latency"]) == ["p50", "p75", "p90", "p99", "p99_9", "max", "mean"]


def test_percentiles_never_fall(document):
    values = [document["latency"][name] for name in ("p50", "p75", "p90", "p99", "p99_9", "max")]
    assert values == sorted(values)
    curve = [point["latency"] for point in document["distribution"]]
    assert curve == sorted(curve)
    assert document["distribution"][0]["percent"] == 0


def test_the_timeline_has_the_warm_up_too(document):
    assert [slot["at"] for slot in document["timeline"]] == [n / 2 for n in range(10)]
    assert {(slot["rate"], slot["errors"]) for slot in document["timeline"]} == {(90.0, 10.0)}


def test_a_load_of_nothing_has_nulls(plan):
    document = result_of(plan, Totals(), 0.0, 1, "")
    assert json.dumps(document, allow_nan=False)
    assert document["latency"]["p99"] is None
    assert document["rate"]["achieved"] is None
    assert document["stopped_early"]


def warnings_of(plan, *, lag=0.0, cpu=0.1, lasted=5.0, answered=400):
    meter, totals = Meter(), Totals()
    meter.due = 400
    meter.in_time = answered
    for _ in range(answered):
        meter.succeeded("read a", 0.001)
        meter.lag.record(lag)
    totals.add(meter.take(0.5, cpu))
    return " ".join(result_of(plan, totals, lasted, 1, "")["warnings"])


def test_a_good_run_has_no_warnings(plan):
    assert warnings_of(plan) == ""


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"lag": 0.05}, "could not keep up"),
        ({"cpu": 4.9}, "98% of a core"),
        ({"answered": 300}, "75 of 100 requests/s offered"),
        ({"answered": 300}, "100 requests were due and have no answer"),
        ({"lasted": 3.0}, "stopped after 2 of 4"),
    ],
)
def test_what_makes_a_result_doubtful_is_said(plan, what, said):
    assert said in warnings_of(plan, **what)


def test_a_closed_loop_has_no_lag(plan):
    plan = dataclasses.replace(plan, schedule=ClosedLoop(4))
    document = result_of(plan, Totals(), 5.0, 1, "")
    assert document["generator"]["send_lag"] is None
    assert (document["load"]["loop"], document["load"]["in_flight"]) == ("closed", 4)


def test_thresholds(document):
    p99 = document["latency"]["p99"]
    assert misses(document) == []
    assert misses(document, under_rate=90, over_p99=p99) == []
    assert len(misses(document, under_rate=91, over_p99=p99 / 2)) == 2


def test_nothing_misses_every_threshold(plan):
    assert len(misses(result_of(plan, Totals(), 0.0, 1, ""), under_rate=1, over_p99=1)) == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.00085, "850 µs"), (0.00125, "1.25 ms"), (2.5, "2.5 s"), (0.9999, "1 s"), (0.000001, "1 µs")],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.parametrize(("lasts", "width"), [(10, 0.5), (120, 0.5), (121, 1.0), (3600, 15.0)])
def test_a_long_timeline_has_wide_slots(lasts, width):
    assert slot_width(lasts, 0.5) == width
