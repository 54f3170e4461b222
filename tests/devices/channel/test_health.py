"""When an endpoint is up or down, and when it is tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.devices.channel.health import FIRST_DELAY, Health
from plcmq.devices.model.devices import State


def health(*, backoff_max: float = 10.0, several: bool = False) -> Health:
    one = Health("plc:502", backoff_max=backoff_max, jitter=lambda: 1.0)
    one.several = several
    one.demand()
    return one


def up(**kwargs: bool) -> Health:
    one = health(**kwargs)
    one.connected()
    one.ready()
    return one


def test_a_refused_connection_means_down_at_once() -> None:
    one = health()
    one.attempt(5.0)
    one.connect_failed(5.0, "cannot connect to plc:502 (refused)")
    assert one.state is State.DOWN
    refusal = one.refusal(5.1, None)
    assert refusal is not None
    assert refusal.reason == "cannot connect to plc:502 (refused)"
    assert refusal.retry_after == pytest.approx(FIRST_DELAY - 0.1)


def test_the_delay_doubles_up_to_its_limit_and_counts_from_the_start_of_a_try() -> None:
    one, now, delays = health(backoff_max=10.0), 0.0, []
    for _ in range(7):
        one.attempt(now)
        one.connect_failed(now + 0.25, "refused")
        delays.append(one.retry_at - now)
        now = one.retry_at
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_an_accepted_connection_does_not_reset_the_delay_and_a_good_reply_does() -> None:
    one = health()
    for _ in range(3):
        one.attempt(0.0)
        one.connect_failed(0.0, "refused")
    one.attempt(2.0)
    one.connected()
    one.probe_missed(3.0, 1.0)
    assert one.retry_at == 2.0 + 4.0
    one.answered(1)
    assert one.state is State.UP
    one.connect_failed(7.0, "refused")
    one.attempt(7.0)
    assert one.state is State.DOWN
    assert one.retry_at <= 7.0 + FIRST_DELAY


def test_one_timeout_replaces_the_connection_and_a_second_in_a_row_means_down() -> None:
    one = up()
    one.answered(1)
    assert one.missed(1.0, 1, 1.0) is True
    assert one.state is State.CONNECTING
    one.connected()
    one.ready()
    assert one.missed(2.0, 1, 1.0) is False
    assert one.state is State.DOWN
    assert "does not answer" in one.reason


def test_while_down_a_connection_is_tried_twice_before_it_is_replaced() -> None:
    one = up()
    one.missed(1.0, 1, 1.0)
    one.connected()
    one.ready()
    one.missed(2.0, 1, 1.0)
    assert one.probe_missed(3.0, 1.0) is True
    one.connected()
    assert one.probe_missed(5.0, 1.0) is False
    assert one.probe_missed(8.0, 1.0) is True


def test_a_good_reply_between_two_timeouts_forgives_the_first() -> None:
    one = up()
    for _ in range(3):
        assert one.missed(1.0, 1, 1.0) is True
        one.connected()
        one.ready()
        one.answered(1)
    assert one.state is State.UP


def test_a_connection_that_worked_is_opened_again_at_once() -> None:
    one = up()
    one.answered(1)
    one.lost(9.0, "the device closed the connection", used=True, age=8.0)
    assert one.state is State.CONNECTING


def test_a_device_that_closes_each_new_connection_is_down_with_that_reason() -> None:
    one = up()
    one.lost(0.0, "the device closed the connection", used=False, age=0.0)
    assert one.state is State.CONNECTING
    one.connected()
    one.ready()
    one.lost(0.1, "the device closed the connection", used=False, age=0.0)
    assert one.state is State.DOWN
    assert one.reason == "plc:502: the device closes each new connection (connection limit reached?)"


def test_a_device_that_closes_an_unused_connection_later_is_left_alone_until_wanted() -> None:
    one = up()
    one.lost(5.0, "the device closed the connection", used=False, age=5.0)
    assert one.state is State.IDLE
    assert one.refusal(5.0, None) is None
    one.demand()
    assert one.state is State.CONNECTING


def test_a_silent_unit_is_down_by_itself() -> None:
    one = up(several=True)
    for now in (1.0, 2.0):
        assert one.missed(now, 2, 1.0) is False
        one.answered(1)
    assert one.state is State.UP
    assert one.standing(1) == (State.UP, "")
    assert one.standing(2) == (State.DOWN, "plc:502: unit 2 does not answer")
    assert one.refusal(2.0, 1) is None
    assert one.refusal(2.0, 2) is not None


def test_a_silent_unit_costs_the_others_at_most_a_twentieth() -> None:
    one = up(several=True)
    one.missed(1.0, 2, 1.0)
    one.missed(2.0, 2, 1.0)
    assert one.next_unit() == (22.0, 2)
    one.unit_attempt(22.0, 2, 1.0)
    assert one.next_unit() == (42.0, 2)
    one.answered(2)
    assert one.next_unit() is None
    assert one.standing(2) == (State.UP, "")


def test_a_gateways_exception_11_is_the_units_fault_and_not_the_links() -> None:
    one = up(several=True)
    for now in range(10):
        one.unit_unreachable(float(now), 2, 1.0)
    assert one.state is State.UP
    assert one.standing(2)[0] is State.DOWN
    assert one.standing(1)[0] is State.UP


def test_if_no_unit_answers_it_is_the_connection() -> None:
    one = up(several=True)
    assert one.missed(1.0, 1, 1.0) is False
    assert one.missed(2.0, 2, 1.0) is False
    assert one.missed(3.0, 3, 1.0) is True
    assert one.state is State.CONNECTING


def fail(one: Health, now: float, unit: int, used: bool) -> None:
    one.attempt(now)
    one.connect_failed(now, "refused")


def connect(one: Health, now: float, unit: int, used: bool) -> None:
    one.attempt(now)
    one.connected()
    one.ready()


def probe(one: Health, now: float, unit: int, used: bool) -> None:
    if one.is_down:
        one.attempt(now)
        one.probe_missed(now, 1.0)


EVENTS = (
    fail,
    connect,
    probe,
    lambda one, _now, unit, _used: one.answered(unit),
    lambda one, now, unit, _used: one.missed(now, unit, 1.0),
    lambda one, now, _unit, used: one.lost(now, "the device closed the connection", used=used, age=now % 1),
    lambda one, _now, _unit, _used: one.rest("quiet"),
    lambda one, _now, _unit, _used: one.demand(),
    lambda one, now, unit, _used: one.unit_unreachable(now, unit, 1.0),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(1, 3), st.booleans(), st.integers(0, 50)), max_size=40
    ),
    st.booleans(),
)
def test_after_any_history_delays_are_bounded_and_a_good_reply_heals(
    events: list[tuple[Callable[[Health, float, int, bool], object], int, bool, int]], several: bool
) -> None:
    one, now = health(several=several), 0.0
    for event, unit, used, passed in events:
        now += passed / 10
        event(one, now, unit, used)
        refusal = one.refusal(now, unit)
        assert refusal is None or 0.0 <= refusal.retry_after <= 20.001
        assert (one.standing(None)[0] is State.DOWN) == one.is_down
        assert not one.is_down or (one.reason and one.retry_at <= now + 10.001)
    one.connected()
    one.answered(1)
    assert one.refusal(now, 1) is None
