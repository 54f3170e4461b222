"""Reading and writing tags over HTTP."""

from __future__ import annotations

from typing import Any

import httpx

TAGS = "/api/v1/devices/press-1/tags"


def test_all_tags_are_read_where_none_is_named(web: httpx.Client) -> None:
    assert web.get(TAGS).json()["values"] == {"batch_size": 5, "temperature": 5}


def test_named_tags_are_read_as_old_as_one_accepts(web: httpx.Client, fake_broker: Any) -> None:
    web.get(TAGS, params={"names": "temperature, batch_size", "max_age": 0.5})
    asked = [request for request in fake_broker.requests if request.action == "read"][-1]
    assert asked.rqargs == {"tags": ["temperature", "batch_size"], "max_age": 0.5}


def test_one_tag_has_its_value_and_age(web: httpx.Client) -> None:
    assert web.get(f"{TAGS}/temperature").json() == {"tag": "temperature", "value": 5, "age": 0.5}


def test_one_tag_that_cannot_be_read_is_an_error(web: httpx.Client, fake_broker: Any) -> None:
    error = {"code": "timeout", "message": "no answer", "outcome": "not_executed", "retryable": True}
    fake_broker.answers["read"] = lambda _: {"values": {}, "age": {}, "errors": {"temperature": error}}
    assert web.get(f"{TAGS}/temperature").status_code == 504


def test_writing_takes_values_by_tag(web: httpx.Client, fake_broker: Any) -> None:
    web.patch(TAGS, params={"verify": "true"}, json={"batch_size": 20})
    web.patch(f"{TAGS}/batch_size", json={"value": 21})
    first, second = (request for request in fake_broker.requests if request.action == "write")
    assert first.rqargs == {"values": {"batch_size": 20}, "verify": True}
    assert second.rqargs == {"values": {"batch_size": 21}}


def test_one_tag_takes_a_value_and_nothing_else(web: httpx.Client) -> None:
    assert web.patch(f"{TAGS}/batch_size", json={"valeu": 21}).status_code == 422


def test_numbers_that_json_has_no_word_for_are_null(web: httpx.Client, fake_broker: Any) -> None:
    fake_broker.answers["read"] = lambda _: {"values": {"temperature": float("nan")}, "age": {}}
    assert web.get(f"{TAGS}/temperature").json()["value"] is None
