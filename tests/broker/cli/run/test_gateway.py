"""`plcmq gateway` as its user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx


def start(*arguments: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PLCMQ_")}
    return subprocess.Popen(
        [sys.executable, "-m", "plcmq.broker.cli", "gateway", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=Path(__file__).parent,
    )


def test_it_says_where_it_is_and_ends_on_a_signal(fake_broker: Any) -> None:
    with start("--bind", "127.0.0.1:0", "--broker", fake_broker.endpoint, "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert httpx.get(f"{told['url']}/readyz").json() == {"ready": True}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_an_address_that_is_taken_is_one_clear_line(fake_broker: Any) -> None:
    taken = fake_broker.endpoint.removeprefix("tcp://")
    with start("--bind", taken, "--json") as process:
        stdout, stderr = process.communicate(timeout=60)
    assert json.loads(stdout)["error"]["code"] == "cannot_listen"
    assert process.returncode == 1
    assert "Traceback" not in stderr


def test_beyond_loopback_it_wants_protection() -> None:
    with start("--bind", "0.0.0.0:0", "--json") as process:
        stdout, _ = process.communicate(timeout=60)
    assert json.loads(stdout)["error"]["code"] == "not_protected"
    assert process.returncode == 1
