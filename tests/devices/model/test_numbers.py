"""Every type in every order, bit for bit, against `int.from_bytes` and `struct`."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.devices.model.codec import TagCodec
from plcmq.devices.model.numbers import RANGES, WORDS, UndecodableValue, as_raw, sunspec_no_value
from plcmq.devices.model.tags import Access, Order, Table, Tag, Type

LETTERS = "ABCDEFGH"


def tag(kind, **more):
    return Tag("t", Table.HOLDING, 0, kind, Access.RW, **more)


def canonical(wire, order):
    """The bytes, highest first, of what lies on the wire in an order of letters."""
    return bytes(wire[order.index(letter)] for letter in LETTERS[: len(order)])


def expected(kind, data):
    """What canonical bytes mean, by an oracle of the tests' own."""
    number = int.from_bytes(data)
    match kind:
        case Type.INT16 | Type.INT32 | Type.INT48 | Type.INT64:
            return int.from_bytes(data, signed=True)
        case Type.INT24:
            return int.from_bytes(data[-3:], signed=True)
        case Type.UINT24:
            return int.from_bytes(data[-3:])
        case Type.FLOAT32 | Type.FLOAT64:
            return struct.unpack(">f" if kind is Type.FLOAT32 else ">d", data)[0]
        case Type.BCD16 | Type.BCD32:
            return int(data.hex()) if data.hex().isdecimal() else None
        case Type.SM16 | Type.SM32:
            bits = f"{number:0{8 * len(data)}b}"
            return int(bits[1:], 2) * (-1 if bits[0] == "1" else 1)
        case Type.MOD10K32 | Type.MOD10K48 | Type.MOD10K64:
            words = struct.unpack(f">{len(data) // 2}H", data)
            return int("".join(f"{word:04}" for word in words)) if max(words) < 10_000 else None
        case Type.BOOL:
            return number != 0
    return number


WHOLE = [kind for kind in Type if kind not in (Type.STRING, Type.INT8, Type.UINT8)]


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(WHOLE))
    size = 2 * WORDS[kind]
    order = "".join(draw(st.permutations(LETTERS[:size])))
    words = st.integers(0, 9999) if kind.value.startswith("mod") else st.integers(0, 0xFFFF)
    data = b"".join(
        word.to_bytes(2) for word in draw(st.lists(words, min_size=size // 2, max_size=size // 2))
    )
    return kind, order, data


@settings(max_examples=1000, deadline=None)
@given(cases())
def test_reading_agrees_with_the_oracle_in_any_order(case):
    kind, order, data = case
    wire = bytearray(len(data))
    for byte, letter in zip(data, LETTERS, strict=False):
        wire[order.index(letter)] = byte
    assert canonical(bytes(wire), order) == data
    codec, wanted = TagCodec(tag(kind, order=order)), expected(kind, data)
    if wanted is None:
        with pytest.raises(UndecodableValue):
            codec.decode(bytes(wire), 0)
        return
    value = codec.decode(b"\0\0" + bytes(wire), 1)
    assert value == wanted or (math.isnan(value) and math.isnan(wanted))
    assert type(value) is type(wanted)


@settings(max_examples=1000, deadline=None)
@given(cases())
def test_what_is_written_is_read_again_and_lies_as_the_oracle_says(case):
    kind, order, data = case
    value = expected(kind, data)
    if value is None or value != value:
        return
    wire = TagCodec(tag(kind, order=order)).encode(value)
    assert expected(kind, canonical(wire, order)) == value
    assert TagCodec(tag(kind, order=order)).decode(wire, 0) == value


@given(
    st.sampled_from([kind for kind in WHOLE if WORDS[kind] > 1]),
    st.sampled_from(Order),
    st.sampled_from(Order),
    st.binary(min_size=8, max_size=8),
)
def test_letters_and_the_two_orders_are_two_writings_of_the_same(kind, words, bytes_, data):
    pairs = [LETTERS[at : at + 2] for at in range(0, 2 * WORDS[kind], 2)]
    pairs = pairs if words is Order.BIG else pairs[::-1]
    order = "".join(pair if bytes_ is Order.BIG else pair[::-1] for pair in pairs)
    results = []
    for form in ({"order": order}, {"word_order": words, "byte_order": bytes_}):
        try:
            results.append(repr(TagCodec(tag(kind, **form)).decode(data, 0)))
        except UndecodableValue:
            results.append("none")
    assert results[0] == results[1]


@given(st.integers(0, 0xFFFF), st.integers(0, 15), st.integers(0, 15), st.sampled_from(Order))
def test_bits_are_a_number_of_their_own_and_leave_the_others_alone(word, one, other, byte_order):
    low, high = sorted((one, other))
    codec = TagCodec(tag(Type.UINT16, bits=(low, high), byte_order=byte_order))
    order = "big" if byte_order is Order.BIG else "little"
    wire = word.to_bytes(2, order)
    most = (1 << (high - low + 1)) - 1
    assert codec.decode(wire, 0) == word >> low & most
    for raw in (0, most, most // 3):
        keep, put = codec.masks(raw)
        after = (int.from_bytes(wire) & keep | put & ~keep & 0xFFFF).to_bytes(2)
        wanted = word & ~(most << low) | raw << low
        assert after == wanted.to_bytes(2, order)


@given(st.integers(0, 0xFFFF), st.sampled_from(["high", "low"]), st.sampled_from([Type.INT8, Type.UINT8]))
def test_a_byte_is_one_half_of_its_register(word, byte, kind):
    codec = TagCodec(tag(kind, byte=byte))
    data = word.to_bytes(2)
    half = data[:1] if byte == "high" else data[1:]
    assert codec.decode(data, 0) == int.from_bytes(half, signed=kind is Type.INT8)
    keep, put = codec.masks(-1 if kind is Type.INT8 else 255)
    after = (word & keep | put).to_bytes(2)
    assert after == (b"\xff" + data[1:] if byte == "high" else data[:1] + b"\xff")


@given(st.integers(0, 0xFFFFFFFF))
def test_flags_are_the_names_of_the_bits_that_are_set(number):
    codec = TagCodec(tag(Type.UINT32, flags={0: "hot", 31: "door"}))
    value = codec.decode(number.to_bytes(4), 0)
    names = {0: "hot", 31: "door"}
    assert value == [names.get(bit, f"bit{bit}") for bit in range(32) if number >> bit & 1]
    assert codec.encode(value) == number.to_bytes(4)


@pytest.mark.parametrize(
    ("kind", "written", "raw"),
    [
        (Type.INT16, 0x8000, -32768),
        (Type.INT16, -1, -1),
        (Type.UINT16, 0xFFFF, 65535),
        (Type.INT32, 2**31, -(2**31)),
    ],
)
def test_a_raw_number_is_meant_as_it_lies_in_the_register(kind, written, raw):
    assert as_raw(tag(kind), written) == raw


def test_a_raw_number_that_no_register_holds_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        as_raw(tag(Type.UINT16), 65536)


@pytest.mark.parametrize("kind", [Type.INT16, Type.UINT16, Type.INT32, Type.UINT32, Type.INT64, Type.UINT64])
def test_sunspecs_numbers_for_none(kind):
    low, high = RANGES[kind]
    assert sunspec_no_value(kind) == (low or high)


@pytest.mark.parametrize("kind", [Type.FLOAT32, Type.STRING, Type.BOOL, Type.BCD16, Type.SM16])
def test_other_types_have_none(kind):
    assert sunspec_no_value(kind) is None
