"""simulate: what is served where, and what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def simulator(site, tmp_path):
    """Simulated PLCs as a process, and what it printed when they were ready."""
    files = ("--write-site", "served.yaml", "--report", "report.json")
    command = [sys.executable, "-m", "plcmq.broker.cli", "simulate", str(site), *files, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, json.loads(process.stdout.readline())
        process.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_every_endpoint_and_reports_at_the_end(simulator, plcmq, ending):
    process, ready = simulator
    assert [endpoint["devices"] for endpoint in ready["endpoints"]] == [["press-1"], ["press-2"]]
    assert all(endpoint["address"].startswith("127.0.0.1:") for endpoint in ready["endpoints"])
    assert plcmq("apply", "served.yaml").exit_code == 0
    listed = json.loads(plcmq("device", "list", "--json").stdout)["devices"]
    assert [row["endpoint"] for row in listed] == [row["address"] for row in ready["endpoints"]]
    process.send_signal(ending)
    assert process.wait(10) == 0
    report = json.loads(Path("report.json").read_text())
    assert report["endpoints"].keys() == {row["address"] for row in ready["endpoints"]}


def test_a_wrong_fault_script_is_said(plcmq, site, tmp_path):
    (tmp_path / "faults.yaml").write_text("faults: [{fault: gremlin}]")
    result = plcmq("simulate", str(site), "--faults", "faults.yaml")
    assert result.exit_code == 1
    assert "faults.yaml: faults.0.fault: 'gremlin'" in result.stderr


def test_a_wrong_site_is_said(plcmq):
    result = plcmq("simulate", "nowhere.yaml")
    assert result.exit_code == 1
    assert "nowhere.yaml: cannot be read" in result.stderr
