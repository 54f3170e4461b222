"""The OpenAPI document: the fixed routes, and a typed operation for each action that a profile declares.

Strategy: pure. The routes never change; what is added are descriptions of them for each profile, so that
generators make typed clients. Rules that generators taught: error statuses one by one (ranges make some emit
code that does not compile), no empty `required`, unique operation ids, and only schemas of JSON Schema that
OpenAPI 3.1 shares with draft 7.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ...client.protocol.errors import MEANINGS

STATUSES: Final = tuple(sorted({meaning.http for meaning in MEANINGS.values()} | {405, 415, 421}))
PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "outcome", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "outcome": {"type": "string", "enum": ["not_executed", "executed", "unknown"]},
        "retryable": {"type": "boolean"},
        "details": {"type": "object", "additionalProperties": {}},
        "request_id": {"type": "string"},
    },
}
_PROBLEM_REF: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_METHODS: Final = frozenset({"get", "post", "patch", "put", "delete"})


def with_profiles(base: Mapping[str, Any], profiles: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of the fixed routes with the operations of profiles, as `profiles` tells them."""
    document = copy.deepcopy(dict(base))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = dict(PROBLEM)
    paths = document.setdefault("paths", {})
    for path in paths.values():
        for method in path.keys() & _METHODS:
            _add_errors(path[method])
    names = _Names(operation["operationId"] for operation in _operations(paths))
    tags = document.setdefault("tags", [])
    for profile in profiles:
        tag = {"name": profile["name"], "description": profile.get("description") or ""}
        tags.append({name: text for name, text in tag.items() if text})
        _add_profile(paths, schemas, profile, names)
    return document


def _operations(paths: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [path[method] for path in paths.values() for method in path.keys() & _METHODS]


class _Names:
    """Names that are given once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def new(self, *parts: str) -> str:
        """A name made of these parts."""
        name = wanted = "_".join(re.sub(r"\W+", "_", part).strip("_") for part in parts)
        number = 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


def _add_profile(
    paths: dict[str, Any], schemas: dict[str, Any], profile: Mapping[str, Any], names: _Names
) -> None:
    name = profile["name"]
    prefix = f"/api/v1/profiles/{_literal(name)}/devices/{{device}}"
    model = names.new(_pascal(name) + "Tags")
    schemas[model] = _tags_model(profile.get("tags") or {})
    paths[f"{prefix}/tags"] = {
        "get": _operation(
            names.new(name, "read_tags"), name, f"All tags of a {name}", _read_result(model), [_MAX_AGE]
        )
    }
    for action, described in (profile.get("actions") or {}).items():
        arguments = _clean(described.get("args") or described.get("schema") or {"type": "object"})
        arguments_name = names.new(_pascal(name) + _pascal(action) + "Args")
        schemas[arguments_name] = arguments
        result = _clean(described.get("result") or {})
        text = described.get("description") or f"{action} of a {name}"
        operation = _operation(names.new(name, action), name, text, result, [_KEY])
        schema = {"$ref": f"#/components/schemas/{arguments_name}"}
        needs_body = bool(arguments.get("required"))
        operation["requestBody"] = {
            "required": needs_body,
            "content": {"application/json": {"schema": schema}},
        }
        paths[f"{prefix}/actions/{_literal(action)}"] = {"post": operation}


_DEVICE: Final[Mapping[str, Any]] = {
    "name": "device",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "Name of the device, or its id where it is a number",
}
_TIMEOUT: Final[Mapping[str, Any]] = {
    "name": "timeout",
    "in": "query",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
    "description": "Seconds to wait for the answer",
}
_KEY: Final[Mapping[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    "description": "The same request under the same key is carried out once",
}
_MAX_AGE: Final[Mapping[str, Any]] = {
    "name": "max_age",
    "in": "query",
    "schema": {"type": "number", "minimum": 0, "maximum": 86400},
    "description": "Seconds that a value may be old",
}


def _operation(
    operation_id: str, tag: str, text: str, result: Mapping[str, Any], parameters: list[Mapping[str, Any]]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id,
        "tags": [tag],
        "summary": text.partition("\n")[0],
        "parameters": [dict(one) for one in (_DEVICE, _TIMEOUT, *parameters)],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": dict(result)}}}
        },
    }
    _add_errors(operation)
    return operation


def _add_errors(operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status in STATUSES:
        responses[str(status)] = {"description": _WORDS.get(status, "It failed"), "content": _PROBLEM_REF}


_WORDS: Final[Mapping[int, str]] = {
    403: "Not allowed",
    404: "No such thing",
    409: "Key in use, or cancelled",
    413: "Too large",
    422: "Arguments do not fit",
    423: "Locked by somebody else",
    429: "Too much is waiting",
    502: "The device failed",
    503: "Not served now",
    504: "Not in time; `outcome` says what happened",
}


def _tags_model(tags: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, tag in tags.items():
        schema = _clean(tag.get("schema") or {})
        if tag.get("description"):
            schema["description"] = tag["description"]
        if tag.get("unit"):
            schema["x-unit"] = tag["unit"]
        if tag.get("access") == "ro":
            schema["readOnly"] = True
        properties[name] = schema
    return {"type": "object", "properties": properties}


def _read_result(model: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["values", "age"],
        "properties": {
            "values": {"$ref": f"#/components/schemas/{model}"},
            "age": {"type": "object", "additionalProperties": {"type": "number"}},
            "errors": {"type": "object", "additionalProperties": {}},
        },
    }


def _clean(schema: Any) -> Any:
    """A schema without what generators stumble over."""
    if isinstance(schema, Mapping):
        cleaned = {name: _clean(part) for name, part in schema.items() if not str(name).startswith("$schema")}
        if cleaned.get("required") == []:
            del cleaned["required"]
        return cleaned
    return [_clean(part) for part in schema] if isinstance(schema, list | tuple) else schema


def _literal(name: str) -> str:
    """A name as part of a path in the document, where braces would be parameters."""
    return re.sub(r"[^\w.~-]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name)


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)
