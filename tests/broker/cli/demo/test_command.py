"""The demo as it is run, and what it leaves behind: nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil
import pytest
from plcmq.broker.cli.demo import command as demo
from plcmq.broker.cli.demo.stage import DemoFailed, stage
from plcmq.broker.cli.demo.voice import Voice, in_words

EXAMPLE = Path(__file__).parents[4] / "examples" / "press" / "site.yaml"


@pytest.mark.slow
def test_the_tour_holds_fits_80_columns_and_leaves_nothing(process, tmp_path):
    env = os.environ | {"TMPDIR": str(tmp_path)}
    result = process("demo", "--once", env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "holding:0 = 15" in result.stdout
    assert "60 of 60 clicks were answered" in result.stdout
    assert "never more than 1 socket" in result.stdout
    assert "device_down, not_executed" in result.stdout
    assert "All of it held." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []
    assert not [one for one in psutil.process_iter() if _mentions(one, str(tmp_path))]


def test_a_stage_ends_its_processes_and_removes_its_files_whatever_happens(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pids = []

    def play() -> None:
        with stage() as built:
            pids.append(built.start("broker", "serve", "--bind", "tcp://127.0.0.1:0", "--json").pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play()
    assert not any(map(psutil.pid_exists, pids))
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_does_not_start_is_told_with_its_last_words():
    with stage() as built:
        program = built.start("broker", "serve", "--bind", "nonsense", "--json")
        with pytest.raises(DemoFailed, match="broker did not start"):
            program.wait_ready()
        assert "--bind: expected an address" in built.last_words()[0]


def test_what_does_not_hold_ends_the_demo(capsys):
    with pytest.raises(DemoFailed, match="this does not hold: 2 = 3"):
        Voice().holds(False, "2 = 3")


def test_the_example_is_what_the_demo_runs():
    assert demo.SITE.read_text() == EXAMPLE.read_text()


@pytest.mark.parametrize(("seconds", "text"), [(0.00084, "0.8 ms"), (0.063, "63 ms"), (1.25, "1.2 s")])
def test_times_as_people_say_them(seconds, text):
    assert in_words(seconds) == text


def _mentions(process: psutil.Process, directory: str) -> bool:
    try:
        return process.cwd().startswith(directory) and process.pid != os.getpid()
    except psutil.Error:
        return False
