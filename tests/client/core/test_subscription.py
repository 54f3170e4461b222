"""What a watch asks, when, and what its consumer gets to see."""

from __future__ import annotations

import math

import pytest
from plcmq.client.core.subscription import FIRST_DELAY, Ask, Sleep, WatchEvent, Watching, watch_args
from plcmq.client.protocol.errors import Code, PlcmqError, Rejected, failure
from plcmq.client.protocol.replies import Reply

DOWN = failure(Code.DEVICE_DOWN, "no connection").to_map()
ARGS = watch_args(["a", "b"], 0.5, None, 30.0)


def granted(watch: str = "w1") -> Reply:
    return Reply(result={"watch": watch, "ttl": 30.0})


def refused(code: Code, **details: float) -> Reply:
    return Reply(error=failure(code, "no", details=details))


@pytest.fixture
def watching() -> Watching:
    """One that the other side has taken at 0."""
    watching = Watching(ARGS, dice=lambda: 0.0)
    assert watching.step(0.0) == Ask(ARGS, is_new=True)
    watching.replied(granted(), 0.0)
    return watching


def taken(watching: Watching, now: float) -> WatchEvent:
    event = watching.step(now)
    assert isinstance(event, WatchEvent)
    return event


def test_the_arguments_are_those_of_the_protocol() -> None:
    assert watch_args("a", None, {"a": 2}, 9.0) == {"tags": ["a"], "deadband": {"a": 2}, "ttl": 9.0}
    assert ARGS == {"tags": ["a", "b"], "interval": 0.5, "ttl": 30.0}


def test_while_it_waits_for_the_answer_it_asks_nothing_more() -> None:
    watching = Watching(ARGS)
    watching.step(0.0)
    assert watching.step(1000.0) == Sleep(math.inf)


def test_an_event_is_told_once(watching: Watching) -> None:
    watching.heard({"values": {"a": 1}, "age": {"a": 0.1}, "errors": {"b": DOWN}, "overruns": 2}, 1.0)
    event = taken(watching, 1.0)
    assert (event.values, event.age, event.overruns, event.restarted) == ({"a": 1}, {"a": 0.1}, 2, False)
    assert event.errors["b"].code is Code.DEVICE_DOWN
    assert watching.step(1.0) == Sleep(10.0)


def test_a_slow_consumer_finds_the_newest_of_everything_in_one_event(watching: Watching) -> None:
    for value in range(1000):
        watching.heard({"values": {"a": value}, "age": {"a": 0.0}, "overruns": 1}, 1.0)
    watching.heard({"values": {"b": 7}, "age": {"b": 0.0}}, 1.0)
    watching.heard({"values": {}, "age": {}, "errors": {"a": DOWN}}, 1.0)
    event = taken(watching, 2.0)
    assert (event.values, event.age, event.overruns) == ({"b": 7}, {"b": 0.0}, 1000)
    assert list(event.errors) == ["a"]
    assert isinstance(watching.step(2.0), Sleep)


def test_it_renews_at_a_third_of_its_time(watching: Watching) -> None:
    assert watching.step(9.9) == Sleep(10.0)
    assert watching.step(10.0) == Ask({"watch": "w1"}, is_new=False)
    watching.replied(granted(), 10.1)
    assert watching.step(10.1) == Sleep(20.1)


def test_a_watch_that_cannot_be_renewed_is_asked_for_anew_at_once(watching: Watching) -> None:
    watching.heard({"values": {"a": 1}}, 0.0)
    taken(watching, 0.0)
    watching.step(10.0)
    watching.replied(refused(Code.BAD_ARGS), 10.1)
    assert watching.step(10.1) == Ask(ARGS, is_new=True)
    watching.replied(granted("w2"), 10.2)
    watching.heard({"values": {"a": 1}}, 10.3)
    assert taken(watching, 10.3).restarted
    watching.heard({"values": {"a": 2}}, 10.4)
    assert not taken(watching, 10.4).restarted


def test_a_watch_that_ended_before_its_reply_was_dealt_with_is_asked_for_again() -> None:
    watching = Watching(ARGS, dice=lambda: 0.0)
    watching.step(0.0)
    watching.heard({"ended": "the connection to the broker was lost"}, 1.0)
    watching.replied(granted(), 1.0)
    assert watching.watch_id is None
    assert watching.step(1.0) == Sleep(1.0 + FIRST_DELAY)
    assert watching.step(1.0 + FIRST_DELAY) == Ask(ARGS, is_new=True)
    watching.replied(granted("w2"), 1.2)
    assert watching.watch_id == "w2"


def test_a_watch_ends_only_once(watching: Watching) -> None:
    for _ in range(2):
        watching.heard({"ended": "the connection to the broker was lost"}, 5.0)
    assert watching.step(5.0) == Sleep(5.0 + FIRST_DELAY)


def test_a_watch_that_has_ended_is_asked_for_again_with_growing_pauses(watching: Watching) -> None:
    watching.heard({"ended": "its device host was lost"}, 5.0)
    now, pauses = 5.0, []
    for _ in range(10):
        sleep = watching.step(now)
        if isinstance(sleep, WatchEvent):
            sleep = watching.step(now)
        assert isinstance(sleep, Sleep)
        pauses.append(sleep.until - now)
        now = sleep.until
        assert watching.step(now) == Ask(ARGS, is_new=True)
        watching.replied(refused(Code.NO_HOST), now)
    assert pauses == pytest.approx([FIRST_DELAY, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0])


def test_that_it_cannot_be_watched_is_told_once_as_the_error_of_each_tag(watching: Watching) -> None:
    watching.heard({"values": {"a": 1, "b": 2}}, 0.0)
    taken(watching, 0.0)
    watching.heard({"ended": "gone"}, 1.0)
    watching.step(2.0)
    watching.replied(refused(Code.NO_HOST, retry_after=3.0), 2.0)
    event = taken(watching, 2.0)
    assert {tag: error.code for tag, error in event.errors.items()} == dict.fromkeys("ab", Code.NO_HOST)
    assert watching.step(2.0) == Sleep(5.0)
    watching.step(5.0)
    watching.replied(refused(Code.NO_HOST), 5.0)
    assert isinstance(watching.step(5.0), Sleep)


@pytest.mark.parametrize("code", [Code.UNKNOWN_TAG, Code.BAD_ARGS, Code.FORBIDDEN])
def test_what_cannot_get_better_is_raised(code: Code) -> None:
    watching = Watching(ARGS)
    watching.step(0.0)
    watching.replied(refused(code), 0.1)
    with pytest.raises(Rejected):
        watching.step(0.1)


def test_two_events_say_of_a_tag_what_the_later_one_says() -> None:
    error = PlcmqError.from_map(DOWN)
    earlier = WatchEvent({"a": 1, "b": 1}, {"a": 0.1}, {"c": error}, 1, restarted=True)
    later = WatchEvent({"c": 3}, {"c": 0.3}, {"a": error}, 2)
    assert earlier.followed_by(later) == WatchEvent(
        {"b": 1, "c": 3}, {"c": 0.3}, {"a": error}, 3, restarted=True
    )
