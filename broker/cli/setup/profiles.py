"""`profiles list|show`: the library of profiles, classes that packages offer, and presets of link settings.

Strategy: what is shown can be pasted: a profile as the site file that the library holds it in.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..terminal import render
from ..terminal.options import JsonOption
from ..terminal.reporting import CommandFailed, reported

app = typer.Typer(
    name="profiles",
    no_args_is_help=True,
    help="List and show ready profiles, to paste into a site file.",
)


@app.command("list")
def list_profiles(as_json: JsonOption = False) -> None:
    """List the library's profiles, classes that installed packages offer, and presets for `link`.

    Examples:

        plcmq profiles list

        plcmq profiles list --json | jq -r '.presets[].name'
    """
    with reported(as_json):
        from ....devices.site.definitions.presets import PRESETS
        from ....devices.site.library import library
        from ....devices.site.python_class import entry_points_of_profiles

        profiles = [_row(entry.name, entry.form) for entry in library().values()]
        classes = [{"name": name, "class": path} for name, path in entry_points_of_profiles().items()]
        presets = [
            {"name": p.name, "settings": dict(p.settings), "why": p.why, "source": p.source}
            for p in PRESETS.values()
        ]
        if as_json:
            render.print_json({"profiles": profiles, "classes": classes, "presets": presets})
            return
        rows = [("profile", row["name"], row["description"]) for row in profiles]
        rows += [("class", row["name"], row["class"]) for row in classes]
        rows += [("preset", row["name"], row["why"]) for row in presets]
        render.print_table(("KIND", "NAME", "DESCRIPTION"), rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `plcmq profiles list` shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Print a profile as a site file to paste or to begin with; or a preset's settings and source.

    Examples:

        plcmq profiles show packml > site.yaml

        plcmq profiles show huawei-sun2000
    """
    with reported(as_json):
        from ....devices.site.definitions.presets import PRESETS
        from ....devices.site.library import library

        profiles = library()
        if name in profiles:
            if as_json:
                render.print_json({"profiles": {name: profiles[name].form}})
            else:
                typer.echo(profiles[name].text, nl=False)
        elif name in PRESETS:
            preset = PRESETS[name]
            if as_json:
                render.print_json({"name": name, "settings": dict(preset.settings), "source": preset.source})
            else:
                typer.echo(f"# {preset.why}\n# Source: {preset.source}\nlink: {{preset: {name}}}")
                for setting, value in preset.settings.items():
                    typer.echo(f"#   {setting}: {value}")
        else:
            raise _unknown(name, [*profiles, *PRESETS])


def _row(name: str, form: Any) -> dict[str, Any]:
    counts = {part: len(form.get(part, {})) for part in ("tags", "actions")}
    return {"name": name, "description": form.get("description", ""), **counts}


def _unknown(name: str, known: list[str]) -> CommandFailed:
    from ....devices.site.definitions.problems import suggestion

    hint = suggestion(name, known) or "; `plcmq profiles list` shows what there is"
    return CommandFailed("profiles", [f"there is neither a profile nor a preset {name!r}{hint}"])
