"""The raw side of a tag; `test_codec` covers it through its values."""

import pytest
from plcmq.devices.model.layout import layout_of, swap_bytes
from plcmq.devices.model.numbers import from_bcd, to_bcd
from plcmq.devices.model.tags import Table, Tag, Type


def test_swapping_bytes_twice_changes_nothing():
    assert swap_bytes(b"abcd") == b"badc"
    assert swap_bytes(swap_bytes(b"abcd")) == b"abcd"


def test_bcd_digits_read_as_they_look():
    assert from_bcd(0x1234) == 1234
    assert to_bcd(1234) == 0x1234
    with pytest.raises(ValueError, match="f"):
        from_bcd(0xF)


@pytest.mark.parametrize(
    ("settings", "width"),
    [
        ({"type": Type.BOOL}, 1),
        ({"type": Type.INT16, "count": 5}, 5),
        ({"type": Type.FLOAT64, "count": 2}, 8),
        ({"type": Type.STRING, "length": 5, "count": 2}, 6),
        ({"type": Type.BCD32}, 2),
    ],
)
def test_a_width_is_counted_in_registers(settings, width):
    assert layout_of(Tag("t", Table.HOLDING, 0, **settings)).width == width
