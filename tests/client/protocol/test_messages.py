"""The wire protocol: whatever comes in, a request or a `bad_request`; whatever goes out comes back."""

from __future__ import annotations

import json
import math

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol import messages
from plcmq.client.protocol.bodies import Codec, codec_of, decode, encode
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.client.protocol.messages import (
    Elapsed,
    Limits,
    MalformedRequest,
    encode_reply,
    failure_map,
    parse_request,
    split_envelope,
    success_map,
)

CODECS = list(Codec)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts | st.floats(allow_nan=False)
finite = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts
values = st.recursive(
    finite, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
requests = st.fixed_dictionaries(
    {"action": texts.filter(bool)},
    optional={
        "rqargs": st.dictionaries(texts, values, max_size=4),
        "device": texts | st.integers(0, 2**32),
        "id": texts | st.integers(0, 2**63),
        "timeout": st.floats(0.001, 3600) | st.integers(1, 3600),
        "key": st.text(st.characters(codec="utf-8"), min_size=1, max_size=128),
        "token": texts,
        "v": st.just(1),
    },
)


def refused(body: bytes, limits: Limits | None = None) -> MalformedRequest:
    with pytest.raises(MalformedRequest) as caught:
        parse_request(body, limits or Limits())
    return caught.value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_bad_request_with_a_codec(body: bytes) -> None:
    try:
        parse_request(body)
    except MalformedRequest as refusal:
        bad = refusal
    else:
        return
    assert bad.error.code is Code.BAD_REQUEST
    assert isinstance(decode(encode(bad.codec, failure_map(bad.id, bad.error))), dict)


@given(values | scalars, st.sampled_from(CODECS))
def test_any_value_is_a_request_or_a_bad_request(value: object, codec: Codec) -> None:
    body = msgpack.packb(value) if codec is Codec.MSGPACK else json.dumps(value).encode()
    assert refused(body).error.code is Code.BAD_REQUEST


@given(requests, st.sampled_from(CODECS))
def test_a_request_survives_the_wire(message: dict[str, object], codec: Codec) -> None:
    request = parse_request(encode(codec, message))
    assert request.codec is codec
    assert request.timeout == message.get("timeout")
    assert request.rqargs == message.get("rqargs", {})
    for name in ("action", "device", "id", "key", "token"):
        assert getattr(request, name) == message.get(name)


@given(st.none() | texts | st.integers(0, 2**63), values, st.sampled_from(CODECS))
def test_a_reply_survives_the_wire(request_id: str | int | None, result: object, codec: Codec) -> None:
    reply = success_map(request_id, result, Elapsed(0.5, 0.25, 0.125))
    body = encode(codec, reply)
    assert codec_of(body) is codec
    assert decode(body) == reply
    assert ("id" in reply) == (request_id is not None)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("code", list(Code))
def test_an_error_reply_survives_the_wire(code: Code, codec: Codec) -> None:
    reply = failure_map(7, failure(code, "why", details={"tag": "temperature"}))
    assert decode(encode(codec, reply)) == reply


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_word_for_becomes_null(number: float) -> None:
    assert encode(Codec.JSON, {"a": [number, 1.5]}) == b'{"a":[null,1.5]}'


def test_msgpack_carries_nan_as_it_is() -> None:
    assert math.isnan(decode(encode(Codec.MSGPACK, {"a": math.nan}))["a"])


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ({}, "action"),
        ({"action": ""}, "action"),
        ({"action": 5}, "action"),
        ({"action": "read", "rqarg": {}}, "rqarg"),
        ({"action": "read", "rqargs": []}, "rqargs"),
        ({"action": "read", "rqargs": None}, "rqargs"),
        ({"action": "read", "device": None}, "device"),
        ({"action": "read", "device": True}, "device"),
        ({"action": "read", "device": 1.5}, "device"),
        ({"action": "read", "id": [1]}, "id"),
        ({"action": "read", "timeout": 0}, "timeout"),
        ({"action": "read", "timeout": 3601}, "timeout"),
        ({"action": "read", "timeout": "5"}, "timeout"),
        ({"action": "read", "timeout": True}, "timeout"),
        ({"action": "read", "key": ""}, "key"),
        ({"action": "read", "key": "x" * 129}, "key"),
        ({"action": "read", "token": 1}, "token"),
        ({"action": "read", "v": 2}, "v"),
        ({"action": "read", "v": True}, "v"),
    ],
)
@pytest.mark.parametrize("codec", CODECS)
def test_a_wrong_field_is_refused_by_name(message: dict[str, object], names: str, codec: Codec) -> None:
    bad = refused(encode(codec, message))
    assert bad.error.code is Code.BAD_REQUEST
    assert names in bad.error.message
    assert bad.codec is codec


def test_the_id_comes_back_with_a_refusal() -> None:
    assert refused(encode(Codec.JSON, {"id": "a1", "action": ""})).id == "a1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"action": "read", "rqargs": {"a": NaN}}',
        b'{"action": "\xff"}',
        b'{"action": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"\xc1",
        b"\x81",
        msgpack.packb({"action": "read", "rqargs": {"tags": b"binary"}}),
        msgpack.packb({"action": "read", "rqargs": {1: 2}}),
        msgpack.packb({"action": "read", "rqargs": {"t": msgpack.ExtType(1, b"x")}}),
        msgpack.packb({b"action": "read"}),
        b"[" * 100_000,
        b"\x91" * 100_000,
    ],
)
def test_what_is_no_request_is_a_bad_request(body: bytes) -> None:
    assert refused(body).error.code is Code.BAD_REQUEST


def test_a_body_over_the_limit_is_too_large() -> None:
    bad = refused(b"{" + b" " * 100, Limits(body_bytes=100))
    assert (bad.error.code, bad.error.details) == (Code.TOO_LARGE, {"size": 101, "limit": 100})


@pytest.mark.parametrize(("levels", "accepted"), [(3, True), (4, False)])
def test_nesting_ends_at_the_limit(levels: int, accepted: bool) -> None:
    inner: object = 1
    for _ in range(levels - 2):
        inner = [inner]
    body = encode(Codec.JSON, {"action": "read", "rqargs": {"a": inner}})
    if accepted:
        assert parse_request(body, Limits(depth=3)).rqargs == {"a": inner}
    else:
        assert "deep" in refused(body, Limits(depth=3)).error.message


@given(st.lists(st.binary(max_size=8), max_size=4), st.binary(max_size=8))
def test_the_last_frame_is_the_body_and_all_others_come_back(envelope: list[bytes], body: bytes) -> None:
    assert split_envelope([*envelope, body]) == (tuple(envelope), body)


LIMIT = 40_000


@pytest.fixture
def short_frames(monkeypatch):
    """A message has at most LIMIT bytes."""
    monkeypatch.setattr(messages, "MAX_FRAME_BYTES", LIMIT)


def shortened(reply, codec):
    body = encode_reply(codec, reply)
    assert len(body) <= LIMIT
    return decode(body)


@pytest.mark.usefixtures("short_frames")
@pytest.mark.parametrize("codec", Codec)
def test_a_reply_that_is_too_long_says_what_happened_at_the_device(codec):
    reply = shortened(
        {"id": 7, "ok": True, "result": {"values": "x" * LIMIT}, "elapsed": {"total": 1.0}}, codec
    )
    assert (reply["id"], reply["ok"], reply["elapsed"]) == (7, False, {"total": 1.0})
    assert (reply["error"]["code"], reply["error"]["outcome"]) == ("too_large", "executed")


@pytest.mark.usefixtures("short_frames")
@pytest.mark.parametrize("codec", Codec)
def test_an_error_that_is_too_long_keeps_its_code_and_outcome(codec):
    error = failure(Code.ACTION_FAILED, "x" * LIMIT, outcome=Outcome.UNKNOWN, details={"more": "y" * LIMIT})
    reply = shortened({"id": 7, "ok": False, "error": error.to_map()}, codec)
    assert (reply["error"]["code"], reply["error"]["outcome"]) == ("action_failed", "unknown")


@pytest.mark.usefixtures("short_frames")
@pytest.mark.parametrize("codec", Codec)
def test_of_a_batch_that_is_too_long_only_the_parts_without_room_are_refused(codec):
    parts = [{"ok": True, "result": "x" * size} for size in (10, LIMIT, 20, 15_000, 15_000, 30)]
    reply = shortened({"ok": True, "result": {"replies": parts}}, codec)
    assert [part["ok"] for part in reply["result"]["replies"]] == [True, False, True, True, False, True]
