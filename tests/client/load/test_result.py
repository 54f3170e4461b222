"""The result as a document."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from plcmq.client.load.meter import Meter
from plcmq.client.load.result import in_words, misses, result_of
from plcmq.client.load.schedule import ClosedLoop


def metered(*, lag=0.0001, cpu=0.5, lasted=5.0, answered=400, failed=0) -> Meter:
    """Of 400 requests in 4 seconds, so many have an answer, and so many of these are errors."""
    chance = random.Random(1)
    meter = Meter()
    meter.due, meter.lasted, meter.cpu = 400, lasted, cpu
    meter.in_time = answered - failed
    for number in range(answered):
        meter.lag.record(lag)
        if number < failed:
            meter.failed("read a", "busy", "press-1: <1024> reads wait already")
        else:
            meter.succeeded("read a", chance.lognormvariate(-6.0, 0.5))
    return meter


@pytest.fixture
def document(load):
    return result_of(load, metered(failed=40), "2030-01-02 03:04:05+00:00")


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


def test_a_load_of_nothing_has_nulls(load):
    document = result_of(load, Meter(), "")
    assert json.dumps(document, allow_nan=False)
    assert document["latency"]["p99"] is None
    assert document["rate"]["achieved"] is None
    assert document["generator"]["cpu"] is None
    assert document["stopped_early"]


def test_a_good_run_has_no_warnings(load):
    assert result_of(load, metered(), "")["warnings"] == []


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
def test_what_makes_a_result_doubtful_is_said(load, what, said):
    assert said in " ".join(result_of(load, metered(**what), "")["warnings"])


def test_a_closed_loop_has_no_lag(load):
    document = result_of(dataclasses.replace(load, schedule=ClosedLoop(4)), metered(), "")
    assert document["generator"]["send_lag"] is None
    assert (document["load"]["loop"], document["load"]["in_flight"]) == ("closed", 4)


def test_thresholds(document):
    p99 = document["latency"]["p99"]
    assert misses(document) == []
    assert misses(document, under_rate=90, over_p99=p99) == []
    assert len(misses(document, under_rate=91, over_p99=p99 / 2)) == 2


def test_nothing_misses_every_threshold(load):
    assert len(misses(result_of(load, Meter(), ""), under_rate=1, over_p99=1)) == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.00085, "850 µs"), (0.00125, "1.25 ms"), (2.5, "2.5 s"), (0.9999, "1 s"), (0.000001, "1 µs")],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words
