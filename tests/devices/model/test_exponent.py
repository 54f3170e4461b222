"""A power of ten from another register, exact where that is possible."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Rejected
from plcmq.devices.model.codec import TagCodec
from plcmq.devices.model.exponent import scaled, unscaled
from plcmq.devices.model.tags import Access, Table, Tag, Type

POWER = Tag("power", Table.HOLDING, 0, Type.INT16, Access.RW, scale_exponent="sf", max=5000)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-10, 10))
def test_a_value_is_the_nearest_float_to_the_exact_one(raw, exponent):
    exact = raw * Fraction(10) ** exponent
    value = scaled(raw, exponent)
    assert value == (int(exact) if exponent >= 0 else float(exact))


@given(st.integers(-32768, 32767), st.integers(-10, 10))
def test_what_is_read_is_written_as_the_same_raw_number(raw, exponent):
    assert unscaled(scaled(raw, exponent), exponent, POWER) == raw


@pytest.mark.parametrize("exponent", [None, 31, -31, True, 1.0])
def test_without_a_sensible_exponent_there_is_no_value(exponent):
    assert scaled(5, exponent) is None


def test_elements_and_precision():
    assert scaled([123, None], -2, 1) == [1.2, None]


def test_limits_are_those_of_the_value_and_not_of_the_raw_number():
    codec = TagCodec(POWER)
    assert codec.encode_scaled(4000, 2) == (40).to_bytes(2)
    with pytest.raises(Rejected, match="above the maximum"):
        codec.encode_scaled(6000, 2)
    with pytest.raises(Rejected, match="while sf has no value"):
        codec.encode_scaled(4000, None)
    with pytest.raises(Rejected, match="does not fit"):
        codec.encode_scaled(4000, -2)
