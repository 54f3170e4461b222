"""No verdict about a register is for good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.known_holes import (
    FIRST_GAP_PAUSE,
    FIRST_PAUSE,
    LONGEST_GAP_PAUSE,
    LONGEST_PAUSE,
    KnownHoles,
)
from plcmq.devices.planning.reads import Hole, Span, Want

H = Table.HOLDING
HOLE, GAP = Hole(H, 5, 2), Hole(H, 8, 4, gap=True)
VALUE = Want("a", H, 5, 2)


def span(address, count):
    return Span(H, address, count, (Want("x", H, address, count),))


def test_a_refused_value_is_asked_again_after_pauses_that_grow_to_ten_minutes():
    holes, now, pauses = KnownHoles(), 0.0, []
    for _ in range(10):
        holes.learn([HOLE], now)
        pauses.append(holes.ask_at(VALUE) - now)
        now = holes.ask_at(VALUE)
    assert pauses[:4] == [FIRST_PAUSE, 10, 20, 40]
    assert pauses[-1] == LONGEST_PAUSE == 600


def test_a_value_that_has_been_read_before_is_asked_again_at_once():
    holes = KnownHoles()
    assert holes.learn([HOLE], 10.0, doubted=True) == {HOLE}
    assert holes.ask_at(VALUE) == 10.0
    assert holes.learn([HOLE], 11.0, doubted=True) == frozenset()
    assert holes.ask_at(VALUE) == 11.0 + FIRST_PAUSE


def test_what_is_known_from_earlier_is_asked_at_once():
    assert KnownHoles([HOLE], 7.0).ask_at(VALUE) == 7.0


def test_after_a_reconnect_everything_is_asked_at_once():
    holes = KnownHoles()
    for at in range(3):
        holes.learn([HOLE], float(at))
    holes.reconnected(3.0)
    assert holes.ask_at(VALUE) == 3.0
    holes.learn([HOLE], 3.0)
    assert holes.ask_at(VALUE) == 3.0 + FIRST_PAUSE


def test_a_value_that_is_read_is_no_hole_any_more():
    holes = KnownHoles([HOLE, GAP])
    assert holes.read(span(6, 2)) == frozenset(), "only a part of it was read"
    assert holes.read(span(4, 20)) == {HOLE}
    assert set(holes) == {GAP}


@pytest.mark.parametrize(("want", "at"), [(VALUE, 5.0), (Want("b", H, 4, 8), 5.0), (Want("c", H, 5, 1), 0.0)])
def test_a_value_is_asked_again_when_all_holes_in_it_are(want, at):
    holes = KnownHoles()
    holes.learn([HOLE, GAP], 0.0)
    assert holes.ask_at(want) == at


def test_a_gap_is_forgotten_after_a_time_that_grows_when_it_comes_back():
    holes, now, pauses = KnownHoles(), 0.0, []
    for _ in range(10):
        holes.learn([GAP], now)
        pauses.append(holes.next_gap() - now)
        now = holes.next_gap()
        assert holes.forget_gaps(now) == {GAP}
    assert pauses[:3] == [FIRST_GAP_PAUSE, 2 * FIRST_GAP_PAUSE, 4 * FIRST_GAP_PAUSE]
    assert pauses[-1] == LONGEST_GAP_PAUSE


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=30))
def test_whatever_happens_a_hole_is_asked_again_within_ten_minutes(events):
    holes, now = KnownHoles(), 0.0
    for doubted, pause in events:
        now += pause
        holes.learn([HOLE], now, doubted=doubted)
        assert now <= holes.ask_at(VALUE) <= now + LONGEST_PAUSE
