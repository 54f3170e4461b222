"""What is known of holes, put together from several tellers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.learned import Learned, forms_of, holes_of
from plcmq.devices.planning.reads import Hole

holes = st.frozensets(
    st.builds(Hole, st.sampled_from(Table), st.integers(0, 99), st.integers(1, 99), st.booleans()), max_size=5
)
here = st.builds(Learned, st.just(1), st.just("plc:502/1"), st.integers(0, 2), holes)


@given(holes)
def test_holes_survive_as_plain_data(some):
    assert holes_of(forms_of(some)) == some


@given(here, here)
def test_the_order_of_telling_does_not_matter(one, other):
    assert one.joined(other) == other.joined(one)


@given(here, here)
def test_the_later_epoch_alone_counts(one, other):
    joined = one.joined(other)
    assert joined.epoch == max(one.epoch, other.epoch)
    assert joined.holes == frozenset().union(*(k.holes for k in (one, other) if k.epoch == joined.epoch))


@given(here, holes)
def test_what_is_gone_is_a_hole_no_more(one, gone):
    after = one.joined(Learned(one.device, one.place, one.epoch, gone=gone))
    assert after.holes == one.holes - gone
    assert after.gone == frozenset(), "it is told once, and not kept"


@given(here, holes)
def test_what_is_told_of_another_place_replaces(one, some):
    moved = Learned(1, "plc:502/2", 0, some)
    assert one.joined(moved) == moved


@pytest.mark.parametrize("forms", [None, {}, [1], [["holding", True, 1, False]], [["holding", 0, 0, False]]])
def test_what_is_no_hole_is_refused(forms):
    with pytest.raises(ValueError, match="hole"):
        holes_of(forms)
