"""Completion of names in the shell: what the broker knows, where it answers at once.

Strategy: a Tab must never hang or print an error. Whatever goes wrong, nothing is offered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import typer

from ....client import get_conn
from ....client.protocol.errors import PlcmqError
from ...config import SettingsError, load
from .arguments import device_of

PATIENCE = 0.5  # seconds that a Tab may take


def device_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of devices that begin so, with where they are."""
    answer = _ask(ctx, "devices", {"limit": 100, "match": incomplete})
    devices = answer.get("devices", [])
    return [
        (device["name"], f"{device['profile']} at {device['endpoint']}")
        for device in devices
        if device["name"].startswith(incomplete)
    ]


def tag_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of the tags of the device that the line names, with their types."""
    return _described(ctx, "tags", "type", incomplete)


def writable_tags(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The device's tags up to the equals sign."""
    return [(f"{name}=", kind) for name, kind in _described(ctx, "tags", "type", incomplete)]


def action_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of the actions of the device that the line names, with what they do."""
    return _described(ctx, "actions", "description", incomplete)


def _described(ctx: typer.Context, part: str, fact: str, incomplete: str) -> list[tuple[str, str]]:
    items = _ask(ctx, "describe", {}, ctx.params.get("device")).get(part, {})
    return [(name, str(item.get(fact, ""))) for name, item in items.items() if name.startswith(incomplete)]


def _ask(
    ctx: typer.Context, action: str, rqargs: dict[str, Any], device: str | None = None
) -> Mapping[str, Any]:
    about = None if device is None else device_of(device)
    try:
        settings = load({"broker": ctx.params.get("broker")}, os.environ, ctx.params.get("config"))
        conn = get_conn(settings.client.broker, connect_timeout=PATIENCE)
        try:
            result = conn.request(action=action, rqargs=rqargs, device=about, timeout=PATIENCE)
        finally:
            conn.close()
    except (SettingsError, PlcmqError, OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}
