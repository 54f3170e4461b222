"""The log of a service: one line an event, as text for people or as JSON for collectors.

Strategy: lines go through a bounded queue to a thread, which alone writes. A pipe that nobody reads, a
terminal after Ctrl-S, a reader that has ended, a full disk: each costs lines and never time, and the number
of lost lines is told as soon as one can be written again.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from typing import Final

MOST_LINES: Final = 10_000  # that wait for the thread
END_TIME: Final = 0.5  # seconds that the last lines get at the end of the process

_STYLES: Final = {logging.DEBUG: "\033[2m", logging.WARNING: "\033[33m", logging.ERROR: "\033[1;31m"}
_STDERR: Final = 2
_DIM, _PLAIN = "\033[2m", "\033[0m"


def log_to_stderr(level: str, form: str = "text") -> LineWriter:
    """Sends the log of this process to stderr.

    Args:
        level: the least level that is written: debug, info, warning or error.
        form: `text` or `json`.
    """
    logger = logging.getLogger("plcmq")
    for former in logger.handlers:
        former.close()
    writer = LineWriter(_STDERR)
    writer.setFormatter(JsonLines() if form == "json" else TextLines(is_terminal=os.isatty(_STDERR)))
    logger.handlers[:] = [writer]
    logger.setLevel(level.upper())
    logger.propagate = False
    logging.getLogger("asyncio").handlers[:] = [writer]
    return writer


class TextLines(logging.Formatter):
    """Time and message. A terminal gets the time of day and colours, anything else date, time and level."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self._has_colours = is_terminal and not os.environ.get("NO_COLOR")

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, with further lines only for a traceback."""
        message = super().format(record)
        if not self._is_terminal:
            return f"{_iso(record)}  {record.levelname.lower():<7}  {message}"
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        if not self._has_colours:
            return f"{at}  {message}"
        return f"{_DIM}{at}{_PLAIN}  {_STYLES.get(record.levelno, '')}{message}{_PLAIN}"


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, and `traceback` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "at": _iso(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _iso(record: logging.LogRecord) -> str:
    """Date and time of this place, to the millisecond, with its offset."""
    local = time.localtime(record.created)
    offset = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{int(record.msecs):03}{offset[:3]}:{offset[3:]}"


class LineWriter(logging.Handler):
    """Writes lines to a descriptor, in a thread of its own.

    Attributes:
        lost: lines that could not be written and have not been told of yet.
    """

    def __init__(self, descriptor: int, most: int = MOST_LINES) -> None:
        super().__init__()
        self.lost = 0
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._run, name="plcmq-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hands a line to the thread; drops it where too many wait."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Writes what waits, for END_TIME at the most. Called by `logging` when the process ends."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            self.lost += 1
        self._thread.join(END_TIME)
        super().close()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if self.lost:
                lost, self.lost = self.lost, 0
                line = f"{lost} lines of the log were lost: they could not be written\n{line}"
                self._write(line, lost + 1)
            else:
                self._write(line, 1)

    def _write(self, text: str, lines: int) -> None:
        data = memoryview(f"{text}\n".encode(errors="backslashreplace"))
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:  # nobody reads, or the disk is full: no failure of an output ends a service
            self.lost += lines
