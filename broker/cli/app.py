"""The program `plcmq`: all commands under one name.

Strategy: a file for each group of commands; here they only get their names. What a command needs beyond a
client is imported when it runs, so that `call` and `read` work, and start fast, with the `cli` extra alone.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from .bench.command import bench
from .calls.calling import call, read, write
from .calls.overview import info, stats
from .calls.watching import watch
from .demo.command import demo
from .run.gateway import gateway
from .run.serving import host, serve
from .run.simulating import simulate
from .setup.devices import app as device_app
from .setup.doctor import doctor
from .setup.profiles import app as profiles_app
from .setup.site import apply, export

app = typer.Typer(
    name="plcmq",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="New here? `plcmq demo` shows it all at work, without a PLC.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plcmq {version('plcmq')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """One owner for each PLC: many services talk to many PLCs, and none of them opens a socket to one.

    Exit status: 0 done; 1 the request failed (the error is on stderr); 2 wrong usage.
    """


SERVING = "Run"
SITE = "Set up"
CALLING = "Call a device"

app.command("demo", rich_help_panel=SERVING)(demo)
app.command("serve", rich_help_panel=SERVING)(serve)
app.command("host", rich_help_panel=SERVING)(host)
app.command("gateway", rich_help_panel=SERVING)(gateway)
app.command("simulate", rich_help_panel=SERVING)(simulate)
app.command("info", rich_help_panel=SERVING)(info)
app.command("stats", rich_help_panel=SERVING)(stats)
app.command("apply", rich_help_panel=SITE)(apply)
app.command("export", rich_help_panel=SITE)(export)
app.add_typer(device_app, name="device", rich_help_panel=SITE)
app.command("doctor", rich_help_panel=SITE)(doctor)
app.add_typer(profiles_app, name="profiles", rich_help_panel=SITE)
app.command("call", rich_help_panel=CALLING)(call)
app.command("read", rich_help_panel=CALLING)(read)
app.command("write", rich_help_panel=CALLING)(write)
app.command("watch", rich_help_panel=CALLING)(watch)
app.command("bench", rich_help_panel=CALLING)(bench)
