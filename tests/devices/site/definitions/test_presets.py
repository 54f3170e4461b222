"""Presets of link settings, and how a site's own settings go with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from plcmq.devices.model.devices import LinkSettings
from plcmq.devices.site.compile import compile_device
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.definitions.export import site_text
from plcmq.devices.site.definitions.presets import PRESETS
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site


def site(link: str) -> SiteContent:
    return parse_site(
        "profiles: {p: {tags: {a: {address: 'holding:0', type: uint16}}}}\n"
        f"devices: [{{id: 1, name: a, host: h, profile: p, link: {link}}}]"
    )


def settings(link: str) -> LinkSettings:
    return compile_device(site(link).devices[0]).link


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_says_why_and_who_says_so(name: str) -> None:
    preset = PRESETS[name]
    assert preset.why
    assert preset.source
    link = settings(f"{{preset: {name}}}")
    for field, value in preset.settings.items():
        assert getattr(link, field) == (frozenset(value) if isinstance(value, list) else value)


def test_what_stands_beside_a_preset_wins() -> None:
    link = settings("{preset: huawei-sun2000, timeout: 8, max_registers: 64}")
    assert (link.timeout, link.max_registers, link.connect_delay) == (8.0, 64, 2.0)


def test_a_default_that_stands_beside_a_preset_wins_too() -> None:
    default = LinkSettings().timeout
    content = site(f"{{preset: huawei-sun2000, timeout: {default}, keep_warm: null}}")
    assert content.devices[0]["link"] == {"preset": "huawei-sun2000", "timeout": default}
    assert compile_device(content.devices[0]).link.timeout == default


def test_a_setting_that_the_preset_has_anyway_is_no_difference() -> None:
    assert site("{preset: solis, request_gap: 0.3}") == site("{preset: solis}")


def test_a_preset_survives_export() -> None:
    content = site("{preset: siemens-s7, functions: [1, 2, 3, 4, 5, 6, 15, 16, 43]}")
    assert parse_site(site_text(content)) == content


def test_an_unknown_preset_is_told_the_nearest_one() -> None:
    with pytest.raises(SiteError, match=r"devices\[0\].link.preset: unknown preset `huawei`.*huawei-sun2000"):
        site("{preset: huawei}")
    with pytest.raises(SiteError, match="did you mean `beckhoff-bk9000`"):
        site("{preset: beckhoff-bk900}")


def test_the_documentation_has_every_preset_with_its_settings() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "profiles.md").read_text(encoding="utf-8")
    for preset in PRESETS.values():
        settings = ", ".join(f"`{name}: {value}`" for name, value in preset.settings.items())
        assert f"| `{preset.name}` | {settings} | {preset.why} | {preset.source} |" in guide
