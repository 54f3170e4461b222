"""The error table of the protocol, row by row, and the tree over it."""

from __future__ import annotations

import pickle

import pytest
from plcmq.client.protocol.errors import (
    MEANINGS,
    BrokerUnreachable,
    Code,
    Failed,
    Outcome,
    OutcomeUnknown,
    PlcmqError,
    Rejected,
    Unavailable,
    failure,
)

# The table of the protocol's document: code, outcome, retryable, HTTP status.
TABLE = [
    ("bad_request", "not_executed", False, 400, Rejected),
    ("too_large", "not_executed", False, 413, Rejected),
    ("forbidden", "not_executed", False, 403, Rejected),
    ("unknown_device", "not_executed", False, 404, Rejected),
    ("unknown_action", "not_executed", False, 404, Rejected),
    ("unknown_tag", "not_executed", False, 404, Rejected),
    ("bad_args", "not_executed", False, 422, Rejected),
    ("key_conflict", "not_executed", False, 409, Rejected),
    ("in_progress", "unknown", True, 409, Unavailable),
    ("busy", "not_executed", True, 429, Unavailable),
    ("expired", "not_executed", True, 504, Unavailable),
    ("device_down", "not_executed", True, 503, Unavailable),
    ("no_host", "not_executed", True, 503, Unavailable),
    ("shutting_down", "not_executed", True, 503, Unavailable),
    ("device_error", "not_executed", False, 502, Failed),
    ("locked", "not_executed", True, 423, Unavailable),
    ("action_failed", "executed", False, 502, Failed),
    ("verify_failed", "executed", False, 502, Failed),
    ("timeout", "not_executed", True, 504, Unavailable),
    ("bad_reply", "not_executed", False, 502, Failed),
    ("outcome_unknown", "unknown", False, 504, OutcomeUnknown),
    ("cancelled", "not_executed", False, 409, Failed),
    ("internal", "unknown", False, 500, OutcomeUnknown),
]


@pytest.mark.parametrize(
    ("code", "outcome", "retryable", "http", "kind"), TABLE, ids=[row[0] for row in TABLE]
)
def test_every_code_means_what_the_protocol_says(
    code: str, outcome: str, retryable: bool, http: int, kind: type[PlcmqError]
) -> None:
    error = failure(Code(code), "text")
    assert (str(error.outcome), error.retryable, error.http_status, type(error)) == (
        outcome,
        retryable,
        http,
        kind,
    )


def test_the_table_is_complete() -> None:
    assert [row[0] for row in TABLE] == [str(code) for code in Code] == [str(code) for code in MEANINGS]


@pytest.mark.parametrize("code", list(Code))
def test_an_error_survives_the_wire_and_pickle(code: Code) -> None:
    error = failure(code, "what happened", details={"retry_after": 1.5})
    for copy in (PlcmqError.from_map(error.to_map()), pickle.loads(pickle.dumps(error))):
        assert (copy.to_map(), type(copy)) == (error.to_map(), type(error))


def test_an_unconfirmed_write_is_outcome_unknown_whatever_its_code() -> None:
    error = failure(Code.DEVICE_ERROR, "exception 4", outcome=Outcome.UNKNOWN)
    assert isinstance(error, OutcomeUnknown)


def test_a_known_outcome_is_never_outcome_unknown() -> None:
    error = failure(Code.INTERNAL, "fault before anything was sent", outcome=Outcome.NOT_EXECUTED)
    assert type(error) is Failed


def test_a_code_of_a_later_version_becomes_internal() -> None:
    error = PlcmqError.from_map({"code": "new_one", "message": "text", "outcome": "executed"})
    assert (error.code, error.outcome, error.message) == (Code.INTERNAL, Outcome.UNKNOWN, "text")


@pytest.mark.parametrize("details", [None, 5, "text", [1]])
def test_details_that_are_no_map_are_left_out(details: object) -> None:
    error = PlcmqError.from_map({"code": "busy", "outcome": "not_executed", "details": details})
    assert error.details == {}


@pytest.mark.parametrize(("value", "expected"), [(2, 2.0), (0.5, 0.5), ("soon", None), (None, None)])
def test_retry_after_is_a_number_or_unknown(value: object, expected: float | None) -> None:
    assert failure(Code.BUSY, "text", details={"retry_after": value}).retry_after == expected


def test_broker_unreachable_says_where_and_survives_pickle() -> None:
    error = pickle.loads(pickle.dumps(BrokerUnreachable("tcp://10.0.0.1:7502", 2.0)))
    assert isinstance(error, Unavailable)
    assert (error.endpoint, error.waited, error.retryable) == ("tcp://10.0.0.1:7502", 2.0, True)
    assert "tcp://10.0.0.1:7502" in str(error)
