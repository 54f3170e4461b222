"""Blocks: what one reply says of all its tags is what each tag's own codec says."""

import struct

from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.codec import TagCodec
from plcmq.devices.model.numbers import UndecodableValue
from plcmq.devices.model.tags import Order, Table, Tag, Type
from plcmq.devices.planning.block import Block
from plcmq.devices.planning.reads import Span, Want

NUMBERS = (Type.INT16, Type.UINT16, Type.INT32, Type.UINT32, Type.INT64, Type.FLOAT32, Type.FLOAT64)


@st.composite
def tags(draw):
    """Tags of every kind at any place of sixteen registers, so that they also overlap."""
    found = {}
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from([*NUMBERS, Type.BCD16, Type.BOOL, Type.STRING]))
        more = {"word_order": draw(st.sampled_from(Order)), "byte_order": draw(st.sampled_from(Order))}
        if kind is Type.BOOL:
            more["bit"] = draw(st.integers(0, 15))
        elif kind is Type.STRING:
            more["length"] = draw(st.integers(1, 6))
        elif draw(st.booleans()):
            more["count"] = draw(st.integers(1, 3))
        if kind in NUMBERS and draw(st.booleans()):
            more["scale"] = draw(st.sampled_from([0.1, 2.5, -1.0]))
        if kind is Type.INT16 and draw(st.booleans()):
            more["enum"] = {0: "off", 1: "on"}
        name = f"t{number}"
        found[name] = Tag(name, Table.HOLDING, 100 + draw(st.integers(0, 15)), kind, **more)
    return found


def block_of(tags):
    codecs = {name: TagCodec(tag) for name, tag in tags.items()}
    wants = [Want(name, codec.tag.table, codec.tag.address, codec.width) for name, codec in codecs.items()]
    first = min(want.address for want in wants)
    end = max(want.address + want.width for want in wants)
    return Block(Span(Table.HOLDING, first, end - first, tuple(wants)), codecs), codecs, first


def alone(codec, data, position):
    try:
        return codec.decode(data, position)
    except UndecodableValue:
        return None


@given(tags(), st.randoms(use_true_random=False))
def test_a_block_says_what_each_codec_says(tags, dice):
    block, codecs, first = block_of(tags)
    data = dice.randbytes(2 * block.span.count)
    values, errors = block.decode(data)
    assert block.names == values.keys() | errors.keys() == tags.keys()
    expected = {name: alone(codec, data, codec.tag.address - first) for name, codec in codecs.items()}
    assert repr({name: values.get(name) for name in expected}) == repr(
        expected
    )  # by repr, for NaN is not NaN


def test_numbers_in_a_row_are_unpacked_together_with_the_gaps_left_out():
    tags = {f"t{n}": Tag(f"t{n}", Table.HOLDING, 3 * n, Type.FLOAT32) for n in range(5)}
    block, _codecs, _first = block_of(tags)
    data = b"".join(struct.pack(">f", n + 0.5) + b"\xff\xff" for n in range(5))
    assert block.decode(data) == ({f"t{n}": n + 0.5 for n in range(5)}, {})
    assert (block.request.function, block.span.count) == (3, 14)
