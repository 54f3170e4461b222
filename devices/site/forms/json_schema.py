"""The JSON Schema of the site file, for editors: `docs/site.schema.json`.

Strategy: the forms describe themselves; this adds what an editor wants to know of the whole, and brings the
text into one writing, so that a test can tell whether the published file is the present one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from .schema import SiteForm


def site_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the site file."""
    schema = SiteForm.model_json_schema(by_alias=True, mode="validation")
    for inherited in ("tags", "actions"):  # `null` removes one that is inherited
        field = schema["$defs"]["ProfileForm"]["properties"][inherited]
        patterns = field["patternProperties"]
        field["patternProperties"] = {
            pattern: {"anyOf": [items, {"type": "null"}]} for pattern, items in patterns.items()
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "plcmq site file",
    }


def site_schema_text() -> str:
    """The text of `docs/site.schema.json`."""
    return json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(site_schema_text())
