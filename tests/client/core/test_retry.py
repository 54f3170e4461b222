"""Trying again: only what is safe, inside the caller's timeout, and with the truth as the last word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.core.retry import Attempts, Retry
from plcmq.client.core.session import GRACE, request_map
from plcmq.client.protocol.errors import MEANINGS, Code, Outcome, PlcmqError, failure
from plcmq.client.protocol.replies import Reply

READ = request_map("read", {"tags": "state"}, "press-1")
WRITE = request_map("write", {"values": {"size": 1}}, "press-1")
KEYED = request_map("write", {"values": {"size": 1}}, "press-1", key="order-1")
SILENCE = Reply(error=failure(Code.OUTCOME_UNKNOWN, "no answer"), answered=False)
SILENT_READ = Reply(error=failure(Code.TIMEOUT, "no answer"), answered=False)


def attempts(message: dict[str, Any], timeout: float = 5.0, retry: Retry | bool = True) -> Attempts:
    return Attempts(retry, message, timeout, 0.0, lambda: 0.0)


def error(code: Code, **more: Any) -> Reply:
    return Reply(error=failure(code, code, **more))


def test_without_retry_there_is_one_attempt() -> None:
    once = attempts(READ, retry=False)
    assert once.next(0.0) == (5.0, GRACE)
    assert once.pause(error(Code.BUSY), 0.0) is None
    assert once.reply.error is not None
    assert once.reply.error.code is Code.BUSY


def test_success_ends_it() -> None:
    tries = attempts(KEYED)
    assert tries.pause(Reply(result=7), 0.0) is None
    assert tries.reply.value() == 7


@pytest.mark.parametrize("message", [READ, WRITE, KEYED], ids=["read", "write", "keyed"])
@pytest.mark.parametrize("code", list(Code))
def test_what_surely_did_nothing_and_may_succeed_later_is_repeated(
    message: dict[str, Any], code: Code
) -> None:
    meaning = MEANINGS[code]
    safe = meaning.retryable and meaning.outcome is Outcome.NOT_EXECUTED
    safe |= code is Code.IN_PROGRESS and "key" in message
    assert (attempts(message).pause(error(code), 0.0) is not None) == safe


def test_an_unknown_outcome_is_asked_for_only_with_a_key_and_only_where_the_broker_may_know_more() -> None:
    assert attempts(WRITE).pause(SILENCE, 1.0) is None
    assert attempts(KEYED).pause(SILENCE, 1.0) is not None
    assert attempts(KEYED).pause(error(Code.OUTCOME_UNKNOWN), 1.0) is None


def test_a_write_without_a_key_waits_for_its_answer_to_the_end() -> None:
    assert attempts(WRITE).next(0.0) == (5.0, GRACE)


def test_an_attempt_that_was_lost_with_its_connection_is_repeated_after_a_pause() -> None:
    tries = attempts(KEYED, timeout=10.0, retry=Retry(first_delay=0.5))
    tries.next(0.0)
    assert tries.pause(SILENCE, 0.1) == pytest.approx(0.4)
    tries.next(0.5)
    assert tries.pause(SILENCE, 0.5) == pytest.approx(1.0)


@pytest.mark.parametrize("message", [READ, KEYED], ids=["read", "keyed"])
def test_what_may_be_repeated_is_asked_again_after_a_silence_that_doubles(message: dict[str, Any]) -> None:
    tries = attempts(message, timeout=10.0, retry=Retry(patience=1.0))
    assert tries.next(0.0) == (10.0, -9.0)
    assert tries.pause(SILENCE if message is KEYED else SILENT_READ, 1.0) == 0.0
    assert tries.next(1.0) == (9.0, -7.0)
    assert tries.next(9.0) == (1.0, GRACE)


def test_delays_double_up_to_their_cap() -> None:
    tries = attempts(READ, timeout=100, retry=Retry(first_delay=0.5, max_delay=2.0))
    assert [tries.pause(error(Code.DEVICE_DOWN), 0.0) for _ in range(4)] == [0.5, 1.0, 2.0, 2.0]


def test_retry_after_is_honoured_and_spread() -> None:
    told = error(Code.BUSY, details={"retry_after": 2.0})
    assert attempts(READ).pause(told, 0.0) == 2.0
    assert Attempts(True, READ, 5.0, 0.0, lambda: 1.0).pause(told, 0.0) == 2.5


def test_an_attempt_that_would_come_too_late_is_not_waited_for() -> None:
    tries = attempts(READ)
    assert tries.pause(error(Code.BUSY, details={"retry_after": 6.0}), 0.0) is None


@pytest.mark.parametrize("code", [Code.SHUTTING_DOWN, Code.BUSY, Code.EXPIRED, Code.UNKNOWN_DEVICE])
def test_a_doubt_is_not_hidden_by_a_later_refusal(code: Code) -> None:
    tries = attempts(KEYED)
    tries.pause(SILENCE, 4.0)
    assert tries.pause(error(code), 5.0) is None
    assert tries.reply.error is not None
    assert tries.reply.error.outcome is Outcome.UNKNOWN
    assert tries.reply.error.details["cause"]["code"] == code


def test_a_refusal_that_comes_after_a_look_for_the_key_ends_the_doubt() -> None:
    tries = attempts(KEYED)
    tries.pause(SILENCE, 4.0)
    assert tries.pause(error(Code.DEVICE_DOWN), 5.0) is None
    assert tries.reply.error is not None
    assert tries.reply.error.outcome is Outcome.NOT_EXECUTED


def test_where_all_attempts_have_one_id_a_reply_to_any_of_them_ends_no_doubt() -> None:
    tries = attempts({**KEYED, "id": "mine"})
    tries.pause(SILENCE, 4.0)
    assert tries.pause(error(Code.DEVICE_DOWN), 5.0) is None
    assert tries.reply.error is not None
    assert tries.reply.error.outcome is Outcome.UNKNOWN


def test_a_closed_connection_ends_it() -> None:
    closed = Reply(error=failure(Code.CANCELLED, "closed", outcome=Outcome.UNKNOWN), answered=False)
    assert attempts(KEYED).pause(closed, 0.0) is None


@given(
    st.sampled_from([READ, WRITE, KEYED]),
    st.lists(st.tuples(st.sampled_from(list(Code)), st.booleans(), st.floats(0.001, 3)), max_size=20),
    st.floats(0.1, 30),
    st.floats(0, 1),
)
def test_it_ends_in_time_and_repeats_no_write_that_may_have_happened(
    message: dict[str, Any], replies: list[tuple[Code, bool, float]], timeout: float, dice: float
) -> None:
    tries, now, seen = Attempts(True, message, timeout, 0.0, lambda: dice), 0.0, list[PlcmqError]()
    for code, answered, took in replies:
        assert now < timeout
        seconds, grace = tries.next(now)
        assert 0 < seconds <= timeout
        assert now + seconds + grace <= timeout + GRACE + 0.02
        if message is WRITE:
            assert all(error.outcome is Outcome.NOT_EXECUTED for error in seen)
            assert grace == GRACE
        now += took
        seen.append(failure(code, code))
        pause = tries.pause(Reply(error=seen[-1], answered=answered), now)
        if pause is None:
            break
        now += pause
