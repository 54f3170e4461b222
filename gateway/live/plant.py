"""Numbers of the plant, as `figures` gives them, in the form that pages and scripts want.

Strategy: pure. On the wire a thousand devices are arrays under one list of columns; here they are maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def device_maps(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of `figures` as maps by column; `degraded` becomes the state that is shown."""
    columns, bounds = figures["columns"], tuple(figures["bounds"])
    rows = [dict(zip(columns, row, strict=True)) for row in figures["rows"]]
    for row in rows:
        if row.get("degraded"):
            row["state"] = "degraded"
        row.pop("troubled", None)  # it says each second what `degraded` says once
        buckets = row.pop("buckets", None)
        if buckets:
            row["p50_ms"], row["p99_ms"] = (quantile(buckets, bounds, share) for share in (0.5, 0.99))
    return rows


def quantile(cumulative: list[int], bounds: tuple[float, ...], share: float) -> float | None:
    """Milliseconds below which this share of the round trips was, from cumulative buckets; None without any.

    The last bucket has no upper end: its round trips count as long as the last bound.
    """
    total = cumulative[-1] if cumulative else 0
    if not total:
        return None
    wanted = share * total
    below, lower = 0, 0.0
    for count, bound in zip(cumulative, bounds, strict=False):
        if count >= wanted:
            part = (wanted - below) / (count - below) if count > below else 1.0
            return round((lower + (bound - lower) * part) * 1000, 2)
        below, lower = count, bound
    return round(bounds[-1] * 1000, 2)


def page_content(figures: Mapping[str, Any]) -> dict[str, Any]:
    """A page of devices as live content: rows by id, and their order."""
    rows = device_maps(figures)
    return {
        "order": [row["id"] for row in rows],
        "rows": {str(row["id"]): row for row in rows},
        "total": figures["total"],
        "states": figures["states"],
    }
