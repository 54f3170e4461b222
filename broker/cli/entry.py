"""Where `plcmq` begins: a script that works, and helps, also where its libraries are missing.

Strategy: nothing is imported here but the standard library. The thin install brings no command line, and the
`cli` extra no broker; whoever runs `plcmq` then is told what to install instead of being shown a traceback.
"""

from __future__ import annotations

import os
import signal
import sys

# What runs until it is told to end: to be told so while it starts is no failure.
_SERVICES = {"serve", "host", "simulate", "gateway"}
_BY_LIBRARY = {
    "typer": "cli",
    "rich": "cli",
    "pymodbus": "broker",
    "peewee": "broker",
    "playhouse": "broker",
    "psycopg": "broker",
    "yaml": "broker",
    "pydantic": "broker",
    "fastjsonschema": "broker",
    "uvloop": "broker",
    "hdrh": "loadtest",
}


def run() -> None:
    """Runs the command that the arguments of this process name, and exits with its status."""
    _open_missing_descriptors()
    _end_by_signal_from_now_on()
    try:
        from .app import app

        app(prog_name="plcmq")
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        extra = _BY_LIBRARY.get(library)
        if extra is None:
            raise
        print(missing(library, extra), file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # between the commands' own handling and the interpreter's end
        raise SystemExit(130) from None


def _open_missing_descriptors() -> None:
    """Opens the null device where 0, 1 or 2 is closed, or the next socket would become our stdout."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _end_by_signal_from_now_on() -> None:
    """A container's first process gets no signal without a handler, not even while it is still starting."""
    status = 0 if _SERVICES & set(sys.argv[1:2]) else 128 + signal.SIGTERM
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(status))


def missing(library: str, extra: str) -> str:
    """What to say where a library is missing, and in which extra it comes."""
    what = "its command line" if extra == "cli" else "this command"
    return f'plcmq: {what} needs {library}, which is not installed: pip install "plcmq[{extra}]"'


if __name__ == "__main__":
    run()
