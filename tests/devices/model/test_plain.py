"""What code gives us: what passes can be encoded and sent, and what cannot be is refused."""

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.bodies import Codec, decode, encode
from plcmq.devices.model.plain import plain_text, sendable
from plcmq.devices.protocol.messages import Done
from plcmq.devices.protocol.wire import pack, unpack

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**65), 2**65), st.floats(allow_nan=False), st.binary(max_size=2)
) | st.text(st.characters(codec=None), max_size=4)
NAMES = st.text(st.characters(codec=None), max_size=3) | st.integers()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3).map(MappingProxyType)
    ),
)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_is_not_refused_can_be_encoded_and_passes_between_host_and_broker(content):
    try:
        told = sendable(content)
    except TypeError:
        return
    assert decode(encode(Codec.MSGPACK, told)) == told
    encode(Codec.JSON, told)
    assert unpack(pack([Done(1, told)])) == [Done(1, told)]


@pytest.mark.parametrize("bad", [2**64, -(2**63) - 1, "\ud800", b"x", {1}, {1: 2}, {"\udc00": 1}, object()])
def test_what_a_codec_has_no_words_for_is_refused(bad):
    for content in ({"x": bad}, {"x": [bad]}, {"x": {"y": (bad,)}}):
        with pytest.raises(TypeError):
            sendable(content)


@pytest.mark.parametrize("wrap", [lambda inner: {"d": inner}, lambda inner: {"d": [inner]}])
def test_endless_nesting_is_refused(wrap):
    deep = {}
    for _ in range(40):
        deep = wrap(deep)
    with pytest.raises(TypeError, match="deep"):
        sendable(deep)


def test_it_is_a_copy():
    content = {"row": [1, 2], "map": {"a": 1}}
    told = sendable(content)
    content["row"].append(3)
    content["map"]["b"] = 2
    assert told == {"row": [1, 2], "map": {"a": 1}}


def test_text_that_is_none_becomes_readable():
    assert plain_text("a\ud800é") == "a?é"
