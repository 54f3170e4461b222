"""What watchers get to hear, and when they are polled for."""

import math

from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, failure
from plcmq.devices.worker.subscriptions import Subscriptions

ERROR = failure(Code.DEVICE_DOWN, "refused")


def args(*tags, interval=1.0, ttl=60.0, deadband=None):
    return {"tags": list(tags), "interval": interval, "ttl": ttl, "deadband": deadband or {}}


def watched(*tags, now=100.2, **more):
    watches = Subscriptions()
    return watches, watches.add("w1", args(*tags, **more), now)


def tell(watches, poll, error=None, **values):
    result = {"values": values, "age": dict.fromkeys(values, 0.1)}
    return [content for _watch, content in watches.answered(poll, None if error else result, error)]


def test_the_first_event_is_full():
    watches, poll = watched("a", "b")
    assert tell(watches, poll, a=1, b=2) == [{"values": {"a": 1, "b": 2}, "age": {"a": 0.1, "b": 0.1}}]


def test_the_first_poll_is_content_with_what_others_have_just_read():
    _watches, poll = watched("a", interval=0.5)
    assert poll.max_age == 0.5


def test_later_events_hold_what_has_changed():
    watches, poll = watched("a", "b")
    tell(watches, poll, a=1, b=2)
    (poll,) = watches.due(101.0)
    assert tell(watches, poll, a=1, b=3) == [{"values": {"b": 3}, "age": {"b": 0.1}}]


def test_watches_that_are_polled_together_hear_only_of_their_own_tags():
    watches, poll = watched("a", "b")
    tell(watches, poll, a=1, b=2)
    tell(watches, watches.add("w2", args("c"), 100.2), c=1)
    (poll,) = watches.due(101.0)
    assert tell(watches, poll, c=3) == [{"values": {"c": 3}, "age": {"c": 0.1}}]


def test_where_nothing_has_changed_nothing_is_told():
    watches, poll = watched("a")
    tell(watches, poll, a=math.nan)
    (poll,) = watches.due(101.0)
    assert tell(watches, poll, a=math.nan) == []


def test_a_change_counts_from_what_was_told_so_that_a_creeping_value_is_told_in_the_end():
    watches, poll = watched("a", deadband={"a": 1.0})
    tell(watches, poll, a=10.0)
    told = []
    for second in range(1, 6):
        (poll,) = watches.due(100.2 + second)
        told += tell(watches, poll, a=10.0 + 0.4 * second)
    assert [content["values"]["a"] for content in told] == [11.2]


def test_watches_with_one_interval_are_polled_together():
    watches, first = watched("a", "b")
    second = watches.add("w2", args("b", "c"), 100.7)
    tell(watches, first, a=1, b=1)
    tell(watches, second, b=1, c=1)
    (poll,) = watches.due(101.0)
    assert poll.tags == ["a", "b", "c"]
    assert watches.wake_at() == 102.0


def test_intervals_that_fit_into_each_other_meet():
    watches, first = watched("a", interval=0.5)
    second = watches.add("w2", args("b", interval=1.0), 100.3)
    tell(watches, first, a=1)
    tell(watches, second, b=1)
    assert len(watches.due(101.0)) == 2


def test_a_poll_that_is_not_back_is_an_overrun_and_told():
    watches, first = watched("a")
    assert watches.due(101.0) == []
    assert watches.due(102.0) == []
    tell_first = tell(watches, first, a=1)
    assert tell_first[0]["overruns"] == 2


def test_a_loop_that_was_held_up_tells_what_it_has_missed():
    watches, first = watched("a")
    tell(watches, first, a=1)
    (poll,) = watches.due(104.5)
    assert tell(watches, poll, a=1) == [{"values": {}, "age": {}, "overruns": 3}]


def test_an_error_is_told_once_and_the_value_again_when_it_is_back():
    watches, poll = watched("a")
    tell(watches, poll, a=1)
    (poll,) = watches.due(101.0)
    (content,) = tell(watches, poll, error=ERROR)
    assert content["errors"]["a"]["code"] == "device_down"
    (poll,) = watches.due(102.0)
    assert tell(watches, poll, error=ERROR) == []
    (poll,) = watches.due(103.0)
    assert tell(watches, poll, a=1)[0]["values"] == {"a": 1}


def test_a_watch_ends_when_it_is_not_renewed():
    watches, _poll = watched("a", ttl=10.0)
    assert watches.expired(110.0) == []
    watches.renew("w1", 110.0)
    assert watches.expired(119.0) == []
    assert [watch.id for watch in watches.expired(120.3)] == ["w1"]
    assert watches.wake_at() is None
    assert watches.renew("w1", 121.0) is None


def test_a_watch_that_is_gone_costs_nothing():
    watches, _poll = watched("a")
    watches.remove("w1")
    assert watches.due(200.0) == []
    assert len(watches) == 0


values = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3) | st.floats(allow_nan=True), min_size=3)


@given(st.lists(values, min_size=1, max_size=10))
def test_whoever_adds_up_the_events_has_the_last_values(series):
    watches, poll = watched("a", "b", "c")
    state = {}
    for second, now_there in enumerate(series, 1):
        for content in tell(watches, poll, **now_there):
            state |= content["values"]
        assert all(state[tag] == v or (state[tag] != state[tag] and v != v) for tag, v in now_there.items())
        (poll,) = watches.due(100.2 + second)
