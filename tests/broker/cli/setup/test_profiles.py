"""profiles: what there is to copy."""

from __future__ import annotations

import json

from plcmq.devices.site.load import parse_site


def test_list_tells_profiles_and_presets_with_what_they_are(plcmq):
    result = plcmq("profiles", "list")
    assert result.exit_code == 0
    assert "profile\tpackml\tPackaging machine" in result.stdout
    assert "preset\thuawei-sun2000\tOne client" in result.stdout


def test_list_for_machines_has_every_preset_s_source(plcmq):
    document = json.loads(plcmq("profiles", "list", "--json").stdout)
    assert {"name", "description", "tags", "actions"} <= document["profiles"][0].keys()
    assert all(preset["source"] and preset["settings"] for preset in document["presets"])


def test_a_shown_profile_is_a_site_file(plcmq):
    result = plcmq("profiles", "show", "packml")
    assert list(parse_site(result.stdout).profiles) == ["packml"]


def test_what_is_shown_applies(plcmq, tmp_path):
    (tmp_path / "site.yaml").write_text(plcmq("profiles", "show", "wago-io").stdout)
    assert plcmq("apply", "site.yaml").stdout.splitlines()[0] == "+ profile wago-io"


def test_a_shown_preset_tells_settings_and_source(plcmq):
    result = plcmq("profiles", "show", "solis")
    assert "# Source: solis #480" in result.stdout
    assert "link: {preset: solis}" in result.stdout
    assert json.loads(plcmq("profiles", "show", "solis", "--json").stdout)["settings"] == {"request_gap": 0.3}


def test_an_unknown_name_is_told_the_nearest_one(plcmq):
    result = plcmq("profiles", "show", "packm")
    assert result.exit_code == 1
    assert "did you mean `packml`?" in result.stderr
