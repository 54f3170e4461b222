"""What commands print: for people, for pipes, and what to do about an error."""

from __future__ import annotations

import json

import pytest
from plcmq.broker.cli.terminal.render import advice, ago, plain, print_json, print_table, print_values
from plcmq.client import Code
from plcmq.client.protocol.errors import BrokerUnreachable, Outcome, failure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("two\nlines\tand tabs", "two lines and tabs"),
        (0.1 + 0.2, "0.3"),
        (True, "true"),
        ([1, 2], "[1,2]"),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_a_value_stands_on_one_line_of_a_table(value, text):
    assert plain(value) == text


def test_a_pipe_gets_tabs_under_the_same_heads(capsys):
    print_table(("ID", "STATE"), [(1, "up"), (2, "down")])
    assert capsys.readouterr().out == "ID\tSTATE\n1\tup\n2\tdown\n"


def test_maps_inside_a_result_are_told_by_dotted_names(capsys):
    print_values({"queue": {"reads": 3, "commands": 0}, "empty": {}})
    assert capsys.readouterr().out.splitlines()[1:] == ["queue.reads\t3", "queue.commands\t0", "empty\t{}"]


def test_json_has_no_nan(capsys):
    print_json({"value": float("nan")})
    assert json.loads(capsys.readouterr().out) == {"value": None}


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (200, "3 min"), (8000, "2 h"), (400_000, "5 d"), (-3, "0 s")]
)
def test_how_long_ago_as_people_say_it(seconds, text):
    assert ago(1000.0, 1000.0 + seconds) == text


def test_an_unknown_outcome_is_never_advised_to_be_repeated():
    told = advice(failure(Code.OUTCOME_UNKNOWN, "sent, no answer"))
    assert "do not simply repeat it" in told


def test_what_may_be_repeated_says_when():
    assert advice(failure(Code.BUSY, "full", details={"retry_after": 0.5})) == "try again in 0.5 s"


def test_a_missing_broker_is_advised_to_be_started():
    assert "plcmq serve" in advice(BrokerUnreachable("tcp://127.0.0.1:1", 2.0))


def test_an_action_that_wrote_is_to_be_looked_at_first():
    failed = failure(Code.ACTION_FAILED, "a step failed", outcome=Outcome.EXECUTED)
    assert advice(failed) == "look at the machine, then decide"
