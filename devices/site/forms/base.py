"""What all forms of a site file have in common: everything is strict, and each has one writing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class StrictForm(BaseModel):
    """Base of all forms."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def canonical(form: StrictForm) -> dict[str, Any]:
    """The form as plain data in its one writing; two forms that mean the same give the same data."""
    return form.model_dump(mode="json", by_alias=True, exclude_defaults=True)
