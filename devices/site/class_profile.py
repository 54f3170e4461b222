"""A class of devices as a profile: checked by the rules of site files, its coroutines as the actions' code.

Strategy: its tags become the plain data that a site file would have, so that forms, rules and messages are
the same ones. What only a class can get wrong (names that hide a step, signatures without types) is added.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from ..model.actions import Action, Conductor, Script
from ..model.devices import Profile
from ..model.tags import Tag as TagModel
from ..model.tags import Value
from ..python.device import Device, Tag, is_action, options_of
from ..python.signature import BadSignature, argument_schemas, converters, summary
from .definitions.declared import declared_profile
from .definitions.expand import rebased
from .definitions.problems import Path, Problem, SiteError
from .forms.base import canonical
from .forms.structure import ActionParts, ProfileParts, read_forms
from .rules.profile import check_profile

ActionCode = Callable[..., Coroutine[object, object, object]]


def class_profile(device: type[Device], path: str) -> Profile:
    """The profile that a class declares.

    Args:
        device: the class.
        path: `module:Class`, which becomes the profile's name.

    Raises:
        SiteError: what it declares is not valid; with the path of every problem.
    """
    return _ClassReader(device, path).profile()


class _ClassReader:
    def __init__(self, device: type[Device], path: str) -> None:
        self._device = device
        self._name = path
        self._path: Path = ("profiles", path)
        self._problems: list[Problem] = []

    def profile(self) -> Profile:
        form = self._form()
        parts = self._parts(form)
        codes = self._codes()
        parts.actions = {name: ActionParts(self._schemas(name, code)) for name, code in codes.items()}
        findings: list[tuple[Path, str]] = []
        check_profile(parts, self._path, findings)
        self._problems += [Problem(path, message) for path, message in findings]
        if self._problems:
            raise SiteError(self._problems)
        tags = {name: canonical(tag) for name, tag in parts.tags.items()}
        declared = declared_profile(self._name, {**form, "tags": tags})
        actions = {
            name: Action(
                name=name,
                args={arg: dict(schema) for arg, schema in _maps(parts.actions[name].args)},
                description=summary(code.__doc__ or ""),
                script=_script(self._device, code, declared.tags),
                **dataclasses.asdict(options_of(code)),
            )
            for name, code in codes.items()
        }
        return dataclasses.replace(declared, actions=actions)

    def _form(self) -> dict[str, Any]:
        bases = self._device.__mro__
        docs = [vars(base).get("__doc__") for base in bases[: bases.index(Device)]]
        tags = {}
        for name, tag in _attributes(self._device, Tag):
            self._refuse_hidden(name, "tags")
            tags[name] = tag.form()
        form = {
            "address_base": self._device.address_base,
            "description": next((summary(doc) for doc in docs if doc), ""),
            "word_order": self._device.word_order,
            "byte_order": self._device.byte_order,
            "on_connect": list(self._device.on_connect),
            "heartbeat": list(self._device.heartbeat),
            "tags": tags,
        }
        return rebased(form)

    def _parts(self, form: Mapping[str, Any]) -> ProfileParts:
        name = self._device.__name__
        site, problems = read_forms({"profiles": {name: form}})
        self._problems += [Problem((*self._path, *problem.path[2:]), problem.message) for problem in problems]
        return site.profiles[name]

    def _codes(self) -> dict[str, ActionCode]:
        codes: dict[str, ActionCode] = {}
        for name, code in _attributes(self._device, object):
            if not is_action(code):
                continue
            self._refuse_hidden(name, "actions")
            if inspect.iscoroutinefunction(code):
                codes[name] = code
            else:
                self._refuse(("actions", name), "must be a coroutine: `async def`")
        return codes

    def _schemas(self, name: str, code: ActionCode) -> dict[str, object]:
        try:
            return dict(argument_schemas(code))
        except BadSignature as error:
            self._refuse(("actions", name, *(("args", error.name) if error.name else ())), str(error))
            return {}

    def _refuse_hidden(self, name: str, where: str) -> None:
        if name in vars(Device):
            self._refuse((where, name), f"the name `{name}` is one that every device has; choose another")

    def _refuse(self, path: Path, message: str) -> None:
        self._problems.append(Problem((*self._path, *path), message))


def _attributes(device: type[Device], kind: type[Any]) -> list[tuple[str, Any]]:
    """The attributes of a kind that a class has, those of its bases first, as it has them in the end."""
    names = dict.fromkeys(name for base in reversed(device.__mro__) for name in vars(base))
    found = [(name, inspect.getattr_static(device, name)) for name in names]
    return [(name, value) for name, value in found if isinstance(value, kind)]


def _maps(args: Mapping[str, object]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, schema) for name, schema in args.items() if isinstance(schema, Mapping)]


def _script(device: type[Device], code: ActionCode, tags: Mapping[str, TagModel]) -> Script:
    convert = converters(code)

    def script(conductor: Conductor, args: Mapping[str, Value]) -> Coroutine[object, object, object]:
        given = {name: convert[name](value) for name, value in args.items()}
        return code(device(conductor, tags), **given)

    return script
