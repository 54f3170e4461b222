"""`simulate`: a simulated PLC for every endpoint of a site file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...config import load
from ..terminal import render
from ..terminal.log_lines import log_to_stderr
from ..terminal.options import ConfigOption, JsonOption
from ..terminal.process import run_until_stopped
from ..terminal.reporting import CommandFailed, reported


def simulate(
    site: Annotated[Path, typer.Argument(metavar="SITE", help="The site file (YAML).")],
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="At the end, write what each PLC counted (JSON).",
        ),
    ] = None,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="Play the faults of this script (YAML).")
    ] = None,
    write_site: Annotated[
        Path | None,
        typer.Option(
            "--write-site", metavar="FILE", help="Write the site file that points at what is served."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a simulated PLC for every endpoint of a site file, until Ctrl-C.

    Endpoints on loopback are served as they are, others on free loopback ports.

    Examples:

        plcmq simulate site.yaml --write-site simulated.yaml

        plcmq simulate site.yaml --report counts.json --faults faults.yaml
    """
    with reported(as_json):
        log_to_stderr(load({}, os.environ, config).serve.log_level)
        _simulate(site, report, faults, write_site, as_json)


def _simulate(
    site: Path, report: Path | None, faults: Path | None, write_site: Path | None, as_json: bool
) -> None:
    """Serves the site until Ctrl-C; what cannot be served or read is told as a failed command."""
    from ....devices.simulator.faults.script import ScriptError
    from ....devices.simulator.run import simulate as run
    from ....devices.simulator.site import ServeError
    from ....devices.site.compile import compile_site
    from ....devices.site.load import load_site

    model = compile_site(load_site(site))

    async def until(stop: asyncio.Event) -> None:
        await run(
            model,
            ready=lambda served: _print_served(
                [(one.devices, str(one.original), str(one.address)) for one in served], as_json
            ),
            stop=stop,
            report=report,
            faults=faults,
            source=site,
            write_site=write_site,
        )

    try:
        run_until_stopped(until)
    except (ServeError, ScriptError) as error:
        raise CommandFailed("simulate", [str(error)]) from error
    except OSError as error:
        raise CommandFailed("simulate", [f"{error.filename}: {error.strerror}"]) from error


def _print_served(served: Sequence[tuple[Sequence[str], str, str]], as_json: bool) -> None:
    """Says which devices are served in the place of which endpoint, at which address."""
    if as_json:
        endpoints = [
            {"devices": list(devices), "original": original, "address": address}
            for devices, original, address in served
        ]
        render.print_json({"endpoints": endpoints, "pid": os.getpid()})
    else:
        rows = [(", ".join(devices), original, address) for devices, original, address in served]
        render.print_table(("DEVICES", "ENDPOINT", "SERVED AT"), rows)
        render.remark("Ctrl-C ends it")
