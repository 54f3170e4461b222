"""A device as a W3C Thing Description 1.1: its tags as properties, its actions as actions, over this gateway.

Strategy: pure; 60 lines over what `describe` tells. Forms are relative to the `base`, so a proxy's prefix is
that of whoever asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

CONTEXT: Final = "https://www.w3.org/2022/wot/td/v1.1"
MEDIA_TYPE: Final = "application/td+json"


def thing(described: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The description of a device; `base` is the gateway's address with a slash at its end."""
    about = described["device"]
    path = f"api/v1/devices/{quote(str(about['name']), safe='')}"
    return {
        "@context": CONTEXT,
        "id": f"urn:plcmq:device:{about['id']}",
        "title": about["name"],
        "description": about.get("description") or described.get("description") or "",
        "base": base,
        "securityDefinitions": {"none": {"scheme": "nosec"}},
        "security": "none",
        "properties": {name: _property(tag, name, path) for name, tag in described["tags"].items()},
        "actions": {name: _action(action, name, path) for name, action in described["actions"].items()},
    }


def _property(tag: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    href = f"{path}/tags/{quote(name, safe='')}"
    forms: list[dict[str, Any]] = [{"op": "readproperty", "href": href, "htv:methodName": "GET"}]
    is_writable = tag.get("access") == "rw"
    if is_writable:
        forms.append({"op": "writeproperty", "href": href, "htv:methodName": "PATCH"})
    events = f"{path}/events?tags={quote(name, safe='')}"
    forms.append({"op": "observeproperty", "href": events, "subprotocol": "sse"})
    unit = {"unit": tag["unit"]} if tag.get("unit") else {}
    parts = {"value": {**(tag.get("schema") or {}), **unit}, "tag": _TOLD_TEXT, "age": _TOLD_NUMBER}
    return {
        "type": "object",
        "description": tag.get("description") or "",
        "required": ["value"],
        "properties": parts,
        "readOnly": not is_writable,
        "observable": True,
        "forms": forms,
    }


# What is told beside a value, and not taken with one.
_TOLD_TEXT: Final = {"type": "string", "readOnly": True}
_TOLD_NUMBER: Final = {"type": "number", "readOnly": True}


def _action(action: Mapping[str, Any], name: str, path: str) -> dict[str, Any]:
    href = f"{path}/actions/{quote(name, safe='')}"
    told: dict[str, Any] = {
        "description": action.get("description") or "",
        "input": action.get("args") or action.get("schema") or {"type": "object"},
        "synchronous": True,
        "forms": [{"op": "invokeaction", "href": href, "htv:methodName": "POST"}],
    }
    return told | ({"output": action["result"]} if action.get("result") else {})
