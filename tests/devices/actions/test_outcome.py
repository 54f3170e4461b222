"""Names and outcomes of an action's errors; `test_steps` covers them in whole runs."""

import pytest
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.devices.actions.outcome import RunOutcome, Unmet

DOWN = failure(Code.DEVICE_DOWN, "down", details={"retry_after": 1.0})


@pytest.fixture
def account():
    return RunOutcome("start", index=2, kind="write")


def test_before_anything_was_written_an_error_passes_as_it_is(account):
    assert account.failure_from(DOWN).error is DOWN
    assert account.write_failed({"a": 1}, DOWN).error is DOWN


def test_after_a_write_the_same_error_is_an_action_that_failed(account):
    account.wrote({"a": 1})
    error = account.failure_from(DOWN).error
    assert (error.code, error.outcome, error.retryable) == (Code.ACTION_FAILED, Outcome.EXECUTED, False)
    assert error.details == {
        "step": {"index": 2, "kind": "write"},
        "done": [{"a": 1}],
        "cause": DOWN.to_map(),
    }


def test_a_write_that_failed_halfway_names_what_was_written(account):
    halfway = failure(
        Code.DEVICE_DOWN, "down", outcome=Outcome.EXECUTED, retryable=False, details={"written": ["a"]}
    )
    failed = account.write_failed({"a": 1, "b": 2}, halfway)
    assert failed.reached
    assert (failed.error.code, failed.error.outcome) == (Code.ACTION_FAILED, Outcome.EXECUTED)
    assert account.done == failed.error.details["done"] == [{"a": 1}]


def test_a_failed_verification_stays_one_and_has_been_written(account):
    differs = failure(Code.VERIFY_FAILED, "differs", details={"written": {"a": 1}, "read": {"a": 0}})
    error = account.write_failed({"a": 1}, differs).error
    assert (error.code, error.outcome) == (Code.VERIFY_FAILED, Outcome.EXECUTED)
    assert error.details["read"] == {"a": 0}
    assert error.details["done"] == [{"a": 1}]


def test_once_unknown_always_unknown(account):
    lost = failure(Code.OUTCOME_UNKNOWN, "no answer")
    error = account.write_failed({"a": 1}, lost).error
    assert (error.code, error.outcome) == (Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN)
    account.wrote({"a": 0})
    assert account.outcome is Outcome.UNKNOWN


def test_an_unmet_condition_reads_well():
    assert str(Unmet("state", "idle", "fault")) == "state is 'fault', not 'idle'"
    assert str(Unmet("seq", {"not": 4}, 4)) == "seq is 4"
