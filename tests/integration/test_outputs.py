"""No failure of an output ends a service or holds it up."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest
from plcmq.client import get_conn

SITE = """\
profiles:
  press: {tags: {a: {address: "holding:0", type: uint16}}}
devices:
"""
DEVICES = 60


@pytest.fixture
def registry(tmp_path):
    """Sixty devices that nobody serves: the log has a line for each."""
    site = tmp_path / "site.yaml"
    rows = [
        f"  - {{id: {n}, name: d{n}, host: 127.0.0.1, port: {n}, profile: press}}" for n in range(1, DEVICES)
    ]
    site.write_text(SITE + "\n".join(rows) + "\n")
    url = f"sqlite:///{tmp_path / 'plcmq.db'}"
    command = [sys.executable, "-m", "plcmq.broker.cli", "apply", str(site), "--registry", url]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return url


def serve(registry: str, stderr: int) -> subprocess.Popen[str]:
    free = ("--bind", "tcp://127.0.0.1:0", "--host-bind", "tcp://127.0.0.1:0", "--json")
    command = [sys.executable, "-m", "plcmq.broker.cli", "serve", "--registry", registry, *free]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)


def answers_and_ends(process: subprocess.Popen[str]) -> None:
    bind = json.loads(process.stdout.readline())["bind"]
    with get_conn(bind) as conn:
        assert conn.devices()["total"] == DEVICES - 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_a_broker_whose_log_nobody_reads_answers_and_ends(registry):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4096)  # full from the start
    try:
        with serve(registry, writing) as process:
            answers_and_ends(process)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_broker_whose_reader_of_the_log_has_gone_answers_and_ends(registry):
    reading, writing = os.pipe()
    os.close(reading)
    with serve(registry, writing) as process:
        os.close(writing)
        answers_and_ends(process)
