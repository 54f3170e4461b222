"""What people type, as the protocol wants it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.broker.cli.terminal.arguments import device_of, named_values

names = st.text(min_size=1).filter(lambda name: "=" not in name)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(names, json_values))
def test_a_value_that_is_json_comes_out_as_it_is(values):
    assert named_values(f"{name}={json.dumps(value)}" for name, value in values.items()) == values


@given(names, st.text())
def test_any_text_after_the_equals_sign_is_a_value(name, text):
    assert set(named_values([f"{name}={text}"])) == {name}


@pytest.mark.parametrize("text", ["PX-7", "", "NaN", "Infinity", "12 mm", "a=b", "{", "[" * 100_000])
def test_what_is_no_json_is_text(text):
    assert named_values([f"recipe={text}"]) == {"recipe": text}


def test_text_that_looks_like_a_number_is_written_in_quotes():
    assert named_values(["a=12", 'b="12"']) == {"a": 12, "b": "12"}


def test_the_order_is_kept():
    assert list(named_values(["b=1", "a=2", "c=3"])) == ["b", "a", "c"]


@pytest.mark.parametrize("arguments", [["size"], ["=3"], ["a=1", "a=2"]])
def test_no_name_no_equals_sign_or_a_name_twice_is_refused(arguments):
    with pytest.raises(ValueError, match=r"NAME=VALUE|twice"):
        named_values(arguments)


def test_digits_are_an_id_and_anything_else_is_a_name():
    assert device_of("12") == 12
    assert device_of("press-1") == "press-1"
    assert device_of("²") == "²"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("4711", "string", "4711"),
        ("true", "string", "true"),
        ('"12"', "string", "12"),
        ('"', "string", '"'),
        ("0x1f", "integer", 31),
        ("0x1f", None, 31),
        ("-0x10", "number", -16),
        ("on", "boolean", True),
        ("OFF", "boolean", False),
        ("true", "boolean", True),
        ("on", None, "on"),
        ("[1, 2]", "array", [1, 2]),
        ("15", None, 15),
        ("PX-7", "integer", "PX-7"),
    ],
)
def test_a_value_is_what_its_type_says(text, kind, value):
    schemas = {} if kind is None else {"a": {"type": kind}}
    found = named_values([f"a={text}"], schemas)["a"]
    assert (found, type(found)) == (value, type(value))
