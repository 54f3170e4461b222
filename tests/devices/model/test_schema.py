"""The JSON Schema of a value."""

from plcmq.devices.model.schema import value_schema
from plcmq.devices.model.tags import Access, Table, Tag, Type


def test_what_cannot_be_known_from_the_tag_alone_is_not_promised():
    schema = value_schema(Tag("t", Table.HOLDING, 0, Type.INT16, Access.RW, scale_exponent="sf", min=0))
    assert schema == {"type": "number", "minimum": 0}


def test_bits_have_the_range_of_their_number():
    schema = value_schema(Tag("t", Table.HOLDING, 0, Type.UINT16, bits=(4, 6)))
    assert schema == {"type": "integer", "minimum": 0, "maximum": 7}


def test_flags_are_a_list_of_names():
    schema = value_schema(Tag("t", Table.HOLDING, 0, Type.UINT16, flags={0: "hot"}))
    assert schema == {"type": "array", "items": {"type": "string"}}
