"""What the everyday calls send, and what they make of the results."""

from __future__ import annotations

import pytest
from plcmq.client.core import calls
from plcmq.client.protocol.errors import Code, PlcmqError, failure
from plcmq.client.protocol.messages import Elapsed, failure_map, success_map


def test_one_tag_reads_as_its_value_and_several_as_a_map() -> None:
    assert calls.read_args(["a"], None) == {"tags": "a"}
    assert calls.read_args(["a", "b"], 0.5) == {"tags": ["a", "b"], "max_age": 0.5}
    assert calls.read_result(["a"], {"values": {"a": 1}, "age": {}}) == 1
    assert calls.read_result(["a", "b"], {"values": {"a": 1, "b": 2}, "age": {}}) == {"a": 1, "b": 2}


def test_a_tag_that_could_not_be_read_is_an_error_that_has_the_others() -> None:
    errors = {"b": failure(Code.DEVICE_ERROR, "exception 2", details={"exception": 2}).to_map()}
    with pytest.raises(PlcmqError) as caught:
        calls.read_result(["a", "b"], {"values": {"a": 1}, "errors": errors})
    assert caught.value.code is Code.DEVICE_ERROR
    assert caught.value.details == {"exception": 2, "tag": "b", "values": {"a": 1}, "errors": errors}


def test_what_is_not_given_is_left_to_the_broker() -> None:
    assert calls.write_args({"a": 1}, None) == {"values": {"a": 1}}
    assert calls.write_args({"a": 1}, False) == {"values": {"a": 1}, "verify": False}
    assert calls.devices_args(10, 5, None) == {"limit": 10, "offset": 5}
    assert calls.devices_args(10, 5, "press") == {"limit": 10, "offset": 5, "match": "press"}


def test_the_replies_of_a_batch_come_with_their_errors() -> None:
    replies = [success_map(None, 1, Elapsed(0.0)), failure_map(None, failure(Code.BUSY, "full"))]
    good, bad = calls.batch_result({"replies": replies})
    assert (good.result, good.error) == (1, None)
    assert bad.error is not None
    assert bad.error.code is Code.BUSY
