"""The demo as it is run, and what it leaves behind: nothing."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from plcmq.broker.cli.demo import command as demo

EXAMPLE = Path(__file__).parents[4] / "examples" / "press" / "site.yaml"


@pytest.mark.slow
def test_the_tour_holds_fits_80_columns_and_leaves_nothing(process, tmp_path):
    env = os.environ | {"TMPDIR": str(tmp_path)}
    result = process("demo", "--once", env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "holding:0 = 15" in result.stdout
    assert "page      http://127.0.0.1:" in result.stdout
    assert "60 of 60 clicks were answered" in result.stdout
    assert "never more than 1 socket" in result.stdout
    assert "device_down, not_executed" in result.stdout
    assert "All of it held." in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []
    assert not [one for one in psutil.process_iter() if _mentions(one, str(tmp_path))]


def test_the_example_is_what_the_demo_runs():
    assert demo.SITE.read_text() == EXAMPLE.read_text()


def _mentions(process: psutil.Process, directory: str) -> bool:
    try:
        return process.cwd().startswith(directory) and process.pid != os.getpid()
    except psutil.Error:
        return False
