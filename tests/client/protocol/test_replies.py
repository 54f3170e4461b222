"""Replies and events as a client sees them."""

from __future__ import annotations

import pytest
from plcmq.client.protocol.bodies import Codec, encode
from plcmq.client.protocol.errors import Code, PlcmqError, failure
from plcmq.client.protocol.messages import Elapsed, failure_map, success_map
from plcmq.client.protocol.replies import Event, Reply, parse_reply


def test_a_success_is_its_result() -> None:
    reply = parse_reply(encode(Codec.JSON, {**success_map("a", [1], Elapsed(1.0)), "replayed": True}))
    assert isinstance(reply, Reply)
    assert (reply.id, reply.value(), reply.replayed) == ("a", [1], True)
    assert reply.elapsed == {"total": 1.0, "queue": 0.0, "device": 0.0}


def test_a_failure_is_raised() -> None:
    reply = parse_reply(encode(Codec.MSGPACK, failure_map(None, failure(Code.BUSY, "full"))))
    assert isinstance(reply, Reply)
    with pytest.raises(PlcmqError, match="full"):
        reply.value()


def test_an_event_is_no_reply() -> None:
    assert parse_reply(b'{"id": 3, "event": {"ended": "ttl"}}') == Event(3, {"ended": "ttl"})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"ok": 1}', b'{"ok": false}', b'{"id": {}, "ok": true}']
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"reply|JSON"):
        parse_reply(body)
