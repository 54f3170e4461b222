"""The log costs lines where nobody reads it, never time, and says how many were lost."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import threading

import pytest
from plcmq.broker.cli.terminal.log_lines import JsonLines, LineWriter, TextLines, log_to_stderr

SMALLEST_PIPE = 4096  # bytes, on Linux


def record(message: str, level: int = logging.INFO, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("plcmq.test", level, __file__, 1, message, None, None)
    made.__dict__.update(more)
    return made


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    yield reading, writing
    os.close(writing)


def test_a_line_is_one_event_from_its_level_on(capfd):
    writer = log_to_stderr("warning")
    log = logging.getLogger("plcmq.devices.transport.link")
    log.info("not this")
    log.warning("press-1: [refused] at %s", "192.0.2.1:502")
    writer.close()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("  warning  press-1: [refused] at 192.0.2.1:502")


def test_a_line_that_is_no_terminal_has_date_time_and_offset():
    line = TextLines(is_terminal=False).format(record("up"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d  info     up", line)


def test_a_terminal_has_the_time_of_day_and_no_colour_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  up", TextLines(is_terminal=True).format(record("up")))


def test_json_is_one_object_a_line_with_its_traceback():
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError as error:
        info = (type(error), error, error.__traceback__)
    line = JsonLines().format(record("broken\nin two", logging.ERROR, exc_info=info))
    document = json.loads(line)
    assert "\n" not in line
    assert (document["level"], document["logger"], document["message"]) == (
        "error",
        "plcmq.test",
        "broken\nin two",
    )
    assert "ZeroDivisionError: no" in document["traceback"]


def test_a_full_pipe_costs_lines_and_their_number_is_told(pipe):
    reading, writing = pipe
    writer = LineWriter(writing, most=10)
    for number in range(1000):
        writer.emit(record(f"{number} " + "x" * 100))
    assert writer.lost > 0
    with os.fdopen(reading, "rb") as reader:
        text = b""
        while b"lost" not in text:
            text += os.read(reader.fileno(), 65536)
            writer.emit(record("again"))
        writer.close()
    (lost,) = re.findall(rb"(\d+) lines of the log were lost", text)
    assert int(lost) >= 1000 - 10 - SMALLEST_PIPE // 100 - 1


def test_the_end_waits_for_nobody_who_does_not_read(pipe):
    reading, writing = pipe
    writer = LineWriter(writing, most=10)
    for _ in range(100):
        writer.emit(record("x" * 1000))
    ended = threading.Event()
    threading.Thread(target=lambda: (writer.close(), ended.set()), daemon=True).start()
    assert ended.wait(10), "the end hangs on the log"
    os.close(reading)


def test_a_reader_that_has_gone_costs_lines_only(pipe):
    reading, writing = pipe
    os.close(reading)
    writer = LineWriter(writing)
    writer.emit(record("nobody hears this"))
    writer.close()
    assert writer.lost == 1


def test_half_a_surrogate_pair_is_written_escaped(pipe):
    reading, writing = pipe
    writer = LineWriter(writing)
    writer.emit(record("\ud800"))
    writer.close()
    assert b"\\ud800" in os.read(reading, 100)
    os.close(reading)
