"""JSON bodies: that a faster library makes no difference but in time."""

import json
import math
from contextlib import contextmanager

import orjson
from hypothesis import example, given
from hypothesis import strategies as st
from plcmq.client.protocol import jsontext

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**64), 2**64), st.floats(), st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)
TOKENS = st.sampled_from(
    [
        *'{}[],:"0123456789.eE+-',
        " ",
        "\\",
        "\\u",
        "d800",
        "true",
        "null",
        "NaN",
        "Infinity",
        "é",
        "\ufeff",
        "\0",
    ]
)


def outcome(function, *arguments):
    try:
        return repr(function(*arguments))
    except ValueError as error:
        return f"refused: {error}"


@contextmanager
def lent(loads=orjson.loads):
    """A faster library, for the time of a `with` block; the broker keeps it for good."""
    before, jsontext._fast[:] = list(jsontext._fast), []
    try:
        jsontext.accelerate(loads, orjson.dumps)
        yield
    finally:
        jsontext._fast[:] = before


def both_ways(function, *arguments):
    jsontext._fast.clear()
    plain = outcome(function, *arguments)
    with lent():
        return plain, outcome(function, *arguments)


@given(text=st.lists(TOKENS, max_size=12).map("".join))
@example(text="123456789012345678901234567890")
@example(text="-0")
@example(text="1e400")
@example(text='"\\ud800"')
@example(text='{"a": 1, "a": 2}')
@example(text="[" * 2000)
@example(text="\ufeff{}")
def test_every_text_is_read_alike(text):
    plain, fast = both_ways(jsontext.loads, text.encode())
    assert plain == fast or (plain, fast) == ("0", "-0.0")


@given(body=st.binary(max_size=12))
def test_all_bytes_are_read_alike(body):
    plain, fast = both_ways(jsontext.loads, body)
    assert plain == fast or "-0" in fast


@given(message=VALUES)
@example(message={"a": [math.nan, math.inf, 2**64]})
@example(message=["\ud800"])
@example(message={1: 2})
def test_what_is_written_says_the_same(message):
    plain, fast = both_ways(lambda: json.loads(jsontext.dumps(message)))
    assert plain == fast


def test_the_fast_one_is_used():
    calls = []
    with lent(lambda body: calls.append(body) or orjson.loads(body)):
        assert jsontext.loads(b'{"a": 1}') == {"a": 1}
    assert calls == [b'{"a": 1}']
