"""Content to text and back."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.definitions.diff import compare, merge
from plcmq.devices.site.definitions.export import site_text
from plcmq.devices.site.forms.base import canonical
from plcmq.devices.site.forms.schema import SiteForm
from plcmq.devices.site.load import parse_site


def site_from_map(content: object) -> SiteContent:
    form = canonical(SiteForm.model_validate(content))
    return SiteContent(form.get("profiles", {}), tuple(form.get("devices", ())))


def test_the_example_reads_as_people_write_it(press: SiteContent) -> None:
    lines = site_text(press).splitlines()
    assert (
        "      state: {address: 'holding:12', type: uint16, enum: {0: idle, 1: running, 2: fault}}" in lines
    )
    assert "        - write: {batch_size: $batch_size, nok_limit: $nok_num}" in lines
    assert "        - read: [batch_no, state]" in lines
    assert "  link: {connect_delay: 0.2, request_gap: 0.05, max_registers: 100}" in lines
    assert "  host: 192.168.0.10" in lines


def test_an_exported_site_applies_to_no_change(press: SiteContent) -> None:
    assert not compare(press, merge(press, parse_site(site_text(press)), prune=True))


def test_an_empty_site_can_be_exported() -> None:
    assert parse_site(site_text(SiteContent())) == SiteContent()


TRAPS = [
    "on",
    "no",
    "1e3",
    "010",
    "0x1F",
    "1_000",
    "12:30:45",
    "null",
    "~",
    "<<",
    "=",
    ".5",
    "0o17",
    "- a",
    "#",
    "@a",
]
texts = st.text(max_size=12) | st.sampled_from([*TRAPS, "", " a\nb\n", "ü\u2028"])
names = st.sampled_from(["on", "no", "1e3", "010", "0x1F", "null", "a-b", "état", "x.y", "_", "1.5", "t"])
finite = st.floats(allow_nan=False, allow_infinity=False)
seconds = st.integers(1, 50) | st.floats(0.001, 100)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
tags = st.one_of(
    st.fixed_dictionaries(
        {"address": st.just("coil:3"), "type": st.just("bool"), "access": st.just("rw")},
        optional={"description": texts, "verify": st.booleans(), "unit": texts},
    ),
    st.fixed_dictionaries(
        {
            "address": st.integers(0, 60000).map("holding:{}".format) | st.just("40001"),
            "type": st.sampled_from(["int16", "uint32", "float64", "bcd32"]),
            "access": st.just("rw"),
        },
        optional={
            "scale": finite.filter(lambda scale: 1e-6 < abs(scale) < 1e6),
            "count": st.integers(1, 5),
            "min": st.integers(-(2**70), 0),
            "max": finite.filter(lambda limit: limit >= 0),
            "word_order": st.sampled_from(["big", "little"]),
            "description": texts,
        },
    ),
    st.fixed_dictionaries(
        {"address": st.just("input:7"), "type": st.just("uint16")},
        optional={
            "enum": st.lists(texts, unique=True, min_size=1, max_size=3).map(lambda n: dict(enumerate(n)))
        },
    ),
)


@st.composite
def sites(draw: st.DrawFn) -> dict[str, Any]:
    tag_names = draw(st.lists(names, unique=True, min_size=1, max_size=4))
    profile: dict[str, Any] = {"tags": {name: draw(tags) for name in tag_names}, "description": draw(texts)}
    args = {
        name: {"default": draw(json_values), "description": draw(texts)}
        for name in draw(st.lists(names, unique=True, max_size=2))
    }
    step = st.one_of(
        st.fixed_dictionaries({"read": st.lists(st.sampled_from(tag_names), min_size=1, max_size=3)}),
        st.fixed_dictionaries({"sleep": seconds}),
        st.fixed_dictionaries({"expect_change": st.sampled_from(tag_names)}),
        *([st.just({"check": {tag_names[0]: f"${next(iter(args))}"}})] if args else []),
    )
    steps = st.lists(step, min_size=1, max_size=3)
    profile["actions"] = {draw(names): {"args": args, "steps": draw(steps), "finally": draw(steps)}}
    link = st.fixed_dictionaries(
        {},
        optional={
            "timeout": seconds.map(lambda value: min(value, 60.0)),
            "window": st.integers(1, 16),
            "idle_close": seconds | st.none(),
        },
    )
    devices = [
        {
            "id": number,
            "name": f"d{number} {draw(names)}",
            "host": draw(st.sampled_from(["h", "::1"])),
            "profile": "p",
            "link": draw(link),
            **draw(st.sampled_from([{}, {"enabled": False}])),
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    return {"profiles": {"p": profile}, "devices": devices}


@settings(max_examples=60, deadline=None)
@given(sites())
def test_any_site_comes_back_from_its_export(site: dict[str, Any]) -> None:
    content = site_from_map(site)
    text = site_text(content)
    assert not compare(content, parse_site(text))


@settings(max_examples=30, deadline=None)
@given(sites())
def test_any_content_goes_through_json_unchanged(site: dict[str, Any]) -> None:
    content = site_from_map(site)
    stored = json.loads(json.dumps({"profiles": content.profiles, "devices": content.devices}))
    assert not compare(content, site_from_map(stored))


@settings(max_examples=60, deadline=None)
@given(texts)
def test_other_yaml_readers_take_exported_text_for_the_same_text(text: str) -> None:
    exported = site_text(SiteContent({"p": {"description": text}}))
    assert yaml.safe_load(exported)["profiles"]["p"]["description"] == text


def test_what_is_done_without_being_asked_for_comes_back_from_its_export() -> None:
    tag = {"address": "holding:0", "type": "uint16", "access": "rw", "urgent": True}
    action = {"steps": [{"sleep": 1}], "interrupts": True, "urgent": True, "timeout": 9, "confirm": False}
    profile = {
        "tags": {"alive": tag},
        "on_connect": [{"write": {"alive": 7}}],
        "heartbeat": [{"tag": "alive", "every": 0.5, "values": [0, 1]}],
        "actions": {"stop": action},
    }
    content = parse_site(json.dumps({"profiles": {"p": profile}}))
    assert not compare(content, parse_site(site_text(content)))
    assert content.profiles["p"]["actions"]["stop"]["confirm"] is False
