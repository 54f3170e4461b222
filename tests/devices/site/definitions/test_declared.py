"""Definitions to the model: what hosts and broker make of a declared profile."""

import pytest
from plcmq.devices.model.actions import ArgRef, Pulse, Wait, Write
from plcmq.devices.model.tags import Order
from plcmq.devices.site.definitions.declared import compile_tag, declared_profile, operand


@pytest.mark.parametrize(
    ("written", "meant"),
    [("$size", ArgRef("size")), ("$$size", "$size"), ("size", "size"), (5, 5), ((1, 2), [1, 2])],
)
def test_a_dollar_is_an_argument_and_two_are_text(written, meant):
    assert operand(written) == meant


def test_a_tag_has_the_orders_of_its_profile_unless_it_says_otherwise():
    tags = {"a": {"address": "holding:0", "type": "int32"}}
    tags["b"] = {**tags["a"], "word_order": "big"}
    profile = declared_profile("p", {"word_order": "little", "tags": tags})
    assert [tag.word_order for tag in profile.tags.values()] == [Order.LITTLE, Order.BIG]


def test_a_step_takes_its_short_form_and_an_enum_its_name():
    tags = {"state": {"address": "holding:0", "type": "uint16", "enum": {"1": "on"}}}
    steps = [{"pulse": "go"}, {"write": {"state": "on"}}, {"wait": {"state": 1, "timeout": 2}}]
    action = declared_profile("p", {"tags": tags, "actions": {"start": {"steps": steps}}}).actions["start"]
    assert action.steps == (Pulse("go"), Write({"state": "on"}), Wait({"state": "on"}, timeout=2.0))


def test_a_definition_of_a_newer_version_is_refused():
    with pytest.raises(ValueError, match="no step `fly`"):
        declared_profile("p", {"actions": {"a": {"steps": [{"fly": "away"}]}}})
    with pytest.raises(ValueError, match="int17"):
        compile_tag("a", {"address": "holding:0", "type": "int17"})
