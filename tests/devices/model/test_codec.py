"""Values to bytes and back, against struct and pymodbus."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Rejected
from plcmq.devices.model.codec import TagCodec, UndecodableValue, codecs
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.schema import value_schema
from plcmq.devices.model.tags import Access, Order, Table, Tag, Type
from pymodbus.client.mixin import ModbusClientMixin

B, L = Order.BIG, Order.LITTLE
ORDERS = [(words, bytes_) for words in Order for bytes_ in Order]
INTEGERS = {
    Type.INT16: "h",
    Type.UINT16: "H",
    Type.INT32: "i",
    Type.UINT32: "I",
    Type.INT64: "q",
    Type.UINT64: "Q",
}
NUMBERS = INTEGERS | {Type.FLOAT32: "f", Type.FLOAT64: "d"}
LIMITS = {
    kind: (-(2 ** (8 * struct.calcsize(char) - 1)), 2 ** (8 * struct.calcsize(char) - 1) - 1)
    if char.islower()
    else (0, 2 ** (8 * struct.calcsize(char)) - 1)
    for kind, char in INTEGERS.items()
}

FEW = settings(max_examples=20)
"""For tests that run over many parameters anyway."""


def make(kind, table=Table.HOLDING, **settings):
    return TagCodec(Tag("t", table, 0, kind, **settings))


def refusal(codec, value):
    with pytest.raises(Rejected) as caught:
        codec.check(value)
    assert caught.value.code is Code.BAD_ARGS
    return caught.value


def on_wire(big_endian, word_order, byte_order):
    """An independent statement of the four orders: cut into words, turn them, turn their bytes."""
    words = [big_endian[at : at + 2] for at in range(0, len(big_endian), 2)]
    if word_order is L:
        words.reverse()
    return b"".join(word[::-1] if byte_order is L else word for word in words)


def values_of(kind):
    if kind in INTEGERS:
        low, high = LIMITS[kind]
        return st.integers(low, high)
    return st.floats(width=32 if kind is Type.FLOAT32 else 64, allow_nan=False)


@pytest.mark.parametrize(
    ("word_order", "byte_order", "wire"),
    [(B, B, "0a0b0c0d"), (L, B, "0c0d0a0b"), (B, L, "0b0a0d0c"), (L, L, "0d0c0b0a")],
)
def test_the_four_orders_are_abcd_cdab_badc_dcba(word_order, byte_order, wire):
    codec = make(Type.UINT32, word_order=word_order, byte_order=byte_order)
    assert codec.encode(0x0A0B0C0D) == bytes.fromhex(wire)
    assert codec.decode(bytes.fromhex(wire), 0) == 0x0A0B0C0D


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize(("word_order", "byte_order"), ORDERS)
@pytest.mark.parametrize("count", [None, 1, 3])
@FEW
@given(data=st.data())
def test_every_number_type_in_every_order_agrees_with_struct(kind, word_order, byte_order, count, data):
    codec = make(kind, word_order=word_order, byte_order=byte_order, count=count)
    values = data.draw(st.lists(values_of(kind), min_size=count or 1, max_size=count or 1))
    wire = b"".join(
        on_wire(struct.pack(f">{NUMBERS[kind]}", value), word_order, byte_order) for value in values
    )
    value = values[0] if count is None else values
    assert codec.width == len(wire) // 2
    assert codec.encode(value) == wire
    assert codec.decode(b"\xff" * 6 + wire + b"\xff" * 4, 3) == value


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("word_order", Order)
@FEW
@given(data=st.data())
def test_every_number_type_agrees_with_pymodbus(kind, word_order, data):
    codec = make(kind, word_order=word_order)
    oracle = ModbusClientMixin.DATATYPE[kind.name]
    value = data.draw(values_of(kind))
    registers = ModbusClientMixin.convert_to_registers(value, oracle, word_order.value)
    wire = struct.pack(f">{len(registers)}H", *registers)
    assert codec.encode(value) == wire
    expected = ModbusClientMixin.convert_from_registers(registers, oracle, word_order.value)
    assert codec.decode(wire, 0) == expected
    assert type(codec.decode(wire, 0)) is type(expected)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10))
def test_a_string_agrees_with_pymodbus(text):
    codec = make(Type.STRING, length=40)
    registers = ModbusClientMixin.convert_to_registers(text, ModbusClientMixin.DATATYPE.STRING)
    assert codec.encode(text) == struct.pack(f">{len(registers)}H", *registers).ljust(40, b"\0")
    assert codec.decode(codec.encode(text), 0) == text


@FEW
@given(st.lists(st.booleans(), min_size=16, max_size=16))
def test_bits_of_a_register_agree_with_pymodbus_which_counts_from_bit_8(bits):
    (register,) = ModbusClientMixin.convert_to_registers(list(bits), ModbusClientMixin.DATATYPE.BITS)
    wire = struct.pack(">H", register)
    assert [make(Type.BOOL, bit=n ^ 8).decode(wire, 0) for n in range(16)] == bits
    assert [make(Type.BOOL, bit=n).decode(wire, 0) for n in range(16)] == [
        register >> n & 1 == 1 for n in range(16)
    ]


@pytest.mark.parametrize("kind", [Type.FLOAT32, Type.FLOAT64])
def test_a_float_that_is_no_number_comes_and_goes_as_it_is(kind):
    codec = make(kind)
    assert math.isnan(codec.decode(codec.encode(math.nan), 0))
    assert codec.decode(codec.encode(-math.inf), 0) == -math.inf


def test_a_scaled_value_has_no_binary_noise():
    codec = make(Type.INT16, scale=0.1)
    assert codec.decode(struct.pack(">h", 235), 0) == 23.5
    assert codec.decode(struct.pack(">h", -3), 0) == -0.3


def test_a_scaled_value_is_a_float_even_where_it_is_whole():
    assert repr(make(Type.UINT16, scale=10).decode(b"\0\5", 0)) == "50.0"


def test_offset_is_added_after_scale():
    codec = make(Type.UINT16, scale=0.5, offset=-40)
    assert codec.decode(b"\0\x64", 0) == 10.0
    assert codec.encode(10) == b"\0\x64"


@given(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.1, 0.01, 0.001, 0.25, 2.5, 10.0, -0.1, 1e-6]),
    st.sampled_from([0.0, -40.0, 273.15, 0.05]),
)
def test_a_scaled_value_is_the_nearest_float_to_the_decimal_result(raw, scale, offset):
    codec = make(Type.INT64, scale=scale, offset=offset)
    digits = f"{scale:.10f}", f"{offset:.10f}"
    exact = raw * int(digits[0].replace(".", "")) + int(digits[1].replace(".", ""))
    assert codec.decode(struct.pack(">q", raw), 0) == exact / 10**10


@given(
    st.sampled_from([Type.INT16, Type.UINT16, Type.INT32, Type.UINT32]),
    st.sampled_from([0.1, 0.01, 0.3, 1 / 3, 2.5, 1e3, -0.1]),
    st.floats(-1e4, 1e4),
    st.data(),
)
def test_what_a_scaled_tag_reads_writes_the_same_registers(kind, scale, offset, data):
    codec = make(kind, scale=scale, offset=round(offset, 3))
    wire = struct.pack(f">{INTEGERS[kind]}", data.draw(values_of(kind)))
    assert codec.encode(codec.decode(wire, 0)) == wire


def test_a_scaled_value_is_rounded_to_the_nearest_raw_value():
    codec = make(Type.UINT16, scale=0.1)
    assert codec.encode(23.46) == codec.encode(23.5) == codec.encode(23.54) == b"\0\xeb"


def test_a_scaled_value_that_does_not_fit_is_refused():
    codec = make(Type.INT16, scale=0.1)
    assert codec.encode(3276.74) == b"\x7f\xff"
    error = refusal(codec, 3276.76)
    assert error.details == {"path": "rqargs.values.t"}
    assert "does not fit into int16" in error.message


def test_a_scaled_float_is_scaled_both_ways():
    codec = make(Type.FLOAT64, scale=2.0, offset=1.0)
    assert codec.decode(struct.pack(">d", 1.5), 0) == 4.0
    assert codec.encode(4.0) == struct.pack(">d", 1.5)


@pytest.mark.parametrize("scale", [0.0, math.nan, math.inf, 1e300])
def test_a_scale_that_cannot_work_is_refused_at_once(scale):
    with pytest.raises(ValueError, match="scale"):
        make(Type.UINT64, scale=scale)


@pytest.mark.parametrize("kind", INTEGERS)
def test_whole_numbers_are_held_to_their_range(kind):
    low, high = LIMITS[kind]
    codec = make(kind)
    assert codec.decode(codec.encode(low), 0) == low
    assert codec.decode(codec.encode(high), 0) == high
    assert "does not fit" in refusal(codec, low - 1).message
    assert "does not fit" in refusal(codec, high + 1).message


@pytest.mark.parametrize("value", [True, "5", None, [5], 5.5, math.nan, math.inf, 10**400])
def test_what_is_no_whole_number_is_refused(value):
    assert refusal(make(Type.UINT16), value).details == {"path": "rqargs.values.t"}


def test_a_whole_float_is_a_whole_number_as_json_schema_has_it():
    assert make(Type.UINT16).encode(15.0) == b"\0\x0f"


@pytest.mark.parametrize("value", [1, 0, "true", None, [True]])
def test_what_is_no_boolean_is_refused(value):
    assert "must be true or false" in refusal(make(Type.BOOL, Table.COIL), value).message


@pytest.mark.parametrize("kind", [Type.FLOAT32, Type.FLOAT64])
@pytest.mark.parametrize("value", [True, "1.5", None, 10**400])
def test_what_is_no_float_is_refused(kind, value):
    refusal(make(kind), value)


def test_a_float32_is_refused_where_it_would_become_infinite():
    codec = make(Type.FLOAT32)
    assert codec.encode(3.4028235e38) == b"\x7f\x7f\xff\xff"
    assert "does not fit into float32" in refusal(codec, 3.4028236e38).message
    refusal(make(Type.FLOAT64, scale=1e-300), 1e300)


def test_minimum_and_maximum_are_checked_on_the_value():
    codec = make(Type.UINT16, scale=0.1, min=1, max=500, unit="degC")
    assert codec.encode(500) == struct.pack(">H", 5000)
    assert refusal(codec, 500.1).message == "t: 500.1 is above the maximum 500 degC"
    assert refusal(codec, 0.9).message == "t: 0.9 is below the minimum 1 degC"
    refusal(make(Type.FLOAT32, min=0), math.nan)


def test_minimum_and_maximum_are_checked_on_each_element():
    error = refusal(make(Type.UINT16, count=3, max=9), [1, 10, 2])
    assert error.details == {"path": "rqargs.values.t.1"}


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3, 4], 1, "abc", None])
def test_an_array_is_a_list_of_its_length(value):
    refusal(make(Type.UINT16, count=3), value)


@given(
    st.sampled_from([kind for kind in Type if kind not in (Type.INT8, Type.UINT8)]),
    st.sampled_from(ORDERS),
    st.one_of(st.none(), st.just(2)),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.lists(inner, max_size=3),
    ),
)
def test_any_value_is_encoded_or_refused_with_its_path(kind, orders, count, value):
    codec = make(kind, word_order=orders[0], byte_order=orders[1], count=count, length=6)
    try:
        wire = codec.encode(value)
    except Rejected as error:
        path = error.details["path"]
    else:
        path = "rqargs.values.t"
        assert len(wire) == 2 * codec.width
        assert codec.encode(codec.decode(wire, 0)) == wire
    assert path.startswith("rqargs.values.t")


STATES = {0: "idle", 1: "running", 2: "fault"}


def test_an_enum_reads_as_its_name_and_as_the_number_where_it_has_none():
    codec = make(Type.UINT16, enum=STATES)
    assert codec.decode(b"\0\2", 0) == "fault"
    assert codec.decode(b"\0\7", 0) == 7


def test_an_enum_is_written_as_name_or_number():
    codec = make(Type.UINT16, enum=STATES)
    assert codec.encode("running") == codec.encode(1) == codec.encode(1.0) == b"\0\1"


@pytest.mark.parametrize("value", ["stopped", 3, 1.5, True, None, math.nan])
def test_a_strict_enum_takes_nothing_but_its_names_and_numbers(value):
    message = refusal(make(Type.UINT16, enum=STATES, strict=True), value).message
    assert "idle (0), running (1), fault (2)" in message


def test_without_strict_a_number_without_a_name_is_written_as_it_is():
    codec = make(Type.UINT16, enum=STATES)
    assert codec.encode(7) == b"\0\7"
    assert codec.decode(b"\0\7", 0) == 7
    assert "idle (0)" in refusal(codec, "stopped").message
    refusal(codec, 70000)
    refusal(codec, True)


def test_an_enum_may_name_booleans_and_elements():
    codec = make(Type.BOOL, Table.COIL, enum={0: "closed", 1: "open"}, count=2)
    assert codec.decode(b"\2", 0) == ["closed", "open"]
    assert codec.encode(["open", False]) == b"\1\0"


def test_an_enum_of_a_scaled_tag_names_raw_numbers():
    codec = make(Type.INT16, scale=0.1, enum={-1: "sensor broken"})
    assert codec.decode(b"\xff\xff", 0) == "sensor broken"
    assert codec.decode(b"\0\5", 0) == 0.5


def test_an_enum_of_text_is_refused_at_once():
    with pytest.raises(ValueError, match="enum"):
        make(Type.STRING, length=2, enum=STATES)


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.integers(0, 20))
def test_bits_of_a_bit_table_lie_from_the_least_significant_up(bits, position):
    packed = sum(bit << (position + at) for at, bit in enumerate(bits)).to_bytes(10, "little")
    codec = make(Type.BOOL, Table.DISCRETE, count=len(bits))
    assert codec.width == len(bits)
    assert codec.decode(packed, position) == bits
    assert codec.encode(bits) == bytes(bits)
    assert make(Type.BOOL, Table.COIL).decode(packed, position) is bits[0]


@given(st.integers(0, 15), st.integers(0, 0xFFFF), st.booleans(), st.sampled_from(Order))
def test_masks_change_one_bit_and_no_other(bit, register, value, order):
    codec = make(Type.BOOL, bit=bit, byte_order=order)
    and_mask, or_mask = codec.masks(value)
    changed = (register & and_mask) | (or_mask & ~and_mask)
    assert codec.decode(struct.pack(">H", changed), 0) is value
    place = bit if order is B else bit ^ 8
    assert (changed ^ register) & ~(1 << place) == 0


def test_masks_and_encode_are_for_different_tags():
    with pytest.raises(ValueError, match="masks"):
        make(Type.BOOL, bit=3).encode(True)
    with pytest.raises(ValueError, match="encode"):
        make(Type.UINT16).masks(True)
    refusal(make(Type.BOOL, bit=3), 1)


def test_a_boolean_of_a_whole_register_is_true_unless_it_is_zero():
    codec = make(Type.BOOL)
    assert [codec.decode(bytes([0, n]), 0) for n in range(3)] == [False, True, True]
    assert (codec.encode(True), codec.encode(False)) == (b"\0\1", b"\0\0")


def test_a_string_is_high_byte_first_and_padded_with_nul():
    assert make(Type.STRING, length=6).encode("ABC") == b"ABC\0\0\0"


def test_byte_order_little_swaps_the_letters_of_each_word_and_word_order_does_not_matter():
    codec = make(Type.STRING, length=4, byte_order=L, word_order=L)
    assert codec.encode("ABCD") == b"BADC"
    assert codec.decode(b"BADC", 0) == "ABCD"


def test_a_string_of_odd_length_occupies_the_whole_last_register_but_not_its_last_byte():
    codec = make(Type.STRING, length=3)
    assert codec.width == 2
    assert codec.encode("ABC") == b"ABC\0"
    assert codec.decode(b"ABCD", 0) == "ABC"


def test_a_string_ends_at_the_first_nul():
    assert make(Type.STRING, length=6).decode(b"AB\0XYZ", 0) == "AB"


def test_invalid_utf8_reads_with_replacement_characters():
    assert make(Type.STRING, length=4).decode(b"A\xff\xfeB", 0) == "A\ufffd\ufffdB"


def test_an_array_of_strings_is_one_after_the_other():
    codec = make(Type.STRING, length=3, count=2)
    assert codec.width == 4
    assert codec.decode(codec.encode(["ab", "ü"]), 0) == ["ab", "ü"]


@pytest.mark.parametrize("value", ["üüü", "a\0b", "\ud800", 5, None, True])
def test_a_string_that_does_not_fit_is_refused(value):
    refusal(make(Type.STRING, length=5), value)


@pytest.mark.parametrize(("word_order", "byte_order"), ORDERS)
@given(number=st.integers(0, 99_999_999))
def test_bcd_holds_decimal_digits(word_order, byte_order, number):
    codec = make(Type.BCD32, word_order=word_order, byte_order=byte_order)
    wire = on_wire(bytes.fromhex(f"{number:08}"), word_order, byte_order)
    assert codec.encode(number) == wire
    assert codec.decode(wire, 0) == number


def test_bcd_scales_like_any_number():
    codec = make(Type.BCD16, scale=0.01, count=2)
    assert codec.decode(b"\x12\x34\0\0", 0) == [12.34, 0.0]
    assert codec.encode([12.34, 0]) == b"\x12\x34\0\0"


def test_digits_above_nine_are_undecodable():
    with pytest.raises(UndecodableValue, match="t: the device holds 0x12A4"):
        make(Type.BCD16).decode(b"\x12\xa4", 0)


def test_bcd_is_held_to_its_digits():
    refusal(make(Type.BCD16), 10_000)
    refusal(make(Type.BCD16), -1)


@pytest.mark.parametrize(
    "form",
    [
        {"kind": Type.FLOAT32, "table": Table.COIL},
        {"kind": Type.BOOL, "table": Table.COIL, "bit": 1},
        {"kind": Type.UINT16, "bit": 1},
        {"kind": Type.BOOL, "bit": 16},
        {"kind": Type.STRING},
    ],
)
def test_a_tag_that_contradicts_itself_is_refused_at_once(form):
    with pytest.raises(ValueError, match="t: "):
        make(**form)


def test_a_profile_has_a_codec_for_each_tag():
    tag = Tag("speed", Table.INPUT, 4, Type.FLOAT32)
    made = codecs(Profile("p", {"speed": tag}))
    assert made["speed"].tag is tag
    assert repr(made["speed"]) == "<TagCodec speed float32 input:4 +2>"


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": Type.BOOL}, {"type": "boolean"}),
        ({"type": Type.UINT16}, {"type": "integer", "minimum": 0, "maximum": 65535}),
        ({"type": Type.UINT16, "min": 1, "max": 500}, {"type": "integer", "minimum": 1, "maximum": 500}),
        (
            {"type": Type.INT16, "scale": -0.1},
            {"type": "number", "minimum": -3276.7, "maximum": 3276.8},
        ),
        ({"type": Type.FLOAT32, "max": 2.5}, {"type": "number", "maximum": 2.5}),
        ({"type": Type.FLOAT64, "min": 2.5}, {"type": "number", "minimum": 2.5}),
        (
            {"type": Type.STRING, "length": 8, "description": "Recipe"},
            {"type": "string", "maxLength": 8, "description": "Recipe"},
        ),
        ({"type": Type.UINT16, "enum": {0: "idle"}}, {"anyOf": [{"enum": ["idle"]}, {"type": "number"}]}),
        (
            {"type": Type.UINT16, "enum": {0: "idle"}, "access": Access.RW, "strict": True},
            {"enum": ["idle", 0]},
        ),
        (
            {"type": Type.BOOL, "count": 2},
            {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
        ),
    ],
)
def test_the_schema_of_a_value(form, schema):
    assert value_schema(Tag("t", Table.HOLDING, 0, **form)) == schema
