"""bench: what it refuses, what it asks, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from plcmq.client import Code
from plcmq.client.protocol.errors import failure

DESCRIPTION = {"tags": {"a": {"access": "ro"}, "b": {"access": "rw"}}, "actions": {}}
SHORT = ("--duration", "0.3", "--warm-up", "0", "--in-flight", "2")


@pytest.fixture
def bench_broker(broker):
    broker.answers |= {"describe": DESCRIPTION, "read": {"values": {"a": 1}}, "write": {"written": ["b"]}}
    return broker


def plain(text: str) -> str:
    """What stands in a box, as one line."""
    return " ".join(text.replace("│", " ").split())


def test_writes_and_actions_are_refused_unless_allowed(plcmq, broker):
    result = plcmq("bench", "press-1", "--write", "b=1", "--call", "start_batch", "--read", "a")
    assert result.exit_code == 2
    assert "--allow-writes" in result.stderr
    assert "'write b', 'call start_batch'" in plain(result.stderr)
    assert broker.requests == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "5", "--in-flight", "5"], "one of them"),
        (["--read", "a:0"], "above 0"),
        (["--output", "nowhere/result.json"], "no such directory"),
        (["--rate", "0"], "--rate"),
        ([], "DEVICE"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_asked(plcmq, broker, options, said):
    result = plcmq("bench", *(["press-1"] if options else []), *options)
    assert result.exit_code == 2
    assert said in plain(result.stderr)
    assert broker.requests == []


def test_without_a_mix_it_reads_one_tag_at_a_time(plcmq, bench_broker):
    result = plcmq("bench", "press-1", "2", *SHORT)
    assert result.exit_code == 0, result.stderr
    asked = [request for request in bench_broker.requests if request.action == "read"]
    assert {request.device for request in asked} == {"press-1", 2}
    assert {tuple(request.rqargs["tags"]) for request in asked} == {("a",), ("b",)}
    assert "requests/s" in result.stdout


def test_allowed_writes_are_sent(plcmq, bench_broker):
    result = plcmq(
        "bench", "press-1", *SHORT, "--write", "b=7", "--allow-writes", "--codec", "json", "--json"
    )
    assert result.exit_code == 0, result.stderr
    assert bench_broker.asked("write").rqargs == {"values": {"b": 7}}
    document = json.loads(result.stdout)
    assert document["operations"].keys() == {"write b"}
    assert document["load"]["codec"] == "json"


def test_status_1_when_nothing_succeeds(plcmq, bench_broker):
    bench_broker.answers["read"] = failure(Code.DEVICE_DOWN, "no connection")
    result = plcmq("bench", "press-1", *SHORT)
    assert result.exit_code == 1
    assert "device_down" in result.stdout
    assert "succeeded" in result.stderr


@pytest.mark.parametrize("threshold", [("--fail-under-rate", "1000000000"), ("--fail-over-p99", "0.000001")])
def test_status_1_when_a_threshold_is_missed_with_the_result_all_the_same(plcmq, bench_broker, threshold):
    result = plcmq("bench", "press-1", *SHORT, *threshold, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["requests"]["succeeded"] > 0
    assert "than" in result.stderr


def test_status_1_for_an_unknown_device_and_without_a_broker(plcmq, bench_broker):
    bench_broker.answers["describe"] = failure(Code.UNKNOWN_DEVICE, "there is no device 'nope'")
    assert "unknown_device" in plcmq("bench", "nope").stderr
    result = plcmq("bench", "press-1", "--broker", "tcp://127.0.0.1:1", "--timeout", "0.3")
    assert result.exit_code == 1
    assert "plcmq serve" in result.stderr


def test_a_device_without_tags_is_a_reason(plcmq, bench_broker):
    bench_broker.answers["describe"] = {"tags": {}}
    result = plcmq("bench", "press-1", *SHORT)
    assert result.exit_code == 1
    assert "nothing to ask of press-1" in result.stderr


def test_without_its_extra_it_says_what_to_install_and_help_still_works(fake_broker):
    code = (
        "import sys; sys.modules['hdrh'] = None; sys.argv[1:] = {!r}\n"
        "from plcmq.broker.cli.entry import run; run()"
    )
    fake_broker.answers["describe"] = lambda _: DESCRIPTION
    asked = ["bench", "press-1", "--broker", fake_broker.endpoint]
    for arguments, status in ((["bench", "--help"], 0), (asked, 2)):
        command = [sys.executable, "-c", code.format(arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status
    assert 'pip install "plcmq[loadtest]"' in done.stderr


def test_ctrl_c_ends_it_early_and_still_reports(fake_broker):
    fake_broker.answers["describe"] = lambda _: DESCRIPTION
    fake_broker.answers["read"] = lambda _: fake_broker.held.put(None) or {"values": {"a": 1}}
    command = [sys.executable, "-m", "plcmq.broker.cli", "bench", "press-1", "--duration", "600", "--json"]
    command += ["--broker", fake_broker.endpoint, "--rate", "50", "--warm-up", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(20):
            fake_broker.held.get(timeout=30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    document = json.loads(out)
    assert document["stopped_early"]
    assert document["requests"]["succeeded"] >= 15
