"""A worker's own errors have executed nothing; those from the link are the table of protocol.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Outcome, OutcomeUnknown
from plcmq.devices.modbus.errors import BadReply, Down, ExceptionReply, NoReply, NotSent
from plcmq.devices.model.devices import DeviceDefinition
from plcmq.devices.worker import errors
from plcmq.devices.worker.errors import as_error

PRESS = DeviceDefinition(id=1, name="press-1", host="192.168.0.10", profile="press")
UNKNOWN, NOT = Outcome.UNKNOWN, Outcome.NOT_EXECUTED


@pytest.mark.parametrize(
    ("code", "name", "write", "read"),
    [
        (1, "illegal_function", (NOT, False), (NOT, False)),
        (2, "illegal_data_address", (NOT, False), (NOT, False)),
        (3, "illegal_data_value", (NOT, False), (NOT, False)),
        (4, "server_device_failure", (UNKNOWN, False), (NOT, False)),
        (5, "acknowledge", (UNKNOWN, False), (NOT, False)),
        (6, "server_device_busy", (NOT, True), (NOT, True)),
        (10, "gateway_path_unavailable", (NOT, True), (NOT, True)),
        (11, "gateway_target_failed_to_respond", (UNKNOWN, False), (NOT, True)),
        (99, "exception_99", (UNKNOWN, False), (NOT, False)),
    ],
)
def test_a_modbus_exception(
    code: int, name: str, write: tuple[Outcome, bool], read: tuple[Outcome, bool]
) -> None:
    for is_write, expected in ((True, write), (False, read)):
        error = as_error(PRESS, ExceptionReply(16, code), is_write=is_write)
        assert error.code is Code.DEVICE_ERROR
        assert (error.outcome, error.retryable) == expected
        assert error.details.pop("hint", "").count("`link.") == (code in (1, 3))
        assert error.details == {"exception": code, "name": name, "function": 16}
        assert isinstance(error, OutcomeUnknown) == (error.outcome is UNKNOWN)


@given(st.integers(0, 255), st.booleans())
def test_whatever_may_have_been_executed_is_never_called_retryable(code: int, is_write: bool) -> None:
    error = as_error(PRESS, ExceptionReply(6, code), is_write=is_write)
    assert not (error.outcome is UNKNOWN and error.retryable)
    assert is_write or error.outcome is NOT


def test_down_says_why_and_when_the_next_try_is() -> None:
    down = Down("cannot connect to 192.168.0.10:502 (refused)", 3.2)
    error = as_error(PRESS, down, is_write=True)
    assert error.message == "press-1: cannot connect to 192.168.0.10:502 (refused); next try in 3 s"
    assert (error.code, error.outcome, error.retryable) == (Code.DEVICE_DOWN, NOT, True)
    assert error.retry_after == 3.2


@pytest.mark.parametrize(("after", "words"), [(0.0, "trying again now"), (0.4, "next try in 0.4 s")])
def test_down_with_a_try_close_by(after: float, words: str) -> None:
    error = as_error(PRESS, Down("gone", after), is_write=False)
    assert error.message.endswith(words)
    assert error.retry_after is not None
    assert error.retry_after > 0


@pytest.mark.parametrize("is_write", [True, False])
def test_what_was_not_sent_was_not_executed(is_write: bool) -> None:
    error = as_error(PRESS, NotSent("the connection is being closed"), is_write=is_write)
    assert (error.code, error.outcome, error.retryable) == (Code.DEVICE_DOWN, NOT, True)


@pytest.mark.parametrize(
    ("fault", "code", "retryable"),
    [
        (NoReply("no answer in 1 s", timed_out=True), Code.TIMEOUT, True),
        (NoReply("reset"), Code.TIMEOUT, True),
        (BadReply("odd", "set `link.any_unit`"), Code.BAD_REPLY, False),
    ],
)
def test_no_proper_answer_leaves_a_write_unknown_and_a_read_harmless(
    fault: NoReply | BadReply, code: Code, retryable: bool
) -> None:
    write, read = (as_error(PRESS, fault, is_write=is_write) for is_write in (True, False))
    assert (write.code, write.outcome, write.retryable) == (Code.OUTCOME_UNKNOWN, UNKNOWN, False)
    assert (read.code, read.outcome, read.retryable) == (code, NOT, retryable)
    assert write.message.startswith("press-1: ")
    assert "192.168.0.10:502" in read.message


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (errors.busy("press-1", "reads", 3), Code.BUSY, True),
        (errors.expired("press-1"), Code.EXPIRED, True),
        (errors.no_answer("press-1"), Code.TIMEOUT, True),
        (errors.cancelled("press-1"), Code.CANCELLED, False),
        (errors.leaving("press-1"), Code.SHUTTING_DOWN, True),
        (errors.not_allowed("press-1", "this write", (5, 15), "table"), Code.BAD_ARGS, False),
    ],
)
def test_nothing_has_been_executed(error, code, retryable):
    assert (error.code, error.outcome, error.retryable) == (code, Outcome.NOT_EXECUTED, retryable)
    assert "press-1" in error.message


def test_where_waiting_helps_it_says_how_long():
    assert errors.busy("press-1", "reads", 3).retry_after
    assert errors.leaving("press-1").retry_after


def test_a_function_that_is_missing_is_named():
    error = errors.not_allowed("press-1", "this write", (5, 15), "table")
    assert "function code 5 or 15" in error.message
    assert error.details == {"path": "rqargs.table"}


def test_a_fault_of_our_own_leaves_the_outcome_open_and_a_trace():
    error = errors.fault("press-1", "start", "abc")
    assert (error.code, error.outcome) == (Code.INTERNAL, Outcome.UNKNOWN)
    assert error.details == {"reference": "abc"}


def test_a_reply_that_does_not_fit_names_the_setting_that_may_help():
    error = as_error(PRESS, BadReply("unit 0 answered", "set `link.any_unit: true`"), is_write=False)
    assert error.details == {"reason": "unit 0 answered", "hint": "set `link.any_unit: true`"}
    assert "any_unit" in error.message


def test_what_came_before_the_time_ran_out_is_given():
    error = errors.no_answer("press-1", {"a": 1})
    assert (error.code, error.details) == (Code.TIMEOUT, {"values": {"a": 1}})
