"""Site files, from bytes to content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.forms.schema import ActionForm, DeviceForm, LinkForm, ProfileForm, StepForm
from plcmq.devices.site.forms.tag import TagForm
from plcmq.devices.site.load import load_site, parse_site


def problems_in(text: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        parse_site(text, "site.yaml")
    return str(caught.value).splitlines()


def test_the_example_of_the_reference_loads(tmp_path: Path, press_text: str, press: SiteContent) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(press_text)
    assert load_site(file) == press
    assert [device["name"] for device in press.devices] == ["press-1", "press-2"]


def test_content_holds_nothing_that_equals_its_default(press: SiteContent) -> None:
    assert press.devices[0] == {"id": 1, "name": "press-1", "host": "192.168.0.10", "profile": "press"}
    assert "timeout" not in press.devices[1]["link"]


def test_content_is_its_own_canonical_form(press: SiteContent) -> None:
    assert parse_site(json.dumps({"profiles": press.profiles, "devices": list(press.devices)})) == press


def test_a_byte_order_mark_is_allowed(tmp_path: Path, press_text: str, press: SiteContent) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(press_text, encoding="utf-8-sig")
    assert load_site(file) == press


def test_a_problem_names_file_line_and_path(press_text: str) -> None:
    text = press_text.replace("type: int16", "type: int17")
    assert problems_in(text) == [
        "site.yaml:9: profiles.press.tags.temperature.type: unknown type `int17`; did you mean `int16`?"
    ]


def test_problems_of_every_kind_are_collected_in_the_order_of_the_file(press_text: str) -> None:
    text = (
        press_text.replace("uint32}", "uint23}")
        .replace("running: false", "runing: false")
        .replace("[batch_no, state]", "[batch_no, stat]")
        .replace("id: 2", "id: 01")
    )
    places = [line.split(": ")[1] for line in problems_in(text)]
    steps = "profiles.press.actions.start_batch.steps"
    assert places == [
        "profiles.press.tags.batch_no.type",
        f"{steps}[0].check.runing",
        f"{steps}[4].read[1]",
        "devices[1].id",
        "devices[1].id",
    ]


def test_a_broken_step_does_not_hide_what_is_wrong_with_the_others(press_text: str) -> None:
    text = press_text.replace("- check: {running: false}", "- chek: {}").replace(
        "nok_limit: $nok_num", "nok: 1"
    )
    assert len(problems_in(text)) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"profiles: {}\nname: caf\xe9\n", ":2: is not UTF-8: byte 0xe9"),
        (b"[]", "is a map with `profiles` and `devices`, not a list"),
        (b"profiles: []", "profiles: must be a map, not a list"),
        (b"devices:", "devices: must be a list, not nothing (null)"),
        (b"device: []", "unknown field `device`; did you mean `devices`?"),
        (b"profiles: {p: 3}", "profiles.p: must be a map, not the number 3"),
        (b"profiles: {3: {}}", "a name must be text, not the number 3; put it in quotes"),
        (b"profiles: {a b: {}}", "'a b' is no name"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "site.yaml"
    file.write_bytes(content)
    with pytest.raises(SiteError) as caught:
        load_site(file)
    assert why in str(caught.value)


def test_a_file_that_is_not_there_is_a_site_error(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="cannot be read: No such file"):
        load_site(tmp_path / "missing.yaml")
    with pytest.raises(SiteError, match="is a folder without any"):
        load_site(tmp_path)


def test_a_site_without_devices_or_profiles_is_possible() -> None:
    assert parse_site("devices: []") == SiteContent()


def test_the_example_in_the_documentation_loads() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "site-file.md").read_text(encoding="utf-8")
    example = guide.partition("## A complete example")[2].partition("```yaml\n")[2].partition("```")[0]
    assert len(parse_site(example).devices) == 2


def test_the_documentation_knows_every_field() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "site-file.md").read_text(encoding="utf-8")
    for form in (TagForm, ActionForm, ProfileForm, DeviceForm, LinkForm, StepForm):
        for name, info in form.model_fields.items():
            assert f"`{info.alias or name}" in guide, f"{form.__name__}.{name}"
