"""Fits a request's arguments to a device: the check at the edge, so that no bad request reaches a host.

Strategy: pure. One function a built-in action; each returns the arguments as workers want them (names in
lists, defaults filled in) or raises the error for the caller. Actions that a profile declares are checked
against their JSON Schemas. Built-in names win over a profile's.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from ...client.protocol.errors import Code, PlcmqError, failure
from ...client.protocol.messages import BUILT_IN, DEFAULT_TIMEOUT
from ..modbus.limits import ADDRESSES, MAX_FUNCTION, MAX_PDU, MAX_REGISTER, most_read, most_written
from ..model.codec import TagCodec, codecs
from ..model.devices import Profile
from ..model.tags import Access, Table
from ..planning.reads import Want, fences_around
from ..site.definitions.problems import nearest, suggestion
from .arguments import Arguments

Args = dict[str, Any]

READS: Final = frozenset(name for name, built_in in BUILT_IN.items() if not built_in.writes)
"""The actions that cannot change anything at the device."""

MIN_INTERVAL: Final = 0.02  # seconds between two looks of a watch
MAX_INTERVAL: Final = 3600.0  # seconds
DEFAULT_TTL: Final = 60.0  # seconds that a watch lives without being renewed
MIN_LOCK: Final = 0.05  # seconds
MAX_LOCK: Final = 3600.0  # seconds
DEFAULT_LOCK: Final = 30.0  # seconds that a lock lives without being renewed


class CompiledProfile:
    """A profile with all that its requests need: codecs and places by tag, argument checks by action."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._shifted: dict[int, CompiledProfile] = {}  # by offset
        self.codecs: Mapping[str, TagCodec] = codecs(profile)
        self.wants: Mapping[str, Want] = {
            name: Want(name, codec.tag.table, codec.tag.address, codec.width, codec.tag.alone)
            for name, codec in self.codecs.items()
        }
        self.exponents: Mapping[str, str] = {
            name: codec.tag.scale_exponent
            for name, codec in self.codecs.items()
            if codec.tag.scale_exponent is not None
        }
        self.joint_wants: Mapping[str, Want] = dict(self._joint_wants())
        self.fences = fences_around(self.wants.values())
        self.arguments = {name: Arguments(action) for name, action in profile.actions.items()}

    def shifted(self, offset: int) -> CompiledProfile:
        """The same for a device whose registers begin elsewhere; made once for each offset."""
        if not offset:
            return self
        if offset not in self._shifted:
            self._shifted[offset] = CompiledProfile(self.profile.shifted(offset))
        return self._shifted[offset]

    def _joint_wants(self) -> Iterator[tuple[str, Want]]:
        """Each value whose exponent is in another register, as one that reaches over both."""
        for name, other in self.exponents.items():
            mine, exponent = self.wants[name], self.wants.get(other)
            if exponent is None or exponent.table is not mine.table or mine.alone or exponent.alone:
                continue
            start = min(mine.address, exponent.address)
            end = max(mine.address + mine.width, exponent.address + exponent.width)
            yield name, Want(name, mine.table, start, end - start)

    def with_exponents(self, names: Iterable[str]) -> set[str]:
        """The tags that must be read for these."""
        wanted = set(names)
        if self.exponents:
            wanted |= {self.exponents[name] for name in wanted & self.exponents.keys()}
        return wanted

    @property
    def action_names(self) -> list[str]:
        """The names of all actions, built-in ones first."""
        return [*BUILT_IN, *(name for name in self.arguments if name not in BUILT_IN)]

    def patience(self, action: str) -> float:
        """Seconds that a request waits that does not say how long: the action's own time, else 5."""
        declared = self.profile.actions.get(action)
        return DEFAULT_TIMEOUT if declared is None else declared.patience

    def fit(self, action: str, rqargs: Args) -> Args:
        """The arguments of a request, checked and completed.

        Raises:
            PlcmqError: `unknown_action`, `unknown_tag` or `bad_args`.
        """
        fit_built_in = _FITS.get(action)
        if fit_built_in is not None:
            return fit_built_in(self, rqargs)
        arguments = self.arguments.get(action)
        if arguments is None:
            message = f"{self.profile.name} has no action {action!r}; it has {', '.join(self.action_names)}"
            details = {"action": action} | did_you_mean(action, self.action_names)
            raise failure(Code.UNKNOWN_ACTION, message, details=details)
        return arguments.fit(rqargs)


def _fit_read(profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "tags", "max_age")
    max_age = _number(rqargs, "max_age") if "max_age" in rqargs else 0.0
    return {"tags": _tags(profile, rqargs), "max_age": max_age}


def _tags(profile: CompiledProfile, rqargs: Args) -> list[str]:
    tags = rqargs.get("tags")
    names = [tags] if isinstance(tags, str) else tags
    if not isinstance(names, list) or not names:
        raise bad_args("tags", "must be a tag's name or a list of names")
    names = [unicodedata.normalize("NFC", name) if isinstance(name, str) else name for name in names]
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise bad_args(f"tags.{index}", "must be a tag's name")
        codec = profile.codecs.get(name)
        if codec is None:
            raise _unknown_tag(profile, name)
        if codec.tag.access is Access.WO:
            raise bad_args(f"tags.{index}", f"{name} is only written (its `access` is `wo`)")
    return names


def _fit_write(profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "values", "verify")
    values = rqargs.get("values")
    if not isinstance(values, dict) or not values:
        raise bad_args("values", "must be a map of tag to value, not empty")
    values = {unicodedata.normalize("NFC", str(name)): value for name, value in values.items()}
    for name, value in values.items():
        codec = profile.codecs.get(name)
        if codec is None:
            raise _unknown_tag(profile, name)
        check_writable(codec, value)
    return {"values": values, "verify": _flag(rqargs, "verify")}


def check_writable(codec: TagCodec, value: Any) -> None:
    """Checks that the tag may be written and that the value fits it.

    Raises:
        PlcmqError: `bad_args` with `details.path`.
    """
    if not codec.tag.access.is_writable:
        raise bad_args(f"values.{codec.tag.name}", "is read-only (its `access` is `ro`)")
    codec.check(value)


def _fit_watch(profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "tags", "interval", "deadband", "ttl", "watch")
    if "watch" in rqargs:
        return {"watch": _text(rqargs, "watch")}
    deadband = rqargs.get("deadband", {})
    if not isinstance(deadband, dict):
        raise bad_args("deadband", "must be a map of tag to number")
    for name in deadband:
        if name not in profile.codecs:
            raise _unknown_tag(profile, name)
    return {
        "tags": _tags(profile, rqargs),
        "interval": _number(rqargs, "interval", default=1.0, low=MIN_INTERVAL, high=MAX_INTERVAL),
        "ttl": _number(rqargs, "ttl", default=DEFAULT_TTL, low=1.0, high=MAX_INTERVAL),
        "deadband": {name: _number(deadband, name, path=f"deadband.{name}") for name in deadband},
    }


def _fit_unwatch(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "watch")
    return {"watch": _text(rqargs, "watch")}


def _fit_read_raw(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "table", "address", "count")
    table = _table(rqargs)
    count = integer(rqargs, "count", 1, most_read(table.is_bits), default=1)
    address = integer(rqargs, "address", 0, ADDRESSES - count)
    return {"table": table.value, "address": address, "count": count}


def _fit_write_raw(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "table", "address", "values")
    table = _table(rqargs)
    if not table.is_writable:
        raise bad_args("table", f"`{table}` cannot be written; `coil` and `holding` can")
    values = rqargs.get("values")
    limit = most_written(table.is_bits)
    if not isinstance(values, list) or not 1 <= len(values) <= limit:
        raise bad_args("values", f"must be a list of 1 to {limit} values")
    for index, value in enumerate(values):
        if not _fits_raw(value, table):
            wanted = "true, false, 1 or 0" if table.is_bits else f"an integer from 0 to {MAX_REGISTER}"
            raise bad_args(f"values.{index}", f"must be {wanted}")
    address = integer(rqargs, "address", 0, ADDRESSES - len(values))
    return {"table": table.value, "address": address, "values": values}


def _fit_pdu(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "function", "data")
    function = integer(rqargs, "function", 1, MAX_FUNCTION)
    data = rqargs.get("data", "")
    try:
        size = len(bytes.fromhex(data)) if isinstance(data, str) else MAX_PDU
    except ValueError:
        size = MAX_PDU
    if size >= MAX_PDU:
        raise bad_args("data", f"must be hexadecimal text of at most {MAX_PDU - 1} bytes")
    return {"function": function, "data": data}


def _fits_raw(value: Any, table: Table) -> bool:
    if table.is_bits:
        return isinstance(value, int) and value in (0, 1)
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_REGISTER


def _fit_lock(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "ttl")
    return {"ttl": _number(rqargs, "ttl", default=DEFAULT_LOCK, low=MIN_LOCK, high=MAX_LOCK)}


def _fit_unlock(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs, "force")
    return {"force": _flag(rqargs, "force")}


def _fit_nothing(_profile: CompiledProfile, rqargs: Args) -> Args:
    only(rqargs)
    return {}


_FITS: Final[Mapping[str, Callable[[CompiledProfile, Args], Args]]] = {
    "read": _fit_read,
    "write": _fit_write,
    "watch": _fit_watch,
    "unwatch": _fit_unwatch,
    "read_raw": _fit_read_raw,
    "write_raw": _fit_write_raw,
    "pdu": _fit_pdu,
    "describe": _fit_nothing,
    "status": _fit_nothing,
    "lock": _fit_lock,
    "unlock": _fit_unlock,
    "identify": _fit_nothing,
}


def bad_args(path: str, message: str) -> PlcmqError:
    """The error for an argument that does not fit; `path` counts from `rqargs`."""
    return failure(Code.BAD_ARGS, f"rqargs.{path} {message}", details={"path": f"rqargs.{path}"})


def _unknown_tag(profile: CompiledProfile, name: str) -> PlcmqError:
    message = f"{profile.profile.name} has no tag {name!r}{suggestion(str(name), profile.codecs)}"
    return failure(Code.UNKNOWN_TAG, message, details={"tag": name} | did_you_mean(str(name), profile.codecs))


def did_you_mean(wrong: str, known: Iterable[str]) -> dict[str, str]:
    """For the details of an error: the nearest name, where there is one."""
    close = nearest(wrong, known)
    return {} if close is None else {"did_you_mean": close}


def only(rqargs: Mapping[str, Any], *names: str) -> None:
    """Refuses arguments other than these."""
    for name in rqargs:
        if name not in names:
            wanted = f"this action takes {', '.join(names)}" if names else "this action takes no arguments"
            raise bad_args(name, f"is unknown; {wanted}")


def _number(
    values: Args,
    name: str,
    *,
    default: float | None = None,
    low: float = 0.0,
    high: float = sys.float_info.max,  # whole numbers beyond it are no float either
    path: str | None = None,
) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        limits = f"{low:g} or more" if high == sys.float_info.max else f"from {low:g} to {high:g}"
        raise bad_args(path or name, f"must be a number, {limits}")
    return float(value)


def _flag(rqargs: Args, name: str) -> bool:
    value = rqargs.get(name, False)
    if not isinstance(value, bool):
        raise bad_args(name, "must be true or false")
    return value


def _text(rqargs: Args, name: str) -> str:
    value = rqargs.get(name)
    if not isinstance(value, str) or not value:
        raise bad_args(name, "must be text that is not empty")
    return value


def integer(rqargs: Mapping[str, Any], name: str, low: int, high: int, *, default: int | None = None) -> int:
    """An argument that must be an integer from `low` to `high`, both included."""
    value = rqargs.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise bad_args(name, f"must be an integer from {low} to {high}")
    return value


def _table(rqargs: Args) -> Table:
    table = rqargs.get("table")
    if not isinstance(table, str) or table not in list(Table):
        raise bad_args("table", f"must be one of {', '.join(Table)}")
    return Table(table)
