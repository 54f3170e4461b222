"""JSON Schemas of tags' values: what may be written, or for a read-only tag what may be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .codec import exact_scale
from .numbers import raw_range
from .tags import Tag, Type


def value_schema(tag: Tag) -> dict[str, Any]:
    """The JSON Schema of a tag's value: what may be written, or for a read-only tag what may be read."""
    item = _element_schema(tag)
    if tag.count is not None:
        item = {"type": "array", "items": item, "minItems": tag.count, "maxItems": tag.count}
    if tag.description:
        item["description"] = tag.description
    return item


def _element_schema(tag: Tag) -> dict[str, Any]:
    if tag.flags:
        return {"type": "array", "items": {"type": "string"}}
    if tag.enum:
        return _enum_schema(tag, tag.enum)
    if tag.type is Type.BOOL:
        return {"type": "boolean"}
    if tag.type is Type.STRING:
        return {"type": "string", "maxLength": tag.length}
    return _number_schema(tag)


def _enum_schema(tag: Tag, names: Mapping[int, str]) -> dict[str, Any]:
    if tag.access.is_writable and tag.strict:
        return {"enum": [*names.values(), *names]}
    return {
        "anyOf": [{"enum": list(names.values())}, {"type": "boolean" if tag.type is Type.BOOL else "number"}]
    }


def _number_schema(tag: Tag) -> dict[str, Any]:
    lows = [] if tag.min is None else [tag.min]
    highs = [] if tag.max is None else [tag.max]
    limits = raw_range(tag)
    whole = limits is not None and not tag.is_scaled and tag.scale_exponent is None
    if limits is not None and tag.scale_exponent is None:
        factor, shift, divisor = exact_scale(tag)
        low, high = limits
        ends = [low, high] if whole else sorted((raw * factor + shift) / divisor for raw in (low, high))
        lows.append(ends[0])
        highs.append(ends[1])
    schema: dict[str, Any] = {"type": "integer" if whole else "number"}
    if lows:
        schema["minimum"] = max(lows)
    if highs:
        schema["maximum"] = min(highs)
    return schema
