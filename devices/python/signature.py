"""A coroutine's signature as JSON Schemas of an action's arguments.

Strategy: pure. Annotations become schemas, defaults become `default`, the docstring gives the descriptions.
What JSON has no word for is refused by name, never guessed. Limits are found by their attributes, so that
those of `annotated_types` and of pydantic's `Field` are understood without either being imported.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]

_SIMPLE: Final[Mapping[object, str]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    NoneType: "null",
}
_LIMITS: Final[Mapping[str, str]] = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "description": "description",
}
_LENGTHS: Final[Mapping[str, tuple[str, str]]] = {
    "min_length": ("minLength", "minItems"),
    "max_length": ("maxLength", "maxItems"),
}

_ARGS: Final = re.compile(r"^Arg(?:ument)?s:[ \t]*\n((?:[ \t]+\S.*(?:\n|$)|[ \t]*\n)+)", re.MULTILINE)


class BadSignature(ValueError):
    """A parameter cannot be an argument.

    Attributes:
        name: the parameter's; empty where the whole signature is meant.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


def argument_schemas(code: Callable[..., object]) -> dict[str, Schema]:
    """The JSON Schema of each parameter but the first (`self`), in order.

    Raises:
        BadSignature: one of them has no type, or one that JSON does not have.
    """
    hints = _hints(code)
    described = argument_descriptions(inspect.getdoc(code) or "")
    schemas: dict[str, Schema] = {}
    for name, parameter in list(inspect.signature(code).parameters.items())[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadSignature(name, "must be a parameter that can be given by name")
        if name not in hints:
            raise BadSignature(name, "needs a type, such as `int`")
        schema = _schema(hints[name], name)
        if parameter.default is not parameter.empty:
            schema["default"] = _json(parameter.default)
        if name in described:
            schema.setdefault("description", described[name])
        schemas[name] = schema
    return schemas


def converters(code: Callable[..., object]) -> dict[str, Callable[[Any], Any]]:
    """What makes of an argument, which fits its schema, the value that the parameter's type asks for."""
    hints = _hints(code)
    names = list(inspect.signature(code).parameters)[1:]
    return {name: _converter(hints[name]) for name in names}


def summary(doc: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())


def argument_descriptions(doc: str) -> dict[str, str]:
    """What the `Args:` section of a docstring says of each parameter."""
    section = _ARGS.search(inspect.cleandoc(doc))
    if section is None:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section[1]).splitlines():
        if head := re.match(r"\*{0,2}(\w+)(?: *\([^)]*\))?: *(.*)", line):
            name = head[1]
            found[name] = head[2].strip()
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _hints(code: Callable[..., object]) -> dict[str, Any]:
    try:
        return get_type_hints(code, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise BadSignature("", f"its types cannot be found: {error}") from error


def _schema(hint: Any, name: str) -> Schema:
    if isinstance(hint, type) and hint in _SIMPLE:
        return {"type": _SIMPLE[hint]}
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(_schema(parts[0], name), _flat(parts[1:]), name)
    if origin is Literal:
        return _choice([_json(part) for part in parts], name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _choice([_json(member.value) for member in hint], name)
    if origin in (Union, UnionType):
        return _any_of([_schema(part, name) for part in parts])
    if origin is list:
        return {"type": "array", "items": _schema(parts[0], name)}
    if origin is dict and parts[0] is str:
        inner = {} if parts[1] is Any else {"additionalProperties": _schema(parts[1], name)}
        return {"type": "object", **inner}
    if hint is Any:
        return {}
    raise BadSignature(
        name,
        f"has the type {getattr(hint, '__name__', None) or hint}, which JSON does not have; possible are "
        "bool, int, float, str, Literal, Enum, list, dict, and unions of them such as `int | None`",
    )


def _choice(values: list[Any], name: str) -> Schema:
    types = {_SIMPLE.get(type(value)) for value in values}
    if None in types:
        raise BadSignature(name, "has a choice that JSON does not have")
    one = {"type": types.pop()} if len(types) == 1 else {}
    return {**one, "enum": values}


def _any_of(schemas: list[Schema]) -> Schema:
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas]}
    return {"anyOf": schemas}


def _flat(extras: Iterable[Any]) -> list[Any]:
    """The extras of `Annotated`; a group of limits, or a field that holds some, is taken apart."""
    flat: list[Any] = []
    for extra in extras:
        inner = getattr(extra, "metadata", None)
        flat.append(extra)
        if isinstance(inner, list):
            flat += _flat(inner)
        elif hasattr(extra, "__is_annotated_types_grouped_metadata__"):
            flat += _flat(extra)
    return flat


def _limited(schema: Schema, extras: Iterable[Any], name: str) -> Schema:
    for extra in extras:
        if isinstance(extra, str):
            schema["description"] = extra
        elif isinstance(extra, Mapping):
            schema.update(extra)
        else:
            schema.update(_keywords(extra, is_list=schema.get("type") == "array"))
    for keyword, value in schema.items():
        if isinstance(value, float | int | str | bool | list | Mapping) or value is None:
            continue
        raise BadSignature(name, f"has a limit `{keyword}` that JSON does not have: {value!r}")
    return schema


def _keywords(extra: object, *, is_list: bool) -> Schema:
    found: Schema = {}
    for attribute, keyword in _LIMITS.items():
        value = getattr(extra, attribute, None)
        if value is not None and not callable(value):
            found[keyword] = value
    for attribute, keywords in _LENGTHS.items():
        value = getattr(extra, attribute, None)
        if isinstance(value, int):
            found[keywords[is_list]] = value
    return found


def _json(value: object) -> Any:
    if isinstance(value, Enum):
        return _json(value.value)
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value


def _converter(hint: Any) -> Callable[[Any], Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _converter(parts[0])
    if hint is int:
        return lambda value: int(value) if isinstance(value, float) else value  # 5.0 is an integer to JSON
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value: next(member for member in hint if _json(member.value) == value)
    if origin is list:
        convert = _converter(parts[0])
        return lambda value: [convert(item) for item in value]
    if origin in (Union, UnionType):
        return _first_that_fits([_converter(part) for part in parts if _is_enum(part)])
    return lambda value: value


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _first_that_fits(converts: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        for one in converts:
            try:
                return one(value)
            except StopIteration:
                continue
        return value

    return convert
