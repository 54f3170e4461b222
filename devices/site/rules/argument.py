"""Whether an argument's JSON Schema means something.

Strategy: JSON Schema ignores what it does not know, so `minumum: 1` would check nothing. Here every keyword
of draft 7 that the validator obeys is known with the type of its value, and all else is refused. References
are not among them: a schema of one argument needs none, and following one could reach the network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import fastjsonschema

from ..definitions.problems import Findings, Path, suggestion

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")


def check_argument(schema: object) -> Findings:
    """Everything that is wrong with the JSON Schema of one argument, with the place within it."""
    problems = list(_check(schema, ()))
    yield from problems
    if problems or not isinstance(schema, Mapping):
        return
    try:
        validate = fastjsonschema.compile(dict(schema), use_default=False)
    except (fastjsonschema.JsonSchemaDefinitionException, re.error) as error:
        yield (), f"is no valid JSON Schema: {error}"
        return
    if "default" in schema:
        try:
            validate(schema["default"], name_prefix="it")
        except fastjsonschema.JsonSchemaValueException as error:
            yield ("default",), f"does not fit its own schema: {error.message}"


def _check(schema: object, path: Path) -> Findings:
    if isinstance(schema, bool) and path:
        return
    if not isinstance(schema, Mapping):
        yield path, "a JSON Schema is a map, such as `{type: integer, minimum: 1}`"
        return
    for keyword, value in schema.items():
        place = (*path, keyword if isinstance(keyword, str | int) else str(keyword))
        if isinstance(keyword, str) and keyword in _KEYWORDS:
            yield from _KEYWORDS[keyword](value, place)
        elif not (isinstance(keyword, str) and keyword.startswith("x-")):
            yield place, f"unknown JSON Schema keyword{suggestion(str(keyword), _KEYWORDS)}"


def _schemas(value: object, path: Path) -> Findings:
    if not isinstance(value, list) or not value:
        yield path, "must be a list of JSON Schemas"
        return
    for index, schema in enumerate(value):
        yield from _check(schema, (*path, index))


def _schema_map(value: object, path: Path) -> Findings:
    if not isinstance(value, Mapping):
        yield path, "must be a map of JSON Schemas"
        return
    for name, schema in value.items():
        if not isinstance(name, str):
            yield path, f"the name {name!r} must be text"
        yield from _check(schema, (*path, str(name)))


def _items(value: object, path: Path) -> Findings:
    yield from _schemas(value, path) if isinstance(value, list) else _check(value, path)


def _type(value: object, path: Path) -> Findings:
    for name in value if isinstance(value, list) else [value]:
        if not isinstance(name, str) or name not in TYPES:
            close = suggestion(name, TYPES) if isinstance(name, str) else ""
            yield path, f"unknown type {name!r}{close or '; possible are ' + ', '.join(TYPES)}"


def _json(value: object, path: Path) -> Findings:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                yield path, f"the name {name!r} must be text"
            yield from _json(item, (*path, str(name)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _json(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, "JSON has no such number"


def _json_list(value: object, path: Path) -> Findings:
    if not isinstance(value, list) or not value:
        yield path, "must be a list of values"
        return
    yield from _json(value, path)


def _names(value: object, path: Path) -> Findings:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        yield path, "must be a list of names"


def _pattern(value: object, path: Path) -> Findings:
    if not isinstance(value, str):
        yield path, "must be text"
        return
    try:
        re.compile(value)
    except re.error as error:
        yield path, f"is no regular expression: {error}"


def _is(wanted: str, fits: Callable[[Any], bool]) -> Callable[[object, Path], Findings]:
    def check(value: object, path: Path) -> Findings:
        if not fits(value):
            yield path, f"must be {wanted}"

    return check


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_text = _is("text", lambda value: isinstance(value, str))
_flag = _is("true or false", lambda value: isinstance(value, bool))
_number = _is("a number", _is_number)
_step = _is("a number above 0", lambda value: _is_number(value) and value > 0)
_count = _is("a whole number, 0 or more", lambda value: type(value) is int and value >= 0)

_KEYWORDS: Final[Mapping[str, Callable[[object, Path], Findings]]] = {
    **dict.fromkeys(("title", "description", "$comment", "format"), _text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _number),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _count),
    **dict.fromkeys(("minProperties", "maxProperties"), _count),
    **dict.fromkeys(("default", "const"), _json),
    **dict.fromkeys(("enum", "examples"), _json_list),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _schemas),
    **dict.fromkeys(("not", "contains", "additionalItems", "additionalProperties"), _check),
    **dict.fromkeys(("propertyNames", "if", "then", "else"), _check),
    **dict.fromkeys(("properties", "patternProperties"), _schema_map),
    "type": _type,
    "items": _items,
    "required": _names,
    "pattern": _pattern,
    "uniqueItems": _flag,
    "multipleOf": _step,
}
