"""The demo's stage: a temporary directory and real processes, all gone when the curtain falls.

Strategy: every process is this very program, started as its user would, in a session of its own so that
Ctrl-C reaches only the demo, which then ends the others in order. A process is ready when it prints its one
line of JSON; one that ends or stays silent instead is a failure that shows the end of its log.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PATIENCE = 15.0  # seconds that a process gets to start or to end
LAST_LINES = 8  # of a log, shown where something went wrong


class DemoFailed(Exception):
    """Something did not hold; the message says what."""


class Program:
    """One running `plcmq` process.

    Attributes:
        name: what the demo calls it.
        pid: its process id.
        ready: what it printed when it was ready.
    """

    def __init__(self, directory: Path, name: str, arguments: list[str]) -> None:
        self.name = name
        self._log = directory / f"{name}.log"
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PLCMQ_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "plcmq.broker.cli", *arguments],
                cwd=directory,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.ready: dict[str, Any] = {}

    def wait_ready(self) -> None:
        """Waits for its line of JSON.

        Raises:
            DemoFailed: it ended, or said nothing in time.
        """
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            line = stdout.readline() if selector.select(PATIENCE) else b""
        try:
            self.ready = json.loads(line)
        except ValueError:
            self.ready = {"error": "nothing"}
        if "error" in self.ready:
            raise DemoFailed(f"{self.name} did not start")

    def wait_end(self) -> int:
        """Waits until it has ended by itself; its exit status."""
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        """Ends it, in the end by force, and lets go of its output."""
        if self._process.poll() is None:
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self.kill()

    def kill(self) -> None:
        """Ends it at once. Does nothing where it has ended."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def last_words(self) -> list[str]:
        """The end of its log."""
        return self._log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]


class Stage:
    """Where the demo plays: its directory, and the processes it has started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._programs: list[Program] = []

    def start(self, name: str, *arguments: str) -> Program:
        """Starts a `plcmq` process; `wait_ready` waits for it."""
        program = Program(self.directory, name, list(arguments))
        self._programs.append(program)
        return program

    def run(self, name: str, *arguments: str) -> None:
        """Runs a `plcmq` command to its end.

        Raises:
            DemoFailed: its status was not 0.
        """
        program = self.start(name, *arguments)
        program.wait_ready()
        if program.wait_end() != 0:
            raise DemoFailed(f"`plcmq {' '.join(arguments)}` failed")

    def last_words(self) -> list[str]:
        """The ends of all logs, where something went wrong."""
        return [f"{program.name}: {line}" for program in self._programs for line in program.last_words()]

    def close(self) -> None:
        """Ends all processes, the last started first; all at once where Ctrl-C comes meanwhile."""
        try:
            for program in reversed(self._programs):
                program.close()
        finally:
            for program in self._programs:
                program.kill()


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage from the first to the last moment: afterwards no process and no file is left."""
    with TemporaryDirectory(prefix="plcmq-demo-") as directory:
        built = Stage(Path(directory))
        try:
            yield built
        finally:
            built.close()


def wait_for(what: str, holds: Callable[[], bool], patience: float = PATIENCE) -> float:
    """Waits until something holds; the seconds it took.

    Raises:
        DemoFailed: it did not hold in time.
    """
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > patience:
            raise DemoFailed(f"{what} did not happen within {patience:g} s")
        time.sleep(0.05)
    return time.monotonic() - started
