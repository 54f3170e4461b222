"""When two values are the same to the device."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.comparison import matches
from plcmq.devices.model.tags import Table, Tag, Type


def tag(kind, **settings):
    return Tag("t", Table.HOLDING, 0, kind, **settings)


STATE = tag(Type.UINT16, enum={0: "idle", 2: "fault"})


@pytest.mark.parametrize(
    ("actual", "expected", "of", "same"),
    [
        (True, True, None, True),
        (True, False, None, False),
        (1, True, None, True),
        (5, 5.0, None, True),
        ("idle", "idle", None, True),
        ("idle", "fault", None, False),
        ("idle", 0, None, False),
        ("idle", 0, STATE, True),
        (2, "fault", STATE, True),
        (7, 7, STATE, True),
        (7, "fault", STATE, False),
        (0.10000000149011612, 0.1, None, True),
        (0.10000000149011612, 0.1, tag(Type.FLOAT32), True),
        (0.10000000149011612, 0.1, tag(Type.FLOAT64), False),
        (0.1 + 0.2, 0.3, tag(Type.FLOAT64), True),
        (23.5, 23.46, tag(Type.INT16, scale=0.1), True),
        (23.5, 23.4, tag(Type.INT16, scale=0.1), False),
        (2**53 + 1, 2**53, tag(Type.UINT64), False),
        ([1, 2], [1, 2], None, True),
        ([1, 2], [1, 3], None, False),
        ([1, 2], [1], None, False),
        ([1], 1, None, False),
        (["idle"], [0], STATE, True),
        (None, None, None, True),
        (math.nan, None, None, True),
        (None, 0, None, False),
        (math.inf, math.inf, None, True),
        (math.inf, 1.0, None, False),
    ],
)
def test_values_are_the_same_if_the_device_could_not_tell_them_apart(actual, expected, of, same):
    assert matches(actual, expected, of) is same


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))
values = st.one_of(scalars, st.lists(scalars, max_size=3))


@given(values, st.sampled_from([None, STATE, tag(Type.FLOAT32), tag(Type.INT16, scale=0.1)]))
def test_every_value_is_the_same_as_itself(value, of):
    assert matches(value, value, of)


@given(values, values, st.sampled_from([None, STATE, tag(Type.INT16, scale=0.1)]))
def test_comparing_never_fails_and_knows_no_side(one, other, of):
    assert matches(one, other, of) is matches(other, one, of)
