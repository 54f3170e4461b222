"""JSON Schemas of arguments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.site.definitions.problems import path_text
from plcmq.devices.site.rules.argument import check_argument


def problems_of(schema: object) -> str:
    return "; ".join(f"{path_text(path)}: {message}" for path, message in check_argument(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 15, "description": "Batch size"},
        {"type": ["string", "null"], "default": None},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "uniqueItems": True},
        {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
        {"enum": ["a", 1, None]},
        {"anyOf": [{"type": "string", "pattern": "^a"}, {"const": 3}]},
        {"type": "number", "multipleOf": 0.5, "x-unit": "bar"},
    ],
)
def test_a_sound_schema_is_accepted(schema: object) -> None:
    assert problems_of(schema) == ""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (3, "a JSON Schema is a map"),
        (True, "a JSON Schema is a map"),
        ({"type": "integr"}, "type: unknown type 'integr'; did you mean `integer`?"),
        ({"minumum": 1}, "minumum: unknown JSON Schema keyword; did you mean `minimum`?"),
        ({"$ref": "http://127.0.0.1/x"}, "$ref: unknown JSON Schema keyword"),
        ({"minimum": "1"}, "minimum: must be a number"),
        ({"minLength": -1}, "minLength: must be a whole number, 0 or more"),
        ({"multipleOf": 0}, "multipleOf: must be a number above 0"),
        ({"pattern": "("}, "pattern: is no regular expression"),
        ({"enum": []}, "enum: must be a list of values"),
        ({"items": {"typ": "x"}}, "items.typ: unknown JSON Schema keyword; did you mean `type`?"),
        ({"anyOf": [{"type": 3}]}, "anyOf[0].type: unknown type 3"),
        ({"properties": {"a": 3}}, "properties.a: a JSON Schema is a map"),
        ({"required": "a"}, "required: must be a list of names"),
        (
            {"type": "integer", "maximum": 3, "default": 5},
            "default: does not fit its own schema: it must be smaller",
        ),
        ({"default": float("nan")}, "default: JSON has no such number"),
        ({"default": {1: 2}}, "default: the name 1 must be text"),
        ({1: 2}, "[1]: unknown JSON Schema keyword"),
        ({"type": "string", "format": "nonsense"}, ""),
    ],
)
def test_a_schema_that_means_nothing_is_refused(schema: object, said: str) -> None:
    assert said in problems_of(schema)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["integer", "a", "("]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "minimum",
                    "items",
                    "enum",
                    "default",
                    "anyOf",
                    "not",
                    "properties",
                    "required",
                    "format",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(plain)
def test_whatever_stands_there_is_sound_or_has_problems_but_never_raises(schema: object) -> None:
    problems_of(schema)
