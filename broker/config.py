"""Settings: from flags, then `PLCMQ_*` environment variables, then a TOML file, read in this one place.

Strategy: `resolve` is pure and decides everything: it takes the three sources as maps, refuses unknown names
(with a suggestion) and wrong types (with what was expected and where it came from), and reports all problems
at once. `load` is the thin shell that finds and reads the file.

A setting has one name. `drain` is the flag `--drain`, the variable `PLCMQ_DRAIN` and the key `drain` of the
file. Its default is that of its field in the dataclasses below.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ..client.protocol.bodies import MAX_FRAME_BYTES
from ..client.protocol.messages import DEFAULT_LIMITS, DEFAULT_TIMEOUT, MAX_TIMEOUT, Limits
from ..devices.host.settings import HostSettings
from ..gateway.settings import GatewaySettings
from .config_values import (
    BOOLEAN,
    DATABASE,
    LISTED,
    LISTEN,
    MAYBE_TEXT,
    TEXT,
    Kind,
    Misread,
    Scalar,
    address,
    choice,
    seconds,
    whole,
)

DEFAULT_REGISTRY: Final = "sqlite:///plcmq.db"
DEFAULT_FILE: Final = Path("plcmq.toml")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
LOG_FORMATS: Final = ("text", "json")


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Settings of `plcmq serve`."""

    bind: str = "tcp://127.0.0.1:7502"  # where clients connect
    host_bind: str = "tcp://127.0.0.1:7503"  # where device hosts connect
    registry: str = DEFAULT_REGISTRY  # database URL
    in_process_host: bool = True  # whether a device host runs inside the broker's process
    drain: float = 10.0  # seconds that accepted requests get to finish when the broker is told to end
    log_level: str = "info"  # one of LOG_LEVELS
    log_format: str = "text"  # one of LOG_FORMATS
    limits: Limits = DEFAULT_LIMITS  # of one message; `max_body` sets its body_bytes


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Settings of the commands that call a broker."""

    broker: str = "tcp://127.0.0.1:7502"  # the broker's address for clients
    timeout: float = DEFAULT_TIMEOUT  # seconds that a request may take


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, valid."""

    serve: ServeSettings = field(default_factory=ServeSettings)
    host: HostSettings = field(default_factory=HostSettings)
    client: ClientSettings = field(default_factory=ClientSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)


class SettingsError(Exception):
    """One or more settings are wrong.

    Attributes:
        problems: one sentence each: which setting, where it came from, and what was expected.
        is_usage: whether a flag is among the wrong ones.
    """

    def __init__(self, problems: list[str], *, is_usage: bool = False) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.is_usage = is_usage


_KINDS: Final[Mapping[str, Kind]] = {
    "bind": address("tcp://127.0.0.1:7502", to_bind=True),
    "host_bind": address("tcp://127.0.0.1:7503", to_bind=True),
    "registry": DATABASE,
    "in_process_host": BOOLEAN,
    "drain": seconds(3600, zero=True),
    "log_level": choice(*LOG_LEVELS),
    "log_format": choice(*LOG_FORMATS),
    "max_body": whole(1024, MAX_FRAME_BYTES),
    "host_broker": address("tcp://127.0.0.1:7503", to_bind=False),
    "host_name": TEXT,
    "broker": address("tcp://127.0.0.1:7502", to_bind=False),
    "timeout": seconds(MAX_TIMEOUT, zero=False),
    "gateway_bind": LISTEN,
    "gateway_hosts": LISTED,
    "gateway_origins": LISTED,
    "gateway_proxies": LISTED,
    "gateway_root_path": MAYBE_TEXT,
    "gateway_read_only": BOOLEAN,
    "gateway_viewers": whole(1, 10_000),
    "gateway_metrics_devices": TEXT,
    "gateway_tls_cert": TEXT,
    "gateway_tls_key": TEXT,
    "gateway_behind_proxy": BOOLEAN,
    "insecure": BOOLEAN,
}

# Where a flag is not simply the setting's name.
_FLAGS: Final = {"in_process_host": "--no-host", "host_broker": "--broker", "host_name": "--name"}

# The settings of the gateway alone: as settings and variables they begin with `gateway_`, as flags not.
_GATEWAY: Final = (
    "bind",
    "hosts",
    "origins",
    "proxies",
    "root_path",
    "read_only",
    "viewers",
    "metrics_devices",
    "tls_cert",
    "tls_key",
    "behind_proxy",
)

# Variables that are no settings: where the file is, and what Kubernetes sets in every container beside a
# service named `plcmq` (its "service links": PLCMQ_PORT, PLCMQ_SERVICE_HOST, PLCMQ_PORT_7502_TCP, ...).
_NOT_SETTINGS = re.compile(r"PLCMQ_(CONFIG|(GATEWAY_)?(PORT|SERVICE_.*|PORT_\d+_.*))")


def resolve(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    toml: Mapping[str, object],
    *,
    toml_name: str = str(DEFAULT_FILE),
) -> Settings:
    """The settings that three sources give together; the first that names a setting wins.

    Args:
        flags: by setting name; `None` is a flag that was not given.
        environ: all environment variables; those named `PLCMQ_*` count, unless they are empty.
        toml: the content of the TOML file.
        toml_name: what to call that file in messages.

    Raises:
        SettingsError: a name is unknown or a value wrong, in whichever source, used or not.
    """
    problems: list[str] = []
    from_file = _read_source(toml, lambda name: f"{toml_name}: {name}", problems)
    variables = _variables(environ)
    from_environ = _read_source(variables, lambda name: f"{_variable(name)} (environment)", problems)
    from_others = len(problems)
    given = {name: value for name, value in flags.items() if value is not None}
    from_flags = _read_source(given, flag, problems)
    if problems:
        raise SettingsError(problems, is_usage=len(problems) > from_others)
    return _build(from_file | from_environ | from_flags)


def flag(name: str) -> str:
    """The flag of a setting, such as `--log-level`."""
    return _FLAGS.get(name, "--" + name.removeprefix("gateway_").replace("_", "-"))


def _variable(name: str) -> str:
    return "PLCMQ_" + name.upper()


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        variable.removeprefix("PLCMQ_").lower(): value
        for variable, value in environ.items()
        if variable.startswith("PLCMQ_") and value and not _NOT_SETTINGS.fullmatch(variable)
    }


def _read_source(
    source: Mapping[str, object], label: Callable[[str], str], problems: list[str]
) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for name, raw in source.items():
        kind = _KINDS.get(name)
        if kind is None:
            problems.append(f"{label(name)}: no such setting{_suggestion(name, label)}")
            continue
        try:
            values[name] = kind.read(raw)
        except Misread as error:
            problems.append(f"{label(name)}: {error}")
        except ValueError:
            problems.append(f"{label(name)}: expected {kind.expected}, not {_shown(raw)}")
    return values


def _suggestion(name: str, label: Callable[[str], str]) -> str:
    close = difflib.get_close_matches(name, _KINDS, n=1)
    return f"; did you mean {label(close[0])}?" if close else f"; there are {', '.join(sorted(_KINDS))}"


def _shown(raw: object) -> str:
    return str(raw).lower() if isinstance(raw, bool) else f"{raw!r:.80}"


def without_password(url: str) -> str:
    """A database URL that may be shown: its password, if any, is replaced by `***`."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", url)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


def _build(values: Mapping[str, Scalar]) -> Settings:
    def fields(*names: str, **renamed: str) -> dict[str, Any]:
        by_field = {name: name for name in names} | renamed
        return {field: values[name] for field, name in by_field.items() if name in values}

    serve = fields("bind", "host_bind", "registry", "in_process_host", "drain", "log_level", "log_format")
    limits = replace(DEFAULT_LIMITS, **fields(body_bytes="max_body"))
    host = fields("drain", "log_level", "log_format", broker="host_broker", name="host_name")
    own = {name: f"gateway_{name}" for name in _GATEWAY}
    gateway = fields("broker", "timeout", "drain", "log_level", "log_format", "insecure", **own)
    gateway |= {name: _listed(gateway[name]) for name in ("hosts", "origins", "proxies") if name in gateway}
    return Settings(
        serve=ServeSettings(**serve, limits=limits),
        host=HostSettings(**host),
        client=ClientSettings(**fields("broker", "timeout")),
        gateway=GatewaySettings(**gateway),
    )


def load(flags: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """The settings of this process: flags, environment, and a file.

    The file is `config`, else what PLCMQ_CONFIG names, else ./plcmq.toml if there is one.

    Raises:
        SettingsError: as `resolve`, or the file cannot be read or is not TOML.
    """
    named = config or (Path(environ["PLCMQ_CONFIG"]) if environ.get("PLCMQ_CONFIG") else None)
    if named is None and not DEFAULT_FILE.is_file():
        return resolve(flags, environ, {})
    path = named or DEFAULT_FILE
    try:
        toml = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:  # not UTF-8, or not TOML, whose message names the line
        raise SettingsError([f"{path}: {error}"]) from error
    return resolve(flags, environ, toml, toml_name=str(path))
