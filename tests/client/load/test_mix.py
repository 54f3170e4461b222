"""The choice of requests."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.load.mix import Mix, Operation, one_tag_at_a_time

weights = st.lists(st.floats(0.01, 100), min_size=1, max_size=5)


def operations(own: list[float]) -> list[Operation]:
    return [Operation(f"read {number}", "read", {}, weight) for number, weight in enumerate(own)]


@given(st.lists(weights, min_size=1, max_size=4), st.integers())
def test_only_what_a_device_has_is_asked_of_it(given_weights, seed):
    own = {f"press-{number}": operations(each) for number, each in enumerate(given_weights)}
    mix, chance = Mix(own), random.Random(seed)
    for _ in range(20):
        device, operation = mix.choose(chance)
        assert operation in own[device]


def test_weights_decide_within_a_device_and_devices_share_evenly():
    mix = Mix({"a": operations([8, 2]), "b": operations([1])})
    chance = random.Random(1)
    counts = Counter(
        (device, operation.name) for device, operation in (mix.choose(chance) for _ in range(10_000))
    )
    assert counts["b", "read 0"] == pytest.approx(5000, rel=0.1)
    assert counts["a", "read 0"] == pytest.approx(4000, rel=0.1)
    assert counts["a", "read 1"] == pytest.approx(1000, rel=0.2)


def test_the_same_seed_asks_the_same():
    mix = Mix({"a": operations([1, 1, 1])})
    first, second = random.Random(7), random.Random(7)
    assert [mix.choose(first) for _ in range(50)] == [mix.choose(second) for _ in range(50)]


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
