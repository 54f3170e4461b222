"""The errors that a worker gives by itself have executed nothing, and say what to do."""

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.worker import errors as refusals


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (refusals.busy("press-1", "reads", 3), Code.BUSY, True),
        (refusals.expired("press-1"), Code.EXPIRED, True),
        (refusals.no_answer("press-1"), Code.TIMEOUT, True),
        (refusals.cancelled("press-1"), Code.CANCELLED, False),
        (refusals.leaving("press-1"), Code.SHUTTING_DOWN, True),
        (refusals.not_allowed("press-1", "this write", (5, 15), "table"), Code.BAD_ARGS, False),
    ],
)
def test_nothing_has_been_executed(error, code, retryable):
    assert (error.code, error.outcome, error.retryable) == (code, Outcome.NOT_EXECUTED, retryable)
    assert "press-1" in error.message


def test_where_waiting_helps_it_says_how_long():
    assert refusals.busy("press-1", "reads", 3).retry_after
    assert refusals.leaving("press-1").retry_after


def test_a_function_that_is_missing_is_named():
    error = refusals.not_allowed("press-1", "this write", (5, 15), "table")
    assert "function code 5 or 15" in error.message
    assert error.details == {"path": "rqargs.table"}


def test_a_fault_of_our_own_leaves_the_outcome_open_and_a_trace():
    error = refusals.fault("press-1", "start", "abc")
    assert (error.code, error.outcome) == (Code.INTERNAL, Outcome.UNKNOWN)
    assert error.details == {"reference": "abc"}
