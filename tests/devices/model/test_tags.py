"""Tables and tags."""

import pytest
from plcmq.devices.model.tags import Table, Tag, Type


@pytest.mark.parametrize(
    ("table", "bits", "writable"),
    [
        (Table.COIL, True, True),
        (Table.DISCRETE, True, False),
        (Table.INPUT, False, False),
        (Table.HOLDING, False, True),
    ],
)
def test_tables_hold_bits_or_registers_and_only_two_can_be_written(table, bits, writable):
    assert (table.is_bits, table.is_writable) == (bits, writable)


@pytest.mark.parametrize(("change", "scaled"), [({}, False), ({"scale": 0.1}, True), ({"offset": 1.0}, True)])
def test_a_tag_is_scaled_where_raw_and_value_differ(change, scaled):
    assert Tag("a", Table.HOLDING, 0, Type.INT16, **change).is_scaled is scaled
