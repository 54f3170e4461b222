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
from ..terminal.options import ConfigOption, JsonOption
from ..terminal.process import log_to_stderr, run_until_stopped
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
        from ....devices.simulator.faults.script import ScriptError
        from ....devices.simulator.run import simulate as run
        from ....devices.simulator.site import Served, ServeError
        from ....devices.site.compile import compile_site
        from ....devices.site.load import load_site

        log_to_stderr(load({}, os.environ, config).serve.log_level)
        model = compile_site(load_site(site))

        def ready(served: Sequence[Served]) -> None:
            rows = [(", ".join(one.devices), str(one.original), str(one.address)) for one in served]
            if as_json:
                endpoints = [
                    {"devices": list(one.devices), "original": str(one.original), "address": str(one.address)}
                    for one in served
                ]
                render.print_json({"endpoints": endpoints, "pid": os.getpid()})
            else:
                render.print_table(("DEVICES", "ENDPOINT", "SERVED AT"), rows)
                render.remark("Ctrl-C ends it")

        async def until(stop: asyncio.Event) -> None:
            await run(
                model,
                ready=ready,
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
