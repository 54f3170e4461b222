"""call, read and write: what is asked of the broker, what is printed, and the exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from plcmq.client import Code, Outcome
from plcmq.client.protocol.errors import failure

DOWN = failure(
    Code.DEVICE_DOWN,
    "press-1: cannot connect to 192.168.0.10:502 (refused); next try in 3 s",
    details={"retry_after": 3.0},
)


class TestCall:
    def test_arguments_reach_the_device_as_json_or_text(self, plcmq, broker):
        broker.answers["start_batch"] = {"batch_no": 7}
        arguments = ("batch_size=15", "recipe=PX-7", "--key", "order-1", "--timeout", "9")
        assert plcmq("call", "press-1", "start_batch", *arguments).exit_code == 0
        asked = broker.asked("start_batch")
        assert asked.device == "press-1"
        assert asked.rqargs == {"batch_size": 15, "recipe": "PX-7"}
        assert asked.key == "order-1"
        assert asked.timeout == 9

    def test_a_number_names_the_device_by_its_id(self, plcmq, broker):
        broker.answers["status"] = {}
        plcmq("call", "2", "status")
        assert broker.asked("status").device == 2

    def test_json_is_one_document_on_stdout(self, plcmq, broker):
        broker.answers["start_batch"] = {"batch_no": 7, "state": "running", "temperature": float("nan")}
        result = plcmq("call", "press-1", "start_batch", "--json")
        assert json.loads(result.stdout) == {"batch_no": 7, "state": "running", "temperature": None}

    def test_the_result_is_a_table_of_names_and_values(self, plcmq, broker):
        broker.answers["status"] = {"state": "up", "counters": {"reads": 3}, "list": [1, 2]}
        result = plcmq("call", "press-1", "status")
        assert result.stdout.splitlines() == [
            "NAME\tVALUE",
            "state\tup",
            "counters.reads\t3",
            "list\t[1,2]",
        ]

    def test_an_error_tells_code_message_outcome_and_what_to_do(self, plcmq, broker):
        broker.answers["start_batch"] = DOWN
        result = plcmq("call", "press-1", "start_batch")
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            "device_down  press-1: cannot connect to 192.168.0.10:502 (refused); next try in 3 s",
            "  outcome     not_executed: nothing was changed at the device",
            "  what to do  try again in 3 s",
        ]

    def test_an_error_with_json_is_a_document_as_well(self, plcmq, broker):
        broker.answers["start_batch"] = DOWN
        result = plcmq("call", "press-1", "start_batch", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {"error": DOWN.to_map()}
        assert "device_down" in result.stderr

    def test_an_unknown_outcome_warns_against_repeating(self, plcmq, broker):
        broker.answers["start_batch"] = failure(Code.OUTCOME_UNKNOWN, "no answer", details={"step": 2})
        result = plcmq("call", "press-1", "start_batch")
        assert "look at the machine" in result.stderr
        assert "step = 2" in result.stderr

    def test_without_a_broker_it_says_where_it_tried_and_what_to_do(self, plcmq):
        result = plcmq("call", "press-1", "status", "--timeout", "0.3")
        assert result.exit_code == 1
        assert "tcp://127.0.0.1:1" in result.stderr
        assert "plcmq serve" in result.stderr

    def test_ctrl_c_is_quiet_and_status_130(self, broker):
        broker.answers["start_batch"] = "silence"
        command = [sys.executable, "-m", "plcmq.broker.cli", "call", "press-1", "start_batch"]
        pipe = subprocess.PIPE
        with subprocess.Popen([*command, "--timeout", "60"], stdout=pipe, stderr=pipe) as process:
            assert broker.was_asked.wait(20)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == (b"", b"")
        assert process.returncode == 130

    @pytest.mark.parametrize(
        "arguments",
        [
            ("call", "press-1"),
            ("call", "press-1", "start_batch", "15"),
            ("call", "press-1", "start_batch", "--timeout", "soon"),
            ("call", "press-1", "start_batch", "--timeout", "-1"),
            ("call", "press-1", "start_batch", "--broker", "127.0.0.1:7502"),
            ("call", "press-1", "start_batch", "--no-such-flag"),
        ],
    )
    def test_wrong_usage_is_status_2(self, plcmq, arguments):
        assert plcmq(*arguments).exit_code == 2


class TestRead:
    def test_values_and_their_ages(self, plcmq, broker):
        broker.answers["read"] = {
            "values": {"temperature": 21.5, "state": None},
            "age": {"temperature": 0.04},
        }
        result = plcmq("read", "press-1", "temperature", "state", "--max-age", "0.5")
        assert broker.asked("read").rqargs == {"tags": ["temperature", "state"], "max_age": 0.5}
        assert result.stdout.splitlines() == ["TAG\tVALUE\tAGE", "temperature\t21.5\t0.0 s", "state\tnull\t"]

    def test_tags_that_failed_are_errors_and_status_1(self, plcmq, broker):
        wrong = failure(Code.DEVICE_ERROR, "illegal data address", outcome=Outcome.NOT_EXECUTED)
        broker.answers["read"] = {"values": {"a": 1}, "age": {}, "errors": {"b": wrong.to_map()}}
        result = plcmq("read", "press-1", "a", "b")
        assert result.exit_code == 1
        assert "a\t1" in result.stdout
        assert "device_error  b: illegal data address" in result.stderr


class TestWrite:
    def test_values_are_written_in_their_order(self, plcmq, broker):
        broker.answers["write"] = {"written": ["recipe", "batch_size"]}
        result = plcmq("write", "press-1", "recipe=PX-7", "batch_size=20", "--verify")
        asked = broker.asked("write").rqargs
        assert list(asked["values"].items()) == [("recipe", "PX-7"), ("batch_size", 20)]
        assert asked["verify"] is True
        assert result.stdout == "written  recipe, batch_size\n"


class TestCompletion:
    def test_devices_tags_and_actions_come_from_the_broker(self, plcmq, broker, monkeypatch):
        broker.answers["devices"] = {
            "devices": [{"name": "press-1", "profile": "press", "endpoint": "192.0.2.1:502"}],
            "total": 1,
        }
        broker.answers["describe"] = {
            "tags": {"batch_size": {"type": "uint16"}, "state": {"type": "uint16"}},
            "actions": {"start_batch": {"description": "Start"}},
        }
        assert self.complete(plcmq, monkeypatch, "plcmq call pr") == ["press-1"]
        assert self.complete(plcmq, monkeypatch, "plcmq call press-1 st") == ["start_batch"]
        assert self.complete(plcmq, monkeypatch, "plcmq read press-1 state ba") == ["batch_size"]
        assert self.complete(plcmq, monkeypatch, "plcmq write press-1 ba") == ["batch_size="]

    def test_without_a_broker_nothing_is_offered_and_nothing_said(self, plcmq, monkeypatch):
        assert self.complete(plcmq, monkeypatch, "plcmq read press-1 ") == []

    @staticmethod
    def complete(plcmq, monkeypatch, line: str) -> list[str]:
        monkeypatch.setenv("_PLCMQ_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        return plcmq().stdout.split()


TAGS = {
    "recipe": {"access": "rw", "schema": {"type": "string"}},
    "start": {"access": "rw", "schema": {"type": "boolean"}},
    "trigger": {"access": "wo", "schema": {"type": "integer"}},
}


def test_values_are_sent_as_the_tags_types_say(plcmq, broker):
    broker.answers["describe"] = {"tags": TAGS}
    broker.answers["write"] = {"written": ["recipe", "start"]}
    assert plcmq("write", "press-1", "recipe=4711", "start=on").exit_code == 0
    assert broker.asked("write").rqargs == {"values": {"recipe": "4711", "start": True}}


def test_a_read_without_tags_reads_all_that_can_be_read(plcmq, broker):
    broker.answers["describe"] = {"tags": TAGS}
    broker.answers["read"] = {"values": {"start": True, "recipe": "A"}, "age": {"start": 0.0, "recipe": 0.0}}
    result = plcmq("read", "press-1", "--json")
    assert broker.asked("read").rqargs == {"tags": ["recipe", "start"]}
    assert list(json.loads(result.stdout)["values"]) == ["recipe", "start"], "in the order asked for"


def test_without_a_timeout_an_action_gets_its_own_time(plcmq, broker):
    broker.answers["describe"] = {"actions": {"start_batch": {"timeout": 25.0, "schema": {"properties": {}}}}}
    broker.answers["start_batch"] = {}
    plcmq("call", "press-1", "start_batch")
    assert broker.asked("start_batch").timeout == pytest.approx(25, abs=1)


def test_a_timeout_that_is_given_counts_more(plcmq, broker):
    broker.answers["describe"] = {"actions": {"start_batch": {"timeout": 25.0, "schema": {"properties": {}}}}}
    broker.answers["start_batch"] = {}
    plcmq("call", "press-1", "start_batch", "--timeout", "3")
    assert broker.asked("start_batch").timeout == pytest.approx(3, abs=1)
