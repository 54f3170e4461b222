"""Definitions to the frozen model."""

from __future__ import annotations

import pytest
from plcmq.devices.model.actions import ArgRef, Check, ExpectChange, Pulse, Read, Sleep, Wait, Write
from plcmq.devices.model.devices import DeviceDefinition, LinkSettings
from plcmq.devices.model.tags import Access, Order, Table, Tag, Type, Verify
from plcmq.devices.site.compile import compile_device, compile_profile, compile_site
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.definitions.declared import operand
from plcmq.devices.site.definitions.problems import SiteError


def test_the_example_of_the_reference_compiles(press: SiteContent) -> None:
    site = compile_site(press)
    profile = site.profiles["press"]
    assert profile.tags["batch_size"] == Tag(
        "batch_size", Table.HOLDING, 0, Type.UINT16, Access.RW, min=1, max=500, unit="pcs"
    )
    assert profile.tags["state"].enum == {0: "idle", 1: "running", 2: "fault"}
    action = profile.actions["start_batch"]
    assert action.steps == (
        Check({"running": False}),
        Write({"batch_size": ArgRef("batch_size"), "nok_limit": ArgRef("nok_num")}),
        Write({"start": True}),
        Wait({"running": True}, timeout=5.0, fail_if={"state": "fault"}),
        Read(("batch_no", "state")),
    )
    assert action.finally_ == (Write({"start": False}),)
    assert site.devices == (
        DeviceDefinition(1, "press-1", "192.168.0.10", "press"),
        DeviceDefinition(
            2,
            "press-2",
            "192.168.0.11",
            "press",
            link=LinkSettings(connect_delay=0.2, request_gap=0.05, max_registers=100),
        ),
    )


def test_steps_compile_from_short_and_long_forms() -> None:
    steps = [
        {"pulse": "a"},
        {"pulse": {"tag": "a", "for": 1}},
        {"read": "a"},
        {"sleep": 1},
        {"expect_change": "a"},
        {"expect_change": {"tag": "a", "poll": 1}},
    ]
    profile = compile_profile("p", {"actions": {"go": {"steps": steps}}})
    assert profile.actions["go"].steps == (
        Pulse("a", 0.2),
        Pulse("a", 1.0),
        Read(("a",)),
        Sleep(1.0),
        ExpectChange("a"),
        ExpectChange("a", poll=1.0),
    )


def test_a_tag_takes_its_orders_from_the_profile_unless_it_has_its_own() -> None:
    tags = {
        "a": {"address": "holding:0", "type": "int32"},
        "b": {"address": "holding:0", "type": "int32", "word_order": "big"},
    }
    profile = compile_profile("p", {"word_order": "little", "byte_order": "little", "tags": tags})
    assert (profile.tags["a"].word_order, profile.tags["a"].byte_order) == (Order.LITTLE, Order.LITTLE)
    assert (profile.tags["b"].word_order, profile.tags["b"].byte_order) == (Order.BIG, Order.LITTLE)


def test_verify_compiles_from_true_and_from_a_map() -> None:
    tags = {
        "a": {"address": "coil:0", "type": "bool", "verify": True},
        "b": {"address": "coil:0", "type": "bool", "verify": {"tag": "a", "after": 0.5}},
    }
    profile = compile_profile("p", {"tags": tags})
    assert profile.tags["a"].verify == Verify()
    assert profile.tags["b"].verify == Verify("a", 0.5)


def test_a_condition_on_an_enum_waits_for_the_name_also_where_the_number_is_given() -> None:
    tags = {"state": {"address": "holding:0", "type": "uint16", "enum": {"1": "on"}}}
    steps = [{"check": {"state": 1}}, {"check": {"state": 7}}, {"write": {"state": 1}}]
    profile = compile_profile("p", {"tags": tags, "actions": {"go": {"steps": steps}}})
    assert profile.actions["go"].steps == (Check({"state": "on"}), Check({"state": 7}), Write({"state": 1}))


def test_two_dollars_are_text_that_begins_with_one() -> None:
    assert operand("$x") == ArgRef("x")
    assert operand("$$x") == "$x"
    assert operand("x$") == "x$"


def test_devices_with_the_same_link_settings_share_them() -> None:
    form = {"id": 1, "name": "a", "host": "h", "profile": "p", "link": {"functions": [3, 6], "window": 2}}
    first, second = compile_device(form), compile_device({**form, "id": 2})
    assert first.link is second.link
    assert first.link == LinkSettings(functions=frozenset({3, 6}), window=2)


def test_a_device_is_enabled_unless_it_says_otherwise() -> None:
    form = {"id": 1, "name": "a", "host": "h", "profile": "p"}
    assert compile_device(form).enabled
    assert not compile_device({**form, "enabled": False}).enabled


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            SiteContent({"p": {"tags": {"t": {"address": "x:0", "type": "bool"}}}}),
            "profiles.p: .*unknown table",
        ),
        (SiteContent({"p": {"tags": {"t": {"type": "bool"}}}}), "profiles.p: .*has no `address`"),
        (SiteContent({"p": {"actions": {"a": {"steps": [{"jump": 1}]}}}}), "profiles.p: .*no step `jump`"),
        (SiteContent({}, ({"id": 1, "name": "d", "profile": "p"},)), "devices.d: .*has no `host`"),
        (
            SiteContent({}, ({"id": 1, "name": "d", "host": "h", "profile": "p", "link": {"new": 1}},)),
            "devices.d: .*'new'",
        ),
        (
            SiteContent({}, ({"id": 1, "name": "d", "host": "h", "profile": "nowhere:C"},)),
            "no module `nowhere`",
        ),
    ],
)
def test_a_definition_that_does_not_fit_is_a_site_error_that_names_it(
    content: SiteContent, said: str
) -> None:
    with pytest.raises(SiteError, match=said):
        compile_site(content)
