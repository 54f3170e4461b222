"""apply and export: a site file into the registry, and back."""

from __future__ import annotations

import json
from pathlib import Path


def test_apply_shows_what_it_adds_and_how_much(plcmq, site):
    result = plcmq("apply", str(site))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "+ profile press",
        "+ device press-1",
        "+ device press-2",
        "3 added, 0 changed, 0 removed",
    ]


def test_applying_again_changes_nothing(plcmq, site):
    plcmq("apply", str(site))
    assert plcmq("apply", str(site)).stdout == "nothing to change\n"


def test_apply_shows_what_it_changes_and_with_prune_what_it_removes(plcmq, site):
    plcmq("apply", str(site))
    text = site.read_text().replace("192.0.2.1,", "192.0.2.9,")
    site.write_text(text[: text.index("  - {id: 2")])
    result = plcmq("apply", str(site), "--prune")
    assert result.stdout.splitlines() == [
        "~ device press-1 (host)",
        "- device press-2",
        "0 added, 1 changed, 1 removed",
    ]


def test_a_dry_run_tells_and_changes_nothing(plcmq, site):
    plcmq("apply", str(site))
    site.write_text(site.read_text().replace("192.0.2.1,", "192.0.2.9,"))
    assert "dry run" in plcmq("apply", str(site), "--dry-run").stdout
    assert "192.0.2.1:502" in plcmq("device", "list").stdout


def test_apply_with_json_is_one_document(plcmq, site):
    told = json.loads(plcmq("apply", str(site), "--json").stdout)
    assert [change["name"] for change in told["added"]] == ["press", "press-1", "press-2"]
    assert told["changed"] == told["removed"] == []
    assert told["dry_run"] is False


def test_a_wrong_site_names_file_line_and_path_and_changes_nothing(plcmq, site):
    plcmq("apply", str(site))
    site.write_text(site.read_text().replace("type: int16", "type: int17"))
    result = plcmq("apply", str(site))
    assert result.exit_code == 1
    assert "site.yaml:5: profiles.press.tags.temperature.type: " in result.stderr
    assert plcmq("export").stdout.count("type: int16") == 1


def test_a_wrong_site_with_json_lists_the_problems(plcmq, site):
    site.write_text("devices: [{id: 1}]")
    error = json.loads(plcmq("apply", str(site), "--json").stdout)["error"]
    assert error["code"] == "site"
    assert len(error["problems"]) > 1


def test_a_site_that_is_not_there_is_said(plcmq):
    result = plcmq("apply", "nowhere.yaml")
    assert result.exit_code == 1
    assert "nowhere.yaml: cannot be read: No such file or directory" in result.stderr


def test_what_is_exported_applies_to_no_change(plcmq, site, tmp_path: Path):
    plcmq("apply", str(site))
    exported = tmp_path / "exported.yaml"
    assert plcmq("export", "--output", str(exported)).exit_code == 0
    assert exported.read_text() == plcmq("export").stdout
    assert plcmq("apply", str(exported), "--prune").stdout == "nothing to change\n"


def test_what_is_exported_as_json_applies_as_well(plcmq, site, tmp_path: Path):
    plcmq("apply", str(site))
    (tmp_path / "exported.json").write_text(plcmq("export", "--json").stdout)
    assert plcmq("apply", "exported.json", "--prune").stdout == "nothing to change\n"


def test_a_file_that_cannot_be_written_is_said(plcmq, site):
    plcmq("apply", str(site))
    result = plcmq("export", "--output", "/proc/nowhere/site.yaml")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_a_registry_that_cannot_be_made_is_one_clear_line(plcmq, site):
    result = plcmq("apply", str(site), "--registry", "sqlite:////nonexistent/plcmq.db")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "/nonexistent" in result.stderr
