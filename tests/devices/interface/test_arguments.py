"""Callers' arguments against an action's schemas."""

from __future__ import annotations

import copy
import math

import fastjsonschema
import pytest
from plcmq.client.protocol.errors import Code, Rejected
from plcmq.devices.interface.arguments import Arguments
from plcmq.devices.model.actions import Action

BATCH = Action(
    "start_batch",
    {
        "batch_size": {"type": "integer", "minimum": 1, "maximum": 500, "default": 15},
        "order": {"type": "string", "pattern": "^[A-Z]+$"},
    },
)


def refusal(rqargs: dict[str, object], action: Action = BATCH) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        Arguments(action).fit(rqargs)
    assert caught.value.code is Code.BAD_ARGS
    return caught.value.message, caught.value.details["path"]


def test_defaults_are_filled_in() -> None:
    assert Arguments(BATCH).fit({"order": "A"}) == {"order": "A", "batch_size": 15}


def test_the_callers_map_is_not_changed() -> None:
    inner = {"type": "array", "items": {"type": "object", "properties": {"n": {"default": [1]}}}}
    arguments = Arguments(Action("a", {"list": inner, "x": {"default": {}}}))
    rqargs = {"list": [{}]}
    before = copy.deepcopy(rqargs)
    assert arguments.fit(rqargs) == {"list": [{"n": [1]}], "x": {}}
    assert rqargs == before


def test_a_default_is_new_in_every_call() -> None:
    arguments = Arguments(Action("a", {"x": {"type": "array", "default": []}}))
    arguments.fit({})["x"].append(1)
    assert arguments.fit({}) == {"x": []}


def test_an_unknown_argument_is_refused_by_name() -> None:
    assert refusal({"order": "A", "batchsize": 3}) == (
        "`start_batch` has no argument `batchsize`; did you mean `batch_size`?",
        "rqargs.batchsize",
    )
    assert refusal({"x": 1}, Action("stop")) == ("`stop` has no argument `x`; it takes none", "rqargs.x")


def test_a_missing_argument_is_named() -> None:
    assert refusal({}) == ("`start_batch` needs `order` in `rqargs`", "rqargs.order")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (501, "rqargs.batch_size must be smaller than or equal to 500"),
        (0, "rqargs.batch_size must be bigger than or equal to 1"),
        ("15", "rqargs.batch_size must be integer"),
        (True, "rqargs.batch_size must be integer"),
        (1.5, "rqargs.batch_size must be integer"),
        (None, "rqargs.batch_size must be integer"),
        (math.nan, "rqargs.batch_size must be a finite number"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(value: object, said: str) -> None:
    assert refusal({"order": "A", "batch_size": value}) == (said, "rqargs.batch_size")


def test_the_path_leads_into_an_argument() -> None:
    action = Action("a", {"list": {"type": "array", "items": {"type": "integer"}}})
    assert refusal({"list": [1, "x"]}, action)[1] == "rqargs.list.1"


def test_an_action_without_arguments_takes_an_empty_map() -> None:
    assert Arguments(Action("stop")).fit({}) == {}


def test_the_schema_describes_the_whole_map() -> None:
    schema = Arguments(BATCH).schema()
    assert schema["required"] == ["order"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["batch_size"]["maximum"] == 500


def test_the_validator_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    compile_ = fastjsonschema.compile
    monkeypatch.setattr(fastjsonschema, "compile", lambda schema: made.append(schema) or compile_(schema))
    arguments = Arguments(BATCH)
    assert made == []
    for _ in range(3):
        arguments.fit({"order": "A"})
    assert len(made) == 1
