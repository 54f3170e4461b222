"""The published JSON Schema."""

from __future__ import annotations

from pathlib import Path

from plcmq.devices.site.forms.json_schema import site_schema, site_schema_text
from plcmq.devices.site.forms.schema import DeviceForm, TagForm

PUBLISHED = Path(__file__).parents[4] / "docs" / "site.schema.json"


def test_the_published_schema_is_the_present_one() -> None:
    """After a change of the forms: `make docs`."""
    assert PUBLISHED.read_text(encoding="utf-8") == site_schema_text()


def test_every_field_is_described() -> None:
    for name, definition in site_schema()["$defs"].items():
        assert definition.get("description"), name
        for field, schema in definition.get("properties", {}).items():
            assert schema.get("description"), f"{name}.{field}"


def test_fields_stand_under_the_names_of_the_file() -> None:
    definitions = site_schema()["$defs"]
    assert {"finally", "steps"} <= definitions["ActionForm"]["properties"].keys()
    assert {"for", "tag"} <= definitions["PulseForm"]["properties"].keys()
    assert definitions["TagForm"]["properties"].keys() == TagForm.model_fields.keys()
    assert definitions["DeviceForm"]["required"] == ["id", "name", "host", "profile"]
    assert definitions["DeviceForm"]["properties"].keys() == DeviceForm.model_fields.keys()
