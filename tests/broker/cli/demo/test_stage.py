"""The stage of the demo: processes that start, or say why not, and nothing left behind."""

from __future__ import annotations

import tempfile

import psutil
import pytest
from plcmq.broker.cli.demo.stage import DemoFailed, stage, wait_for


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


def test_a_command_that_fails_ends_the_demo():
    with stage() as built, pytest.raises(DemoFailed, match="apply did not start"):
        built.run("apply", "apply", "nowhere.yaml", "--json")


def test_what_does_not_happen_in_time_is_named():
    with pytest.raises(DemoFailed, match="snow did not happen within 0 s"):
        wait_for("snow", lambda: False, patience=0.0)
