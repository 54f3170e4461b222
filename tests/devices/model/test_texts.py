"""Texts as devices hold them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Rejected
from plcmq.devices.model.codec import TagCodec
from plcmq.devices.model.tags import Access, Order, Table, Tag, Type


def codec(length=8, **more):
    return TagCodec(Tag("t", Table.HOLDING, 0, Type.STRING, Access.RW, length=length, **more))


@pytest.mark.parametrize(
    ("form", "text", "wire"),
    [
        ({}, "AB", b"AB\0\0\0\0\0\0"),
        ({"pad": " "}, "AB", b"AB      "),
        ({"encoding": "latin-1"}, "Süd", b"S\xfcd\0\0\0\0\0"),
        ({"encoding": "utf-16-be"}, "Sü", b"\0S\0\xfc\0\0\0\0"),
        ({"chars": "low", "length": 3}, "AB", b"\0A\0B\0\0"),
        ({"chars": "high", "length": 3}, "AB", b"A\0B\0\0\0"),
        ({"byte_order": Order.LITTLE, "length": 4}, "ABC", b"BA\0C"),
        ({"order": "BA", "length": 4}, "ABC", b"BA\0C"),
        ({"header": "s7", "length": 6}, "AB", b"\6\2AB\0\0\0\0"),
    ],
)
def test_a_text_lies_as_its_options_say(form, text, wire):
    one = codec(**{"length": 8, **form})
    assert one.encode(text) == wire
    assert one.decode(wire, 0) == text


def test_padding_is_cut_off_and_spaces_inside_stay():
    assert codec(pad=" ").decode(b"A B     ", 0) == "A B"


def test_the_current_length_of_a_header_says_where_a_text_ends():
    assert codec(length=6, header="s7").decode(b"\6\2ABCDEF", 0) == "AB"


def test_what_the_encoding_lacks_is_refused():
    with pytest.raises(Rejected, match="LATIN-1 has no bytes for"):
        codec(encoding="latin-1").encode("€")


@given(st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=8))
def test_any_latin_text_comes_back(text):
    assert codec(encoding="latin-1").decode(codec(encoding="latin-1").encode(text), 0) == text
