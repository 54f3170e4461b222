"""Signatures as JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal

import pytest
from plcmq.devices.python.signature import (
    BadSignature,
    argument_descriptions,
    argument_schemas,
    converters,
    summary,
)
from pydantic import Field


class Mode(Enum):
    AUTO = "auto"
    HAND = "hand"


class Speed(IntEnum):
    SLOW = 1
    FAST = 2


@dataclass
class Ge:
    """As annotated_types has it."""

    ge: float


def schemas_of(code):
    return argument_schemas(code)


def test_plain_types_and_defaults():
    async def go(self, n: int, x: float = 1.5, name: str = "a", on: bool = True): ...

    assert schemas_of(go) == {
        "n": {"type": "integer"},
        "x": {"type": "number", "default": 1.5},
        "name": {"type": "string", "default": "a"},
        "on": {"type": "boolean", "default": True},
    }


def test_the_order_is_that_of_the_signature():
    async def go(self, b: int, a: int, *, c: int = 0): ...

    assert list(schemas_of(go)) == ["b", "a", "c"]


def test_choices():
    async def go(
        self, a: Literal["x", "y"], b: Literal[1, "two"], mode: Mode = Mode.AUTO, speed: Speed = Speed.SLOW
    ): ...

    assert schemas_of(go) == {
        "a": {"type": "string", "enum": ["x", "y"]},
        "b": {"enum": [1, "two"]},
        "mode": {"type": "string", "enum": ["auto", "hand"], "default": "auto"},
        "speed": {"type": "integer", "enum": [1, 2], "default": 1},
    }


def test_unions_lists_and_maps():
    async def go(
        self,
        a: int | None = None,
        b: int | str = 1,
        c: list[int] | None = None,
        d: dict[str, float] | None = None,
        e: list = (),
        f: Any = None,
    ): ...

    schemas = schemas_of(go)
    assert schemas["a"] == {"type": ["integer", "null"], "default": None}
    assert schemas["b"]["type"] == ["integer", "string"]
    assert schemas["c"]["anyOf"] == [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]
    assert schemas["d"]["anyOf"][0] == {"type": "object", "additionalProperties": {"type": "number"}}
    assert schemas["e"] == {"type": "array", "default": []}
    assert schemas["f"] == {"default": None}


def test_limits_of_annotated_types_pydantic_and_json_schema():
    async def go(
        self,
        a: Annotated[int, Ge(1), {"maximum": 9}],
        b: Annotated[float, Field(gt=0, le=5, description="How fast")],
        c: Annotated[str, "A name", Field(min_length=1, max_length=8, pattern="^[a-z]+$")],
        d: Annotated[list[int], Field(min_length=2)],
    ): ...

    assert schemas_of(go) == {
        "a": {"type": "integer", "minimum": 1, "maximum": 9},
        "b": {"type": "number", "exclusiveMinimum": 0, "maximum": 5, "description": "How fast"},
        "c": {
            "type": "string",
            "description": "A name",
            "minLength": 1,
            "maxLength": 8,
            "pattern": "^[a-z]+$",
        },
        "d": {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    }


def test_descriptions_come_from_the_docstring():
    async def go(self, size: int, name: str = ""):
        """Start
        the press.

        And more of it.

        Args:
            size: How many pieces,
                all in all.
            name (str): Of the recipe.

        Returns:
            something: else
        """

    assert {name: schema["description"] for name, schema in schemas_of(go).items()} == {
        "size": "How many pieces, all in all.",
        "name": "Of the recipe.",
    }
    assert summary(go.__doc__) == "Start the press."


def test_a_docstring_without_arguments_describes_none():
    assert argument_descriptions("Start.\n\nReturns:\n    a: b") == {}


@pytest.mark.parametrize(
    ("wrong", "name", "said"),
    [
        ("a", "a", "needs a type"),
        ("a: bytes", "a", "JSON does not have"),
        ("a: set[int]", "a", "JSON does not have"),
        ("a: Literal[b'x']", "a", "a choice that JSON does not have"),
        ("*a: int", "a", "given by name"),
        ("**a: int", "a", "given by name"),
        ("a: Nowhere", "", "its types cannot be found"),
    ],
)
def test_what_json_has_no_word_for_is_refused_by_name(wrong, name, said):
    space: dict[str, Any] = {"Literal": Literal}
    exec(f"async def go(self, {wrong}): ...", space)
    with pytest.raises(BadSignature, match=said) as caught:
        argument_schemas(space["go"])
    assert caught.value.name == name


def test_arguments_become_what_the_types_ask_for():
    async def go(
        self, n: int, mode: Mode, modes: list[Mode], maybe: Mode | None, x: Annotated[Speed, "how"]
    ): ...

    convert = converters(go)
    assert repr(convert["n"](5.0)) == "5"
    assert convert["mode"]("hand") is Mode.HAND
    assert convert["modes"](["auto"]) == [Mode.AUTO]
    assert convert["maybe"]("auto") is Mode.AUTO
    assert convert["maybe"](None) is None
    assert convert["x"](2) is Speed.FAST
