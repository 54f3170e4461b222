"""watch: what it prints where, and how it ends."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest
from plcmq.broker.cli.calls.watching import Board
from plcmq.client import Code, WatchEvent
from plcmq.client.protocol.errors import failure
from rich.console import Console

DOWN = failure(Code.DEVICE_DOWN, "no connection")


@pytest.fixture
def watcher(fake_broker):
    """Starts `plcmq watch` as a process; returns it when the broker was asked."""
    fake_broker.answers["watch"] = lambda _: {"watch": "w", "ttl": 30}
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "plcmq.broker.cli", "watch", *arguments]
        process = subprocess.Popen(
            [*command, "--broker", fake_broker.endpoint],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        fake_broker.watched.get(timeout=20)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_pipe_gets_a_line_for_each_change(watcher, fake_broker):
    process = watcher("press-1", "a", "b", "--interval", "0.5", "--deadband", "a=2")
    asked = fake_broker.requests[-1]
    assert asked.rqargs == {"tags": ["a", "b"], "interval": 0.5, "deadband": {"a": 2}, "ttl": 30.0}
    fake_broker.tell({"values": {"a": 21.5, "b": None}, "errors": {"c": DOWN.to_map()}})
    lines = [process.stdout.readline() for _ in range(3)]
    assert lines == ["a\t21.5\n", "b\tnull\n", "c\t\tdevice_down: no connection\n"]


def test_ctrl_c_ends_it_quietly(watcher, fake_broker):
    process = watcher("press-1", "a", "--json")
    fake_broker.tell({"values": {"a": 1}, "age": {"a": 0.5}, "overruns": 2})
    assert json.loads(process.stdout.readline()) == {"values": {"a": 1}, "age": {"a": 0.5}, "overruns": 2}
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130


def test_an_unknown_tag_ends_it_with_its_error(plcmq, broker):
    broker.answers["watch"] = failure(Code.UNKNOWN_TAG, "press has no tag 'nope'")
    result = plcmq("watch", "press-1", "nope")
    assert result.exit_code == 1
    assert "unknown_tag" in result.stderr


@pytest.mark.parametrize("deadband", ["a", "=1", "a=x"])
def test_a_deadband_is_a_tag_and_a_number(plcmq, deadband):
    assert plcmq("watch", "press-1", "a", "--deadband", deadband).exit_code == 2


def test_the_table_has_values_units_ages_errors_and_overruns():
    now = 1000.0
    board = Board("press-1", ["a", "b", "c"], {"a": "degC"}, clock=lambda: now)
    board.take(WatchEvent({"a": 21.5, "b": "idle"}, {"a": 0.0, "b": 0.0}, overruns=3))
    now = 1007.0
    board.take(WatchEvent(errors={"b": DOWN}, restarted=True))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(board.table())
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[0] == ["TAG", "VALUE", "UNIT", "AGE", "CHANGED"]
    assert lines[1][:5] == ["a", "21.5", "degC", "7", "s"]
    assert lines[2][:2] == ["b", "device_down:"]
    assert lines[3] == ["c", "…"]
    assert "3 overruns" in " ".join(lines[4])
    assert "taken up again" in " ".join(lines[4])
