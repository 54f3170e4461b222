"""How a command ends: the error on stderr, a document where it was asked for, and the status."""

from __future__ import annotations

import json

import pytest
import typer
from plcmq.broker.cli.terminal.reporting import FAILED, INTERRUPTED, WRONG_USAGE, CommandFailed, reported
from plcmq.broker.config import SettingsError
from plcmq.client import Code
from plcmq.client.protocol.errors import failure


def status_of(error: BaseException, as_json: bool = False) -> int:
    with pytest.raises(typer.Exit) as ended, reported(as_json):
        raise error
    return ended.value.exit_code


def test_an_error_of_a_request_ends_with_status_1_its_outcome_and_what_to_do(capsys):
    assert status_of(failure(Code.DEVICE_DOWN, "no connection", details={"retry_after": 2.0})) == FAILED
    told = capsys.readouterr().err
    assert "device_down" in told
    assert "not_executed: nothing was changed" in told
    assert "try again in 2 s" in told


def test_with_json_the_error_is_one_document(capsys):
    assert status_of(failure(Code.OUTCOME_UNKNOWN, "sent, no answer"), as_json=True) == FAILED
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["code"] == "outcome_unknown"
    assert document["error"]["outcome"] == "unknown"


def test_a_failed_command_tells_every_problem_and_the_cure(capsys):
    assert status_of(CommandFailed("registry", ["locked", "by another"], "wait")) == FAILED
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["plcmq: locked", "plcmq: by another", "  what to do  wait"]


@pytest.mark.parametrize(("is_usage", "status"), [(True, WRONG_USAGE), (False, FAILED)])
def test_wrong_settings_are_wrong_usage_where_a_flag_is_wrong(is_usage, status):
    assert status_of(SettingsError(["drain: expected seconds"], is_usage=is_usage)) == status


def test_ctrl_c_ends_with_130():
    assert status_of(KeyboardInterrupt()) == INTERRUPTED


def test_a_fault_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError), reported(False):
        raise ZeroDivisionError
