"""serve and host as processes: what they print, how they end, and what they say when they cannot start."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from plcmq.client import get_conn

FREE = ("--bind", "tcp://127.0.0.1:0", "--host-bind", "tcp://127.0.0.1:0")


@contextmanager
def running(*arguments: str):
    command = [sys.executable, "-m", "plcmq.broker.cli", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_serve_says_where_it_listens_and_ends_with_status_0_on_sigterm(plcmq, site):
    plcmq("apply", str(site))
    with running("serve", *FREE, "--json") as process:
        ready = json.loads(process.stdout.readline())
        assert ready["devices"] == 2
        assert ready["pid"] == process.pid
        with get_conn(ready["bind"]) as conn:
            assert conn.devices()["total"] == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_serve_tells_people_the_same_and_logs_a_change_of_state_in_one_line(plcmq, site):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        text = site.read_text().replace("192.0.2.1,", f"127.0.0.1, port: {port},")
        site.write_text(text[: text.index("  - {id: 2")])
        plcmq("apply", str(site))
        with running("serve", *FREE) as process:
            assert process.stdout.readline() == "plcmq serves 1 device of sqlite:///plcmq.db\n"
            assert process.stdout.readline().startswith("  clients  tcp://127.0.0.1:")
            assert process.stdout.readline().endswith(", and one in this process\n")
            assert f"press-1: cannot connect to 127.0.0.1:{port} (refused)" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0


def test_a_host_finds_its_broker_and_serves(plcmq, site):
    plcmq("apply", str(site))
    with running("serve", *FREE, "--no-host", "--json") as broker:
        ready = json.loads(broker.stdout.readline())
        with running("host", "--broker", ready["host_bind"], "--name", "hall-2") as host:
            assert "host hall-2 looks for the broker" in host.stderr.readline()
            assert f"serving for {ready['host_bind']}" in host.stderr.readline()
            host.send_signal(signal.SIGTERM)
            assert host.wait(15) == 0


def test_a_port_in_use_is_one_clear_line_and_status_1(plcmq, process, site):
    plcmq("apply", str(site))
    with running("serve", *FREE, "--json") as first:
        taken = json.loads(first.stdout.readline())["bind"]
        second = process("serve", "--bind", taken, "--host-bind", "tcp://127.0.0.1:0")
    assert second.returncode == 1
    assert second.stdout == ""
    (line,) = second.stderr.splitlines()
    assert f"{taken} is in use" in line


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--registry", "sqlite:////nonexistent/plcmq.db"), 1, "/nonexistent does not exist"),
        (("--registry", "plcmq.db"), 2, "did you mean 'sqlite:///plcmq.db'?"),
        (("--bind", "tcp://127.0.0.1:port"), 2, "--bind: 'port' is no TCP port"),
        (("--config", "nowhere.toml"), 1, "nowhere.toml: cannot be read"),
        (("--drain", "-1"), 2, "--drain: expected seconds"),
        (("--log-level", "loud"), 2, "one of debug, info, warning, error"),
    ],
)
def test_what_is_wrong_at_the_start_is_one_clear_line(plcmq, arguments, status, said):
    result = plcmq("serve", *arguments)
    assert result.exit_code == status
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert said in line


def test_a_wrong_variable_is_said_with_its_name(plcmq, monkeypatch):
    monkeypatch.setenv("PLCMQ_BINDE", "tcp://127.0.0.1:1")
    result = plcmq("serve")
    assert result.exit_code == 1
    assert "did you mean PLCMQ_BIND (environment)?" in result.stderr
