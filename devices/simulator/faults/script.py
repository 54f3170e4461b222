"""Fault scripts: which faults strike which endpoints, when, with which dice.

    seed: 7
    faults:
      - {fault: reply_lost, endpoint: press-1, at: 2, for: 5, every: 30, p: 0.1, mode: fin}
      - {fault: power_cycle, at: 20, dark: 1.5}

Strategy: a script is checked whole before anything runs; an error names the path. The parameters of a fault
are the fields of its class, so a new fault needs one line here. Pure, but for reading the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from .base import Fault
from .frames import BrokenFrames
from .gateway import DeadUnit, WrongUnit
from .pace import Busy, Delay, InFlight, MinGap, Scan, WarmUp
from .register_map import ExceptionReply, Hole, MaxRegisters, NoFunction, SelfReset, Tear, WholeObject
from .silence import Blackhole, IdleClose, LateReplies, PlcStop, PowerCycle, ReplyLost, Unplug
from .slots import SlotLimit
from .watchdog import OutputWatchdog

FAULTS: Mapping[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        Blackhole,
        BrokenFrames,
        Busy,
        DeadUnit,
        Delay,
        ExceptionReply,
        Hole,
        IdleClose,
        InFlight,
        LateReplies,
        MaxRegisters,
        MinGap,
        NoFunction,
        OutputWatchdog,
        PlcStop,
        PowerCycle,
        ReplyLost,
        Scan,
        SelfReset,
        SlotLimit,
        Tear,
        Unplug,
        WarmUp,
        WholeObject,
        WrongUnit,
    )
}
"""All faults, by their names in scripts."""

_OWN = frozenset({"fault", "endpoint", "at", "for", "every"})


class ScriptError(ValueError):
    """A fault script is wrong; the message names the place and what to do."""


@dataclass(frozen=True, slots=True)
class FaultEntry:
    """One line of a script. All times in seconds.

    Attributes:
        kind: the fault; parameters: its fields.
        endpoints: devices, or endpoints as `host:port`; none: all.
        at: from the start of the simulation.
        lasts: how long it is at work; `None`: to the end.
        every: from one beginning to the next; `None`: once.
        seed: of its dice.
    """

    kind: type[Fault]
    parameters: Mapping[str, object]
    endpoints: tuple[str, ...]
    at: float
    lasts: float | None
    every: float | None
    seed: str

    def make(self, endpoint: str) -> Fault:
        """A fault for one endpoint, with dice of its own."""
        kind: Callable[..., Fault] = self.kind  # `parameters` have been checked against its fields
        fault = kind(**self.parameters)
        fault.random = Random(f"{self.seed}/{endpoint}")
        return fault


def load_script(path: Path, known: Iterable[str] = ()) -> list[FaultEntry]:
    """Reads a fault script.

    Args:
        path: a YAML file.
        known: names of endpoints and devices that a script may use; none: any.

    Raises:
        ScriptError: it cannot be read, or is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except OSError as exc:
        raise ScriptError(f"{path}: {exc.strerror or exc}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ScriptError(f"{path}: this is no YAML: {exc}") from exc
    try:
        return parse_script(data, known)
    except ScriptError as exc:
        raise ScriptError(f"{path}: {exc}") from None


def parse_script(data: object, known: Iterable[str] = ()) -> list[FaultEntry]:
    """A fault script from the data of its file; see `load_script`."""
    if not isinstance(data, dict):
        raise ScriptError("a fault script is a map with `seed` and `faults`")
    _only(data, {"seed", "faults"}, "")
    lines = data.get("faults")
    if not isinstance(lines, list):
        raise ScriptError("faults: must be a list")
    names = frozenset(known)
    return [_entry(line, f"faults.{i}", data.get("seed", 0), names) for i, line in enumerate(lines)]


def _entry(line: object, path: str, seed: object, known: frozenset[str]) -> FaultEntry:
    if not isinstance(line, dict):
        raise ScriptError(f"{path}: must be a map such as {{fault: blackhole, at: 2, for: 5}}")
    kind = FAULTS.get(str(line.get("fault")))
    if kind is None:
        raise ScriptError(f"{path}.fault: {line.get('fault')!r} is none of {', '.join(sorted(FAULTS))}")
    types = {field.name: get_type_hints(kind)[field.name] for field in fields(kind) if field.init}
    _only(line, _OWN | types.keys(), f"{path}.")
    given = {name: line[name] for name in types if name in line}
    parameters = {name: _valid(types[name], value, f"{path}.{name}") for name, value in given.items()}
    at = _seconds(line, "at", path) or 0.0
    lasts, every = _seconds(line, "for", path), _seconds(line, "every", path)
    if every is not None and (lasts is None or lasts > every):
        raise ScriptError(f"{path}.every: needs a `for` that is not longer")
    endpoints = _endpoints(line.get("endpoint", []), f"{path}.endpoint", known)
    entry = FaultEntry(kind, parameters, endpoints, at, lasts, every, f"{seed}/{path}")
    try:
        entry.make("")
    except TypeError as exc:
        raise ScriptError(f"{path}: {kind.name}: {str(exc).partition(' ')[2]}") from exc
    return entry


def _endpoints(value: object, path: str, known: frozenset[str]) -> tuple[str, ...]:
    names = tuple(str(name) for name in (value if isinstance(value, list) else [value]))
    for name in names:
        if known and name not in known:
            raise ScriptError(f"{path}: {name!r} is none of {', '.join(sorted(known))}")
    return names


def _seconds(line: Mapping[str, object], name: str, path: str) -> float | None:
    if name not in line:
        return None
    value = line[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ScriptError(f"{path}.{name}: must be a number of seconds, not {value!r}")
    if name == "every" and value < 0.01:
        raise ScriptError(f"{path}.every: must be at least 0.01 s")
    return float(value)


def _valid(kind: Any, value: object, path: str) -> object:
    try:
        return TypeAdapter[object](kind).validate_python(value)
    except ValidationError as exc:
        raise ScriptError(f"{path}: {exc.errors()[0]['msg']}, not {value!r}") from None


def _only(data: Mapping[str, object], allowed: Iterable[str], path: str) -> None:
    for name in data:
        if name not in allowed:
            raise ScriptError(f"{path}{name}: unknown; there are {', '.join(sorted(allowed))}")
