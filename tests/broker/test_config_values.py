"""Each kind of setting takes its values, from a file or as text, and says what it expected."""

import math

import pytest
from plcmq.broker.config_values import (
    BOOLEAN,
    DATABASE,
    LISTED,
    LISTEN,
    MAYBE_TEXT,
    TEXT,
    Misread,
    address,
    choice,
    seconds,
    whole,
)

BIND, CONNECT = address("tcp://127.0.0.1:7502", to_bind=True), address("tcp://127.0.0.1:7502", to_bind=False)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (TEXT, "hall", "hall"),
        (MAYBE_TEXT, "", ""),
        (BOOLEAN, True, True),
        (BOOLEAN, "Off", False),
        (seconds(60, zero=True), "0", 0.0),
        (seconds(60, zero=False), 60, 60.0),
        (whole(1, 9), "9", 9),
        (choice("info", "debug"), "INFO", "info"),
        (BIND, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"),
        (DATABASE, "postgresql://db/plcmq", "postgresql://db/plcmq"),
        (LISTED, ["a", "b"], "a,b"),
        (LISTEN, "127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
def test_a_value_is_read(kind, raw, value):
    assert kind.read(raw) == value


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (TEXT, " "),
        (BOOLEAN, 1),
        (BOOLEAN, "maybe"),
        (seconds(60, zero=False), 0),
        (seconds(60, zero=True), 61),
        (seconds(60, zero=True), math.nan),
        (seconds(60, zero=True), True),
        (whole(1, 9), 1.5),
        (whole(1, 9), True),
        (choice("info"), "loud"),
        (BIND, 7502),
        (DATABASE, None),
        (LISTED, [1]),
    ],
)
def test_another_is_refused(kind, raw):
    with pytest.raises(ValueError, match=r"^$|could not|invalid"):
        kind.read(raw)


@pytest.mark.parametrize(
    ("kind", "raw", "sentence"),
    [
        (BIND, "127.0.0.1:7502", "did you mean 'tcp://127.0.0.1:7502'"),
        (CONNECT, "tcp://127.0.0.1:0", "names no port to connect to"),
        (DATABASE, "plcmq.db", "did you mean 'sqlite:///plcmq.db'"),
    ],
)
def test_a_likely_slip_is_answered_with_what_was_meant(kind, raw, sentence):
    with pytest.raises(Misread, match=sentence):
        kind.read(raw)
