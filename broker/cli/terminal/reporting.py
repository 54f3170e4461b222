"""How a command ends: exit status 0 for done, 1 for a request that failed, 2 for wrong usage, 130 for Ctrl-C.

Strategy: commands raise; one context manager around each turns what they raise into the error on stderr, the
JSON document on stdout where `--json` asked for one, and the status.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from ....client.protocol.errors import PlcmqError
from ....devices.site.definitions.problems import SiteError
from ...config import SettingsError
from .render import print_error, print_json, print_problem

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


class CommandFailed(Exception):
    """A command could not do what it was asked, for a reason that is no request's error.

    Attributes:
        kind: one word for machines, such as `registry`.
        lines: what is wrong, for people, one problem a line.
        hint: what to do about it.
    """

    def __init__(self, kind: str, lines: Sequence[str], hint: str = "") -> None:
        super().__init__("\n".join(lines))
        self.kind = kind
        self.lines = list(lines)
        self.hint = hint


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Ends the command as its errors demand."""
    try:
        yield
    except PlcmqError as error:
        print_error(error)
        if as_json:
            print_json({"error": error.to_map()})
        raise typer.Exit(FAILED) from None
    except CommandFailed as failed:
        _end(failed, FAILED, as_json)
    except SettingsError as wrong:
        _end(CommandFailed("settings", wrong.problems), WRONG_USAGE if wrong.is_usage else FAILED, as_json)
    except SiteError as wrong_site:
        problems = [str(problem) for problem in wrong_site.problems]
        _end(CommandFailed("site", problems, "correct the site file; nothing was changed"), FAILED, as_json)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _end(failed: CommandFailed, status: int, as_json: bool) -> None:
    print_problem(failed.lines, failed.hint)
    if as_json:
        print_json({"error": {"code": failed.kind, "message": str(failed), "problems": failed.lines}})
    raise typer.Exit(status) from None
