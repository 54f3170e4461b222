"""Definitions to the frozen model.

Strategy: a plain walk over plain data, without pydantic: what a registry or a broker hands over has been
validated when it came in, and ten thousand devices must not wait for that again. It takes any valid writing,
short forms included. A definition that does not fit after all (a newer version wrote it, say) is a
`SiteError` that names it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from ..model.devices import DeviceDefinition, LinkSettings, Profile, Site
from .definitions.content import Definition, SiteContent
from .definitions.declared import declared_profile
from .definitions.presets import preset_settings
from .definitions.problems import Path, Problem, SiteError
from .python_class import python_form, resolve_python

_NO_LINK = LinkSettings()


def compile_site(content: SiteContent) -> Site:
    """The model of a whole site.

    Raises:
        SiteError: a definition does not fit, or a Python class cannot be loaded; with all such places.
    """
    problems: list[Problem] = []
    profiles: dict[str, Profile] = {}
    devices: list[DeviceDefinition] = []
    for name, form in content.profiles.items():
        try:
            profiles[name] = compile_profile(name, form)
        except SiteError as error:
            problems += error.problems
    for form in content.devices:
        try:
            devices.append(device := compile_device(form))
            form_of_class = None if device.profile in profiles else python_form(device.profile)
            if form_of_class is not None:
                profiles[device.profile] = compile_profile(device.profile, form_of_class)
        except SiteError as error:
            problems += error.problems
    if problems:
        raise SiteError(problems)
    return Site(profiles, tuple(devices))


def compile_profile(name: str, form: Definition) -> Profile:
    """The model of one profile: a declared one, or `{"python": "module:Class"}` for a class.

    Raises:
        SiteError: the definition does not fit, or the class cannot be loaded.
    """
    try:
        if "python" in form:
            return dataclasses.replace(resolve_python(form["python"]), name=name)
        return declared_profile(name, form)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _misfit(("profiles", name), error) from error


def compile_device(form: Definition) -> DeviceDefinition:
    """The model of one device.

    Raises:
        SiteError: the definition does not fit.
    """
    try:
        return DeviceDefinition(
            id=form["id"],
            name=form["name"],
            host=form["host"],
            profile=form["profile"],
            port=form.get("port", 502),
            unit=form.get("unit", 1),
            link=_link(form["link"]) if form.get("link") else _NO_LINK,
            enabled=form.get("enabled") is not False,
            description=form.get("description", ""),
            address_offset=form.get("address_offset", 0),
            area=form.get("area", ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _misfit(("devices", str(form.get("name", form.get("id", "?")))), error) from error


def _link(form: Definition) -> LinkSettings:
    return _cached_link(tuple((key, tuple(v) if isinstance(v, list) else v) for key, v in form.items()))


@functools.lru_cache(maxsize=256)
def _cached_link(fields: tuple[tuple[str, Any], ...]) -> LinkSettings:
    """Sites have many devices and few kinds of settings."""
    settings = dict(fields)
    if "preset" in settings:
        settings = {**preset_settings(settings.pop("preset")), **settings}
    if "functions" in settings:
        settings["functions"] = frozenset(settings["functions"])
    return LinkSettings(**settings)


def _misfit(path: Path, error: Exception) -> SiteError:
    if isinstance(error, SiteError):
        return error
    what = f"has no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)
    return SiteError([Problem(path, f"this definition does not fit this version of plcmq: {what}")])
