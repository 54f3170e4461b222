"""What the broker knows of the registry: every device with its compiled profile, ready to be looked up.

Strategy: immutable. A new revision of the registry makes a new catalogue, which keeps from the old one what
has not changed, so that a change of one device costs one compilation.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..client.protocol.errors import Code, failure
from ..devices.interface.requests import CompiledProfile, did_you_mean
from ..devices.model.devices import DeviceDefinition, Profile
from ..devices.site.compile import compile_device, compile_profile
from ..devices.site.definitions.content import Definition, Snapshot
from ..devices.site.definitions.diff import same
from ..devices.site.definitions.problems import SiteError
from ..devices.site.python_class import profile_form

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A profile: its form as it is stored, and compiled.

    Attributes:
        problem: why it is of no use to this broker; its devices stay, and say so.
    """

    form: Definition
    compiled: CompiledProfile
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A device: its form as hosts are told it, compiled, and its kind.

    `area` is no business of hosts, and changing it must not touch a connection.
    """

    form: Definition
    device: DeviceDefinition
    kind: Kind

    def same_definition(self, other: Entry) -> bool:
        """Whether a host that serves the one serves the other."""
        return same(self.form, other.form) and same(self.kind.form, other.kind.form)


@dataclass(frozen=True)
class Catalogue:
    """All devices of one revision of the registry."""

    revision: int = -1
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    devices: Mapping[int, Entry] = field(default_factory=dict)
    by_name: Mapping[str, Entry] = field(default_factory=dict)
    ids: tuple[int, ...] = ()  # sorted

    def find(self, device: str | int) -> Entry:
        """The device with this name or id.

        Raises:
            PlcmqError: `unknown_device`, also for one that is disabled; `no_host` for one whose profile
                cannot be used.
        """
        if isinstance(device, str):
            entry = self.by_name.get(device) or self.by_name.get(unicodedata.normalize("NFC", device))
        else:
            entry = self.devices.get(device)
        if entry is None:
            close = did_you_mean(str(device), self.by_name)
            hint = f"; did you mean {close['did_you_mean']!r}?" if close else ""
            message = f"there is no device {device!r}{hint or '; the action `devices` lists all'}"
            raise failure(Code.UNKNOWN_DEVICE, message, details={"device": device} | close)
        if not entry.device.enabled:
            message = f"device {entry.device.name!r} is disabled"
            raise failure(Code.UNKNOWN_DEVICE, message, details={"device": device, "disabled": True})
        if entry.kind.problem:
            message = f"device {entry.device.name!r} cannot be served: {entry.kind.problem}"
            raise failure(Code.NO_HOST, message, details={"device": device})
        return entry


def build(snapshot: Snapshot, before: Catalogue) -> Catalogue:
    """The catalogue of a snapshot, with what `before` has compiled already."""
    kinds = {name: _kind(name, form, before) for name, form in snapshot.profiles.items()}
    devices = {}
    for form in snapshot.devices:
        name = form["profile"]
        if name not in kinds:
            kinds[name] = _kind(name, profile_form(name, {}), before)  # a class, which hosts import too
        entry = _entry(form, kinds[name], before)
        devices[entry.device.id] = entry
    by_name = {entry.device.name: entry for entry in devices.values()}
    return Catalogue(snapshot.revision, kinds, devices, by_name, tuple(sorted(devices)))


def _kind(name: str, form: Definition, before: Catalogue) -> Kind:
    known = before.kinds.get(name)
    if known is not None and same(known.form, form) and not known.problem:
        return known
    try:
        return Kind(form, CompiledProfile(compile_profile(name, form)))
    except SiteError as error:
        logger.error("the devices of profile %s cannot be served: %s", name, error)
        return Kind(form, CompiledProfile(Profile(name, {})), str(error))


def _entry(form: Definition, kind: Kind, before: Catalogue) -> Entry:
    known, area = before.devices.get(form["id"]), form.get("area", "")
    if area:
        form = {key: value for key, value in form.items() if key != "area"}
    if known is not None and known.kind is kind and known.device.area == area and same(known.form, form):
        return known
    return Entry(form, replace(compile_device(form), area=area), kind)
