"""Inheritance and addresses from 1, said in full before anything is checked."""

import json

import pytest
from plcmq.devices.site.definitions.expand import expanded, rebased
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site

TAG = {"address": "holding:0", "type": "uint16"}


def profiles(**forms):
    return parse_site(json.dumps({"profiles": forms})).profiles


def test_tags_actions_and_settings_are_inherited_replaced_and_removed():
    base = {
        "word_order": "little",
        "tags": {"a": TAG, "b": TAG, "c": TAG},
        "actions": {"wait": {"steps": [{"sleep": 1}]}, "other": {"steps": [{"sleep": 1}]}},
    }
    own = {
        "extends": "base",
        "tags": {"b": None, "c": {**TAG, "address": "holding:9"}, "d": TAG},
        "actions": {"other": None},
    }
    child = profiles(base=base, child=own)["child"]
    assert list(child["tags"]) == ["a", "c", "d"]
    assert child["tags"]["c"]["address"] == "holding:9"
    assert list(child["actions"]) == ["wait"]
    assert child["word_order"] == "little"
    assert "extends" not in child


def test_of_several_the_later_wins_and_inheritance_goes_on_and_on():
    found = profiles(
        a={"tags": {"x": TAG}, "description": "a"},
        b={"extends": "a", "tags": {"y": TAG}},
        c={"tags": {"x": {**TAG, "unit": "m"}}, "description": "c"},
        d={"extends": ["b", "c"]},
    )["d"]
    assert found["tags"] == {"x": {**TAG, "unit": "m"}, "y": TAG}
    assert found["description"] == "c"


@pytest.mark.parametrize(
    ("forms", "why"),
    [
        ({"a": {"extends": "a"}}, "profiles.a.extends: `a` extends `a` in turn"),
        ({"a": {"extends": "b"}, "b": {"extends": "a"}}, "in turn"),
        ({"a": {"extends": "pres"}, "press": {}}, "unknown profile `pres`; did you mean `press`?"),
        ({"a": {"extends": 5}}, "must be a profile's name"),
        ({"base": {"tags": {"x": TAG}}, "a": {"extends": "base", "tags": {"y": None}}}, "profiles.a.tags.y"),
    ],
)
def test_what_cannot_be_inherited_is_named(forms, why):
    with pytest.raises(SiteError) as refused:
        profiles(**forms)
    assert why in str(refused.value)


def test_addresses_may_count_from_1_and_modicon_notation_does_not_care():
    tags = {"a": {**TAG, "address": "holding:1"}, "b": {**TAG, "address": "40001"}}
    tags["c"] = {**TAG, "address": "holding:0x10"}
    found = profiles(p={"address_base": 1, "tags": tags})["p"]
    assert [tag["address"] for tag in found["tags"].values()] == ["holding:0", "holding:0", "holding:15"]
    assert "address_base" not in found


def test_there_is_no_address_0_where_they_count_from_1():
    with pytest.raises(SiteError, match="does not exist with address_base 1"):
        profiles(p={"address_base": 1, "tags": {"a": TAG}})


@pytest.mark.parametrize("odd", [None, 5, [], {"profiles": 5}, {"profiles": {"a": 5}}, {"profiles": {5: {}}}])
def test_what_is_no_site_is_left_to_the_checks(odd):
    content, problems = expanded(odd)
    assert content == odd
    assert problems == []
    assert rebased({"address_base": 7}) == {"address_base": 7}
