"""The client session: replies find their calls, deadlines hold, and errors say what is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.core.session import GRACE, Call, Session, changes_nothing, request_map
from plcmq.client.protocol.bodies import Codec, decode, encode
from plcmq.client.protocol.errors import BrokerUnreachable, Code, Outcome, OutcomeUnknown, PlcmqError, failure
from plcmq.client.protocol.messages import Elapsed, failure_map, parse_request, success_map

NOW = 1000.0


def session(codec: Codec = Codec.MSGPACK) -> Session[str]:
    return Session("tcp://127.0.0.1:7502", codec)


def start(
    session: Session[str],
    action: str = "read",
    device: str | None = "press-1",
    now: float = NOW,
    **more: object,
) -> Call[str]:
    return session.start(request_map(action, {"tags": "a"}, device, **more), 5.0, "waiter", now)


def send_all(session: Session[str], now: float = NOW) -> list[bytes]:
    bodies = []
    while (body := session.next_body(now)) is not None:
        bodies.append(body)
        session.sent()
    return bodies


def error_of(call: Call[str]) -> PlcmqError:
    assert call.reply is not None
    assert call.reply.error is not None
    return call.reply.error


def answer(call: Call[str], result: object = None) -> bytes:
    return encode(Codec.MSGPACK, success_map(call.id, result, Elapsed(0.0)))


@pytest.mark.parametrize("codec", list(Codec))
def test_a_request_goes_out_as_the_protocol_says(codec: Codec) -> None:
    one = session(codec)
    call = start(one, key="order-1")
    (body,) = send_all(one)
    request = parse_request(body)
    assert (request.action, request.rqargs, request.device) == ("read", {"tags": "a"}, "press-1")
    assert (request.id, request.timeout, request.key, request.codec) == (call.id, 5.0, "order-1", codec)


def test_what_is_not_given_is_not_sent() -> None:
    assert request_map("info") == {"action": "info"}


@given(st.permutations(range(8)))
def test_replies_in_any_order_find_their_calls(order: list[int]) -> None:
    one = session()
    calls = [start(one) for _ in order]
    send_all(one)
    for index in order:
        assert one.feed(answer(calls[index], index)) is calls[index]
    assert [call.reply.value() for call in calls if call.reply] == list(range(8))
    assert not one.pending


def test_an_error_reply_becomes_a_typed_error() -> None:
    one = session()
    call = start(one)
    send_all(one)
    refusal = failure(Code.DEVICE_DOWN, "refused", details={"retry_after": 3})
    one.feed(encode(Codec.JSON, failure_map(call.id, refusal)))
    error = error_of(call)
    assert (type(error), error.retry_after) == (type(refusal), 3.0)
    with pytest.raises(type(refusal)):
        call.reply and call.reply.value()


def test_a_second_reply_to_the_same_call_is_dropped() -> None:
    one = session()
    call = start(one)
    send_all(one)
    assert one.feed(answer(call, 1)) is call
    assert one.feed(answer(call, 2)) is None
    assert (one.dropped, call.reply and call.reply.result) == (1, 1)


@given(st.binary(max_size=60))
def test_any_bytes_from_a_broker_are_survived(body: bytes) -> None:
    one = session()
    call = start(one)
    send_all(one)
    assert one.feed(body) in (None, call)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"ok": True},
        {"ok": False, "id": 1},
        {"ok": "yes", "id": 1},
        {"id": [1], "ok": True},
        {"id": 1, "event": {"values": {}}},
        {"id": 1, "ok": False, "error": "text"},
    ],
)
def test_what_answers_no_call_settles_no_call(message: dict[str, object]) -> None:
    one = session()
    call = start(one)
    assert call.id == 1
    send_all(one)
    assert one.feed(encode(Codec.MSGPACK, message)) is None
    assert call.id in one.pending


def test_a_call_waits_a_grace_beyond_its_timeout_for_the_broker_to_speak() -> None:
    one = session()
    call = start(one)
    send_all(one)
    assert one.expire(NOW + 5.0 + GRACE - 0.001) == []
    assert one.expire(NOW + 5.0 + GRACE) == [call]


@pytest.mark.parametrize("action", ["read", "read_raw", "describe", "status", "identify", "watch", "unwatch"])
def test_a_read_without_an_answer_is_a_timeout(action: str) -> None:
    one = session()
    call = start(one, action)
    send_all(one)
    one.expire(NOW + 100)
    assert (error_of(call).code, error_of(call).outcome) == (Code.TIMEOUT, Outcome.NOT_EXECUTED)


@pytest.mark.parametrize("action", ["ping", "info", "devices", "stats", "cancel"])
def test_a_broker_action_without_an_answer_is_a_timeout(action: str) -> None:
    one = session()
    call = start(one, action, None)
    send_all(one)
    one.expire(NOW + 100)
    assert error_of(call).code is Code.TIMEOUT


@pytest.mark.parametrize("action", ["write", "write_raw", "start_batch", "info", "ping"])
def test_anything_else_at_a_device_without_an_answer_is_outcome_unknown(action: str) -> None:
    one = session()
    call = start(one, action)
    send_all(one)
    one.expire(NOW + 100)
    assert isinstance(error_of(call), OutcomeUnknown)
    assert error_of(call).code is Code.OUTCOME_UNKNOWN


@pytest.mark.parametrize(
    ("requests", "harmless"),
    [
        ([], True),
        ([{"action": "read", "device": 1}, {"action": "ping"}], True),
        ([{"action": "read", "device": 1}, {"action": "write", "device": 1}], False),
        (["nonsense"], False),
    ],
)
def test_a_batch_is_as_harmless_as_its_worst_request(requests: list[object], harmless: bool) -> None:
    assert changes_nothing(request_map("batch", {"requests": requests})) is harmless


def test_what_was_never_sent_is_broker_unreachable_without_grace() -> None:
    one = session()
    call = start(one, "write")
    assert one.expire(NOW + 5.0) == [call]
    error = error_of(call)
    assert isinstance(error, BrokerUnreachable)
    assert error.outcome is Outcome.NOT_EXECUTED
    assert one.next_body(NOW + 6.0) is None


def test_what_is_sent_late_has_only_the_time_that_is_left() -> None:
    one = session()
    call = start(one)
    (body,) = send_all(one, NOW + 3.0)
    assert parse_request(body).timeout == pytest.approx(2.0)
    assert call.deadline == pytest.approx(NOW + 5.0 + GRACE)


def test_what_is_due_is_not_sent_any_more() -> None:
    one = session()
    start(one)
    late = start(one, now=NOW + 1.0)
    (body,) = send_all(one, NOW + 5.5)
    assert decode(body)["id"] == late.id


def test_a_forgotten_call_is_not_sent_and_its_reply_is_dropped() -> None:
    one = session()
    call, other = start(one), start(one)
    one.forget(call)
    assert [decode(body)["id"] for body in send_all(one)] == [other.id]
    assert one.feed(answer(call)) is None


def test_the_next_look_is_due_at_the_earliest_deadline() -> None:
    one = session()
    assert one.wake_at == math.inf
    start(one, now=NOW + 1)
    start(one, now=NOW)
    assert one.wake_at == NOW + 5.0
    one.expire(NOW + 5.0)
    assert one.wake_at == NOW + 6.0
    one.expire(NOW + 6.0)
    assert one.wake_at == math.inf


@pytest.mark.parametrize(
    ("action", "is_sent", "outcome"),
    [
        ("read", True, Outcome.NOT_EXECUTED),
        ("write", True, Outcome.UNKNOWN),
        ("write", False, Outcome.NOT_EXECUTED),
    ],
)
def test_closing_tells_each_call_what_is_known(action: str, is_sent: bool, outcome: Outcome) -> None:
    one = session()
    call = start(one, action)
    if is_sent:
        send_all(one)
    assert one.abandon() == [call]
    assert (error_of(call).code, error_of(call).outcome) == (Code.CANCELLED, outcome)
    assert one.next_body(NOW) is None


@pytest.mark.parametrize(
    ("action", "code", "outcome"),
    [("read", Code.NO_HOST, Outcome.NOT_EXECUTED), ("write", Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN)],
)
def test_when_the_connection_breaks_what_was_sent_ends_and_what_was_not_goes_on(
    action: str, code: Code, outcome: Outcome
) -> None:
    one = session()
    sent = start(one, action)
    send_all(one)
    unsent = start(one, action)
    assert one.lose() == [sent]
    assert (error_of(sent).code, error_of(sent).outcome) == (code, outcome)
    assert "broke" in error_of(sent).message
    assert unsent.reply is None
    assert len(send_all(one)) == 1
    assert one.feed(answer(unsent)) is unsent


def test_when_the_connection_breaks_watches_end_but_for_those_about_to_be_asked_for() -> None:
    one, heard = session(), []
    call = start(one, "watch")
    send_all(one)
    one.feed(answer(call, {"watch": "w1"}))
    one.subscribers[call.id] = heard.append
    asked = start(one, "watch")
    one.subscribers[asked.id] = heard.append
    one.lose()
    one.lose()
    assert heard == [{"ended": "the connection to the broker was lost"}]
    assert list(one.subscribers) == [asked.id]


def test_what_is_in_flight_is_what_was_sent_and_not_answered_whoever_waits() -> None:
    one = session()
    first, second, _unsent = start(one), start(one), start(one)
    for _ in range(2):
        one.next_body(NOW)
        one.sent()
    assert one.in_flight == 2
    one.forget(first)
    one.feed(answer(first))
    one.feed(encode(Codec.MSGPACK, {"id": second.id, "event": {}}))
    assert one.in_flight == 1
    one.lose()
    assert one.in_flight == 0


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, 3601])
def test_a_timeout_that_the_broker_would_refuse_is_refused_at_once(timeout: float) -> None:
    one = session()
    with pytest.raises(PlcmqError) as caught:
        one.start(request_map("ping"), timeout, "waiter", NOW)
    assert caught.value.code is Code.BAD_REQUEST
    assert not one.pending


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("value", [object(), {1, 2}, 1j])
def test_what_cannot_be_encoded_is_refused_and_leaves_nothing_behind(codec: Codec, value: object) -> None:
    one = session(codec)
    with pytest.raises(PlcmqError) as caught:
        one.start(request_map("write", {"values": {"a": value}}, 1), 5.0, "waiter", NOW)
    assert caught.value.code is Code.BAD_ARGS
    assert not one.pending
    assert one.next_body(NOW) is None


@pytest.mark.parametrize("codec", list(Codec))
def test_an_endless_argument_is_refused(codec: Codec) -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(PlcmqError) as caught:
        session(codec).start(request_map("write", {"a": endless}, 1), 5.0, "waiter", NOW)
    assert caught.value.code is Code.BAD_ARGS


def test_a_message_that_would_end_the_connection_is_refused() -> None:
    with pytest.raises(PlcmqError) as caught:
        session().start(request_map("write", {"a": "x" * (16 * 1024 * 1024)}, 1), 5.0, "waiter", NOW)
    assert caught.value.code is Code.TOO_LARGE


def test_an_id_of_the_callers_own_is_used_once_at_a_time() -> None:
    one = session()
    call = start(one, request_id="mine")
    with pytest.raises(PlcmqError, match="mine"):
        start(one, request_id="mine")
    send_all(one)
    assert one.feed(answer(call)) is call
    start(one, request_id="mine")


def test_forgetting_a_call_spares_a_later_one_with_the_same_id() -> None:
    one = session()
    first = start(one, request_id="mine")
    send_all(one)
    one.feed(answer(first))
    second = start(one, request_id="mine")
    one.forget(first)
    assert one.pending == {"mine": second}
