"""How bodies are described in the OpenAPI document; the views read them themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

VALUES: Final[Mapping[str, Any]] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {},
    "description": "Values by the names of their tags",
    "example": {"batch_size": 20},
}
ARGUMENTS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": {},
    "description": "The action's arguments by name; no body where it has none",
}


def json_body(schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """What to add to an operation whose body is JSON of this schema."""
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": dict(schema)}}}}
