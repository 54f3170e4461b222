"""The choice of requests."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.load.mix import Mix, Operation, one_tag_at_a_time

weights = st.lists(st.floats(0.01, 100), min_size=1, max_size=5)


def operations(own: list[float]) -> list[Operation]:
    return [Operation(f"read {number}", "read", {}, weight) for number, weight in enumerate(own)]


@given(st.lists(weights, min_size=1, max_size=4), st.integers())
def test_only_what_a_device_has_is_asked_of_it_and_devices_have_their_turns(given_weights, seed):
    own = {f"press-{number}": operations(each) for number, each in enumerate(given_weights)}
    asked = list(islice(Mix(own).choices(seed), 5 * len(own)))
    assert [device for device, _ in asked] == 5 * list(own)
    assert all(operation in own[device] for device, operation in asked)


def test_weights_decide_within_a_device():
    mix = Mix({"a": operations([8, 2]), "b": operations([1])})
    counts = Counter((device, operation.name) for device, operation in islice(mix.choices(1), 10_000))
    assert counts["b", "read 0"] == 5000
    assert counts["a", "read 0"] == pytest.approx(4000, rel=0.1)


def test_the_same_seed_asks_the_same():
    mix = Mix({"a": operations([1, 1, 1])})
    first, second, other = (list(islice(mix.choices(seed), 50)) for seed in (7, 7, 8))
    assert first == second != other


@pytest.mark.parametrize("own", [{}, {"a": []}])
def test_nothing_to_ask_is_refused(own):
    with pytest.raises(ValueError, match=r"no device|nothing to ask"):
        Mix(own)


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_a_weight_is_above_zero(weight):
    with pytest.raises(ValueError, match="weight"):
        Operation("read", "read", {}, weight)


@pytest.mark.parametrize(
    ("action", "may_change"), [("read", False), ("status", False), ("write", True), ("start_batch", True)]
)
def test_only_what_reads_cannot_change_a_device(action, may_change):
    assert Operation("it", action).may_change is may_change


def test_by_default_each_tag_is_read_by_itself():
    reads = one_tag_at_a_time({"tags": {"a": {}, "b": {}}})
    assert [dict(read.rqargs) for read in reads] == [{"tags": ["a"]}, {"tags": ["b"]}]
    assert {read.name for read in reads} == {"read"}
