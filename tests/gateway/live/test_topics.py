"""What can be looked at, and under which key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.gateway.live.topics import BadTopic, topic

anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def test_the_same_in_other_words_is_the_same_topic() -> None:
    one = topic({"topic": "device", "device": "press-1", "tags": ["b", "a"], "interval": 1})
    other = topic({"tags": ["a", "b", "a"], "topic": "device", "device": "press-1"})
    assert one.key == other.key
    assert one.key != topic({"topic": "device", "device": "press-1"}).key


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {},
        {"topic": "nothing"},
        {"topic": ["device"]},
        {"topic": "device"},
        {"topic": "device", "device": ""},
        {"topic": "device", "device": True},
        {"topic": "device", "device": "a", "interval": 0},
        {"topic": "device", "device": "a", "interval": float("nan")},
        {"topic": "device", "device": "a", "tags": []},
        {"topic": "device", "device": "a", "tags": [1]},
        {"topic": "device", "device": "a", "deadband": {"t": -1}},
        {"topic": "device", "device": "a", "ttl": 5},
        {"topic": "devices", "offset": -1},
        {"topic": "devices", "order": "age"},
        {"topic": "devices", "match": "a" * 201},
        {"topic": "plant", "device": "a"},
    ],
)
def test_what_is_no_topic_is_refused(asked: Any) -> None:
    with pytest.raises(BadTopic):
        topic(asked)


@given(
    st.dictionaries(st.sampled_from(["topic", "device", "tags", "interval", "match", "deadband"]), anything)
)
def test_whatever_comes_is_a_topic_or_refused(asked: dict[str, Any]) -> None:
    try:
        topic(asked | {"topic": "device"})
    except BadTopic:
        return
