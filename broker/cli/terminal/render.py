"""Everything the commands print, except logs.

Strategy: people at a terminal get tables and colour; a pipe gets tab-separated lines under the same heads;
with `--json` there is one JSON document on stdout. Errors go to stderr. Rich leaves colour out where NO_COLOR
says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape as escape
from rich.table import Table
from rich.text import Text

from ....client.protocol.bodies import Codec, encode
from ....client.protocol.errors import BrokerUnreachable, Code, Outcome, PlcmqError
from ....devices.site.definitions.diff import Changes

STATE_STYLES: Mapping[str, str] = {
    "up": "green",
    "idle": "green",
    "connecting": "yellow",
    "down": "bold red",
    "unserved": "red",
    "disabled": "dim",
    "unknown": "dim",
}


def stdout() -> Console:
    """The console of what was asked for."""
    return Console(highlight=False, soft_wrap=True)


def stderr() -> Console:
    """The console of errors and remarks."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """The document on one line. NaN and the infinities become null, as on the wire."""
    print(encode(Codec.JSON, document).decode(), flush=True)


def print_line(line: str = "") -> None:
    """One line of rich markup; what comes from outside must be escaped."""
    stdout().print(line)


def remark(line: str) -> None:
    """A line beside the result, which a pipe must not get."""
    stderr().print(Text(line, style="dim"))


def print_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table at a terminal, tab-separated lines elsewhere. A column named STATE is coloured by its words."""
    console = stdout()
    if not console.is_terminal:
        for row in (heads, *rows):
            print("\t".join(plain(cell) for cell in row))
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, no_wrap=head not in ("VALUE", "REASON", "DESCRIPTION"), overflow="fold")
    for row in rows:
        cells = zip(heads, map(plain, row), strict=True)
        table.add_row(
            *(Text(cell, STATE_STYLES.get(cell, "") if head == "STATE" else "") for head, cell in cells)
        )
    console.print(table, soft_wrap=False)


def print_values(result: Mapping[str, Any]) -> None:
    """A result by name; maps inside it by dotted names."""
    rows = list(_flattened(result, ""))
    if rows:
        print_table(("NAME", "VALUE"), rows)
    else:
        print_line("[green]done[/]")


def print_done(document: Mapping[str, Any], line: str, as_json: bool) -> None:
    """That something is done."""
    if as_json:
        print_json(document)
    else:
        print_line(escape(line))


def print_serving(bind: str, host_bind: str, registry: str, devices: int, has_host: bool) -> None:
    """Where a broker that is ready listens, and how many devices it has."""
    own = ", and one in this process" if has_host else ""
    number = f"{devices} device" + ("" if devices == 1 else "s")
    print_line(f"[bold]plcmq serves {number}[/] of {escape(registry)}")
    print_line(f"  [cyan]clients[/]  {escape(bind)}")
    print_line(f"  [cyan]hosts[/]    {escape(host_bind)}{own}")
    if not devices:
        print_line("  `plcmq apply SITE` brings devices into the registry; no restart is needed")


def print_gateway(url: str, broker: str, is_read_only: bool) -> None:
    """Where a gateway that is ready listens."""
    print_line(f"[bold]plcmq gateway[/] of {escape(broker)}" + (", watching only" if is_read_only else ""))
    print_line(f"  [cyan]page[/]           {escape(url)}/")
    print_line(f"  [cyan]documentation[/]  {escape(url)}/docs")


def print_changes(changes: Changes, *, dry_run: bool) -> None:
    """What applying a site changes, as a diff, and how much that is."""
    marks = (("+", "green", changes.added), ("~", "yellow", changes.changed), ("-", "red", changes.removed))
    for mark, style, part in marks:
        for change in part:
            print_line(f"[{style}]{mark} {escape(str(change))}[/]")
    if not changes:
        print_line("nothing to change")
        return
    counts = ", ".join(
        f"{len(part)} {word}"
        for word, part in (
            ("added", changes.added),
            ("changed", changes.changed),
            ("removed", changes.removed),
        )
    )
    print_line(f"{counts}; this was a dry run, nothing is changed" if dry_run else counts)


def print_devices(rows: Sequence[Mapping[str, Any]]) -> None:
    """Devices with their states. At a terminal the reasons stand below, where they have room."""
    heads = ("ID", "NAME", "PROFILE", "ENDPOINT", "UNIT", "STATE", "FOR")
    cells = [
        (r["id"], r["name"], r["profile"], r["endpoint"], r["unit"], r["state"], ago(r["since"]))
        for r in rows
    ]
    if not stdout().is_terminal:
        print_table(
            (*heads, "REASON"), [(*cell, row["reason"]) for cell, row in zip(cells, rows, strict=True)]
        )
        return
    print_table(heads, cells)
    troubled = [row for row in rows if row["reason"] and row["state"] != "unknown"]
    if troubled:
        print_line()
    for row in troubled:
        print_line(f"[{STATE_STYLES.get(row['state'], '')}]{escape(row['name'])}[/]: {escape(row['reason'])}")


def print_device(state: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    """One device: how it is doing, then its tags and actions, as `describe` tells them."""
    since = ago(state["since"])
    print_table(
        ("NAME", "VALUE"),
        [(name, state[name]) for name in ("id", "name", "profile", "endpoint", "unit", "state")]
        + [(name, value) for name, value in (("for", since), ("reason", state["reason"])) if value],
    )
    if tags := described.get("tags"):
        print_line()
        heads = ("TAG", "ADDRESS", "TYPE", "ACCESS", "UNIT", "DESCRIPTION")
        columns = ("address", "type", "access", "unit", "description")
        print_table(heads, [(name, *(tag.get(column) for column in columns)) for name, tag in tags.items()])
    if actions := described.get("actions"):
        print_line()
        rows = [
            (name, " ".join(action["schema"].get("properties", {})), action["description"])
            for name, action in actions.items()
        ]
        print_table(("ACTION", "ARGUMENTS", "DESCRIPTION"), rows)


def _flattened(values: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def plain(value: object) -> str:
    """A value as people read it: text as it is, anything else as JSON; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\t", " ").replace("\n", " ")
    if isinstance(value, float):
        return f"{value:.10g}"
    return encode(Codec.JSON, {"": value}).decode()[4:-1]


def ago(since: float | None, now: float | None = None) -> str:
    """How long something has been so: `12 s`, `3 min`, `5 h`, `2 d`."""
    if not since:
        return ""
    seconds = max(0.0, (time.time() if now is None else now) - since)
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < length * most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


_OUTCOMES: Mapping[Outcome, str] = {
    Outcome.NOT_EXECUTED: "nothing was changed at the device",
    Outcome.EXECUTED: "the device did something",
    Outcome.UNKNOWN: "nobody can say what the device did",
}

_ADVICE: Mapping[Code, str] = {
    Code.UNKNOWN_DEVICE: "`plcmq device list` shows the devices",
    Code.UNKNOWN_ACTION: "`plcmq call DEVICE describe` shows the device's actions",
    Code.UNKNOWN_TAG: "`plcmq call DEVICE describe` shows the device's tags",
    Code.BAD_ARGS: "`plcmq call DEVICE describe` shows what the arguments may be",
    Code.NO_HOST: "start a device host: `plcmq host`, or `plcmq serve` without --no-host",
    Code.INTERNAL: "this is a fault of plcmq itself: its log has more, under the reference above",
}


def advice(error: PlcmqError) -> str:
    """What to do about an error, in one sentence."""
    if isinstance(error, BrokerUnreachable):
        return "start one with `plcmq serve`, or name its address with --broker"
    if error.code in _ADVICE:
        return _ADVICE[error.code]
    if error.code is Code.ACTION_FAILED and error.outcome is Outcome.NOT_EXECUTED:
        return "the action wants another state of the machine: see to that, then ask again"
    if error.outcome is Outcome.UNKNOWN and not error.retryable:
        return "look at the machine before you do anything; do not simply repeat it"
    if error.retryable:
        after = error.retry_after
        return f"try again in {after:.2g} s" if after else "try again"
    if error.outcome is Outcome.EXECUTED:
        return "look at the machine, then decide"
    hint = error.details.get("hint")
    return hint if isinstance(hint, str) else "change the request; as it stands it will not succeed"


def print_error(error: PlcmqError, about: str = "") -> None:
    """The error for people, on stderr: code, message, what happened at the device, and what to do."""
    lines = [f"[bold red]{error.code}[/]  {escape(f'{about}: ' if about else '')}{escape(error.message)}"]
    lines.append(f"  outcome     {error.outcome}: {_OUTCOMES[error.outcome]}")
    facts = {name: fact for name, fact in error.details.items() if name != "retry_after"}
    if facts:
        shown = ", ".join(f"{name} = {plain(fact)}" for name, fact in facts.items())
        lines.append(f"  details     {escape(shown)}")
    lines.append(f"  what to do  {escape(advice(error))}")
    stderr().print("\n".join(lines))


def print_problem(lines: Sequence[str], hint: str) -> None:
    """What went wrong before anything was asked of a device, on stderr."""
    console = stderr()
    for line in lines:
        console.print(f"[bold red]plcmq:[/] {escape(line)}")
    if hint:
        console.print(f"  what to do  {escape(hint)}")
