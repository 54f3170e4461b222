"""The forms."""

from __future__ import annotations

import dataclasses

from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.site.forms.base import canonical
from plcmq.devices.site.forms.schema import ActionForm, DeviceForm, LinkForm
from plcmq.devices.site.forms.tag import TagForm


def test_the_link_form_has_the_models_fields_and_defaults() -> None:
    defaults = dataclasses.asdict(LinkSettings())
    form = LinkForm().model_dump()
    assert form.pop("preset") is None
    form["functions"] = frozenset(form["functions"])
    assert form == defaults


def test_forms_that_mean_the_same_give_the_same_data() -> None:
    short = {
        "address": "40001",
        "type": "uint16",
        "access": "rw",
        "min": 1.0,
        "verify": True,
        "enum": {0: "a"},
    }
    long = {"address": "holding:0", "type": "uint16", "access": "rw", "min": 1, "verify": {"after": 0}}
    long |= {"enum": {"0": "a"}, "scale": 1, "count": None, "description": ""}
    assert canonical(TagForm.model_validate(short)) == canonical(TagForm.model_validate(long))


def test_steps_take_their_shortest_form() -> None:
    steps = [
        {"pulse": {"tag": "a", "for": 0.2}},
        {"expect_change": {"tag": "a", "timeout": 5}},
        {"wait": {"poll": 1, "a": True, "timeout": 5}},
        {"read": "a"},
    ]
    assert canonical(ActionForm.model_validate({"steps": steps})) == {
        "steps": [
            {"pulse": "a"},
            {"expect_change": "a"},
            {"wait": {"a": True, "poll": 1.0}},
            {"read": ["a"]},
        ]
    }


def test_what_equals_its_default_is_left_out_and_enabled_is_kept_as_given() -> None:
    required = {"id": 1, "name": "a", "host": "h", "profile": "p"}
    given = {**required, "port": 502, "unit": 1, "link": {"timeout": 1}, "description": ""}
    assert canonical(DeviceForm.model_validate(given)) == required
    for enabled in (True, False):
        assert canonical(DeviceForm.model_validate({**given, "enabled": enabled})) == {
            **required,
            "enabled": enabled,
        }


def test_the_order_of_writes_is_kept() -> None:
    form = ActionForm.model_validate({"steps": [{"write": {"z": 1, "a": 2, "m": 3}}]})
    assert list(canonical(form)["steps"][0]["write"]) == ["z", "a", "m"]
