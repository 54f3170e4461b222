"""`apply` and `export`: a site file into the registry, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..terminal import render
from ..terminal.options import ConfigOption, JsonOption, RegistryOption
from ..terminal.reporting import CommandFailed, reported


def apply(
    site: Annotated[
        list[Path], typer.Argument(metavar="SITE...", help="Site files (YAML), and folders of them.")
    ],
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove devices and profiles that are not in the file.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes and change nothing.")] = False,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring site files into the registry; a running broker notices within a second.

    They are checked whole, as one site, before anything changes. Devices that stay the same are not touched.

    Examples:

        plcmq apply site.yaml --dry-run

        plcmq apply plant/ --prune

        plcmq apply site.yaml --prune --registry postgresql://db/plcmq
    """
    with reported(as_json):
        from ....devices.site.load import load_site
        from ..terminal.registry import registry_of

        content = load_site(*site)
        with registry_of(registry, config, create=True) as opened:
            changes = opened.apply(content, prune=prune, dry_run=dry_run)
        if as_json:
            render.print_json({**changes.to_map(), "dry_run": dry_run})
        else:
            render.print_changes(changes, dry_run=dry_run)


def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead of stdout.")
    ] = None,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the registry as a site file that applies to no change.

    Examples:

        plcmq export > site.yaml

        plcmq export --json | jq .devices
    """
    with reported(as_json):
        from ....devices.site.definitions.export import site_text
        from ..terminal.registry import registry_of

        with registry_of(registry, config) as opened:
            content = opened.snapshot()
        if as_json:
            render.print_json({"profiles": content.profiles, "devices": list(content.devices)})
            return
        text = site_text(content)
        if output is None:
            typer.echo(text, nl=False)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandFailed("output", [f"{output}: cannot be written: {error.strerror}"]) from error
