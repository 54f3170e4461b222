"""Two events of a watch that wait become one that says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.broker.routing.subscriptions import Watch
from plcmq.broker.service import conflation
from plcmq.broker.service.conflation import conflation_of, event_body, merge_events
from plcmq.client.protocol.bodies import Codec, decode
from plcmq.devices.protocol.messages import Event

REFUSED = {"code": "device_error"}


def body(content, codec=Codec.JSON, request=7):
    return event_body(Watch("w", (b"client",), request, codec, 1, b""), Event("w", content))


def merged(*contents, codec=Codec.JSON):
    bodies = [body(content, codec) for content in contents]
    while len(bodies) > 1:
        bodies[:2] = [merge_events(bodies[0], bodies[1])]
    return decode(bodies[0])["event"]


@pytest.mark.parametrize("codec", Codec)
def test_an_event_keeps_its_codec_and_its_id(codec):
    one = body({"values": {}, "age": {}}, codec)
    assert decode(merge_events(one, one))["id"] == 7
    assert merge_events(one, one)[:1] == one[:1]


def test_a_watch_whose_event_is_too_long_for_a_message_ends_with_the_reason(monkeypatch):
    monkeypatch.setattr(conflation, "MAX_FRAME_BYTES", 1000)
    said = decode(body({"values": {"a": "x" * 2000}}))
    assert (said["id"], [*said["event"]]) == (7, ["ended"])


def test_the_newest_value_of_each_tag_is_told():
    first = {"values": {"a": 1, "b": 1}, "age": {"a": 0.5, "b": 0.5}}
    assert merged(first, {"values": {"a": 2}, "age": {"a": 0.1}}) == {
        "values": {"a": 2, "b": 1},
        "age": {"a": 0.1, "b": 0.5},
    }


def test_a_value_takes_the_place_of_an_older_error():
    failed = {"values": {}, "age": {}, "errors": {"a": REFUSED, "b": REFUSED}}
    assert merged(failed, {"values": {"a": 2}, "age": {"a": 0}}) == {
        "values": {"a": 2},
        "age": {"a": 0},
        "errors": {"b": REFUSED},
    }
    both = {"values": {"a": 2, "b": 3}, "age": {"a": 0, "b": 0}}
    assert merged(failed, both) == both


def test_an_error_takes_the_place_of_an_older_value():
    good = {"values": {"a": 1}, "age": {"a": 0}}
    assert merged(good, {"values": {}, "age": {}, "errors": {"a": REFUSED}}) == {
        "values": {},
        "age": {},
        "errors": {"a": REFUSED},
    }


def test_overruns_add_up():
    one, more = {"values": {}, "age": {}, "overruns": 2}, {"values": {}, "age": {}, "overruns": 3}
    assert merged(one, more)["overruns"] == 5
    assert merged(one, {"values": {}, "age": {}})["overruns"] == 2


def test_the_last_event_of_a_watch_stays_by_itself():
    watch = Watch("w", (b"client",), 7, Codec.JSON, 1, b"")
    assert conflation_of(watch, Event("w", {"ended": "why"})) is None
    assert conflation_of(watch, Event("w", {"values": {}})).key == "w"


tags = st.sampled_from("abc")


@st.composite
def contents(draw):
    values = draw(st.dictionaries(tags, st.integers(0, 9), max_size=3))
    content = {"values": values, "age": dict.fromkeys(values, 0)}
    errors = draw(st.dictionaries(tags.filter(lambda tag: tag not in values), st.just(REFUSED), max_size=3))
    return content | ({"errors": errors} if errors else {})


def heard(events):
    """What a client knows of each tag after some events."""
    known = {}
    for event in events:
        known |= {tag: ("value", value) for tag, value in event["values"].items()}
        known |= {tag: ("error", error) for tag, error in event.get("errors", {}).items()}
    return known


@given(st.lists(contents(), min_size=1, max_size=5), st.sampled_from(Codec))
def test_a_slow_client_knows_in_the_end_what_a_quick_one_knows(events, codec):
    assert heard([merged(*events, codec=codec)]) == heard(events)
