"""What the action `describe` tells: a device's profile, its tags, and its actions with their arguments."""

from __future__ import annotations

from typing import Any

from ...client.protocol.messages import BUILT_IN
from ..model.devices import DeviceDefinition, Profile
from ..model.schema import value_schema
from ..model.tags import Tag
from .requests import CompiledProfile


def describe(device: DeviceDefinition, compiled: CompiledProfile) -> dict[str, Any]:
    """The description of a device, with JSON Schemas of tags' values and of actions' arguments."""
    about = {"id": device.id, "name": device.name, "description": device.description}
    if device.area:
        about["area"] = device.area
    return {"device": about, **describe_profile(compiled.shifted(device.address_offset))}


def describe_profile(compiled: CompiledProfile) -> dict[str, Any]:
    """The same without a device: what all devices of a profile can do."""
    profile = compiled.profile
    return {
        "profile": profile.name,
        "description": profile.description,
        "tags": {name: _tag(tag) for name, tag in profile.tags.items()},
        **_at_work(profile),
        "actions": {name: _action(compiled, name) for name in profile.actions},
        "built_in": list(BUILT_IN),
    }


def _at_work(profile: Profile) -> dict[str, Any]:
    """What is done without being asked for, where there is any."""
    told: dict[str, Any] = {}
    if profile.on_connect:
        told["on_connect"] = len(profile.on_connect)
    if profile.heartbeats:
        told["heartbeats"] = [{"tag": beat.tag, "every": beat.every} for beat in profile.heartbeats]
    return told


def _tag(tag: Tag) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": str(tag.type),
        "access": str(tag.access),
        "address": f"{tag.table}:{tag.address}",
        "schema": value_schema(tag),
    }
    if tag.enum is not None:
        told["enum"] = {str(number): name for number, name in tag.enum.items()}
    optional = {
        "unit": tag.unit or None,
        "description": tag.description or None,
        "min": tag.min,
        "max": tag.max,
        "bits": list(tag.bits) if tag.bits else None,
        "flags": {str(bit): name for bit, name in tag.flags.items()} if tag.flags else None,
        "no_value": sorted(tag.no_value) or None,
        "scale_exponent": tag.scale_exponent,
        "precision": tag.precision,
        "strict": tag.strict or None,
        "alone": tag.alone or None,
        "urgent": tag.urgent or None,
    }
    return told | {name: value for name, value in optional.items() if value is not None}


def _action(compiled: CompiledProfile, name: str) -> dict[str, Any]:
    action, schema = compiled.profile.actions[name], compiled.arguments[name].schema()
    told: dict[str, Any] = {"description": action.description, "args": schema, "schema": schema}
    told["timeout"] = action.patience
    optional = {"confirm": action.confirm, "urgent": action.urgent, "interrupts": action.interrupts}
    told |= {key: value for key, value in optional.items() if value or (key == "confirm" and value is False)}
    return told
