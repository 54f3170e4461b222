"""Profiles that are Python classes, found by import path or by entry point.

Strategy: a site names the class, and so do the registry and what hosts receive: `{"python": "module:Class"}`
in the place of a definition. Each process imports it for itself. Whatever goes wrong on the way is a
`SiteError` in the words of site files.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import ModuleType

from ..model.devices import Profile
from ..python.device import Device
from .definitions.content import Definition, is_python_class
from .definitions.problems import Problem, SiteError, suggestion

ENTRY_POINTS = "plcmq.profiles"
"""The group of entry points in which packages offer classes under short names."""

logger = logging.getLogger(__name__)


@functools.cache
def entry_points_of_profiles() -> dict[str, str]:
    """The classes that installed packages offer: `module:Class` by name."""
    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def python_form(profile: str) -> Definition | None:
    """The definition of a device's profile if it names a class, by itself or through an entry point.

    Args:
        profile: `module:Class` or the name of an entry point.
    """
    path = profile if is_python_class(profile) else entry_points_of_profiles().get(profile)
    return None if path is None else {"python": path}


def profile_form(profile: str, declared: Mapping[str, Definition]) -> Definition:
    """The definition of a device's profile: a declared one of that name, or else a class.

    Args:
        profile: as the device's definition names it.
        declared: the declared ones, by name.
    """
    form = declared.get(profile)
    return form if form is not None else python_form(profile) or {"python": profile}


@functools.cache
def resolve_python(path: str) -> Profile:
    """The profile that a Python class declares.

    Args:
        path: `module:Class`.

    Raises:
        SiteError: it cannot be loaded, or what it declares is not valid.
    """
    from .class_profile import class_profile  # brings pydantic, which sites without classes never need

    return class_profile(_load(path), path)


def _load(path: str) -> type[Device]:
    module_name, _, name = path.partition(":")
    if not name:
        raise _problem(path, f"there is neither a profile `{path}` nor an entry point of that name")
    module = _module(module_name, path)
    found = getattr(module, name, None)
    if found is None:
        raise _problem(path, f"module `{module_name}` has no class `{name}`{_hint(name, module)}")
    if not isinstance(found, type) or not issubclass(found, Device):
        raise _problem(path, f"`{path}` is no device class: it must derive from plcmq.devices.Device")
    return found


def _module(name: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _problem(
                path,
                f"there is no module `{error.name}`; install it, or put its folder on PYTHONPATH, wherever a "
                "broker, a host or `plcmq apply` runs",
            ) from error
        raise _problem(path, f"module `{name}` needs `{error.name}`, which is not installed") from error
    except Exception as error:  # the boundary of a module that is not ours: any fault in it is its own
        logger.debug("importing %s failed", name, exc_info=True)
        why = f"{type(error).__name__}: {error}"
        raise _problem(path, f"module `{name}` cannot be imported: {why}") from error


def _hint(name: str, module: ModuleType) -> str:
    classes = [
        other
        for other, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Device) and value is not Device
    ]
    return suggestion(name, classes) or (f"; it has {', '.join(classes)}" if classes else "")


def _problem(path: str, message: str) -> SiteError:
    return SiteError([Problem(("profiles", path), message)])
