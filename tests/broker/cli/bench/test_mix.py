"""Operations as they are typed."""

from __future__ import annotations

import pytest
from plcmq.broker.cli.bench.mix import operations
from plcmq.client.load.mix import Operation


@pytest.mark.parametrize(
    ("text", "name", "tags", "weight"),
    [
        ("temperature", "read temperature", ["temperature"], 1),
        ("temperature,state:8", "read temperature,state", ["temperature", "state"], 8),
        ("a, b : 0.5", "read a,b", ["a", "b"], 0.5),
    ],
)
def test_reads(text, name, tags, weight):
    assert operations([text], [], []) == [Operation(name, "read", {"tags": tags}, weight)]


@pytest.mark.parametrize(
    ("text", "values", "weight"),
    [
        ("setpoint=15:1", {"setpoint": 15}, 1),
        ("a=1 b=2.5:3", {"a": 1, "b": 2.5}, 3),
        ("recipe=PX-7", {"recipe": "PX-7"}, 1),
        ('recipe="a b":2', {"recipe": "a b"}, 2),
        ('recipe="a:8"', {"recipe": "a:8"}, 1),
        ("list=[1,2]:4", {"list": [1, 2]}, 4),
        ('map={"a":8}', {"map": {"a": 8}}, 1),
    ],
)
def test_writes(text, values, weight):
    (write,) = operations([], [text], [])
    assert (write.name, write.rqargs, write.weight) == (
        f"write {','.join(values)}",
        {"values": values},
        weight,
    )


@pytest.mark.parametrize(
    ("text", "action", "rqargs", "weight"),
    [
        ("start_batch batch_size=15 nok_num=3:2", "start_batch", {"batch_size": 15, "nok_num": 3}, 2),
        ("stop", "stop", {}, 1),
        ("stop:2", "stop", {}, 2),
    ],
)
def test_calls(text, action, rqargs, weight):
    assert operations([], [], [text]) == [Operation(f"call {action}", action, rqargs, weight)]


@pytest.mark.parametrize(
    ("reads", "writes", "calls", "said"),
    [
        ([""], [], [], "names no tag"),
        (["a:0"], [], [], "above 0"),
        ([], ["setpoint"], [], "NAME=VALUE"),
        ([], [""], [], "TAG=VALUE"),
        ([], ["a=1 a=2"], [], "twice"),
        ([], [], [""], "name of an action"),
        ([], [], ["a=1"], "name of an action"),
        ([], [], ["start b"], "NAME=VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_words(reads, writes, calls, said):
    with pytest.raises(ValueError, match=said) as refused:
        operations(reads, writes, calls)
    assert str(refused.value).startswith("--")
