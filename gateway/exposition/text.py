"""Prometheus' text format, written by hand: a thousand devices are tens of thousands of lines.

Strategy: pure. A family is its name, type, help and samples; labels are escaped as the format wants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[str, Mapping[str, object], float]  # suffix of the name, labels, value


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric."""

    name: str
    kind: str  # counter, gauge or histogram
    text: str
    samples: Iterable[Sample]


def exposition(families: Iterable[Family]) -> str:
    """The text of a scrape."""
    lines: list[str] = []
    for family in families:
        lines.append(f"# HELP {family.name} {_escaped_help(family.text)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines.extend(
            f"{family.name}{suffix}{_labels(labels)} {_number(value)}"
            for suffix, labels, value in family.samples
        )
    return "\n".join(lines) + "\n"


def histogram(
    labels: Mapping[str, object], bounds: tuple[float, ...], cumulative: list[int], total: float
) -> list[Sample]:
    """The samples of one histogram from cumulative buckets, the last of them without an upper end."""
    samples: list[Sample] = [
        ("_bucket", {**labels, "le": f"{bound:g}"}, count)
        for bound, count in zip(bounds, cumulative, strict=False)
    ]
    count = cumulative[-1] if cumulative else 0
    return [
        *samples,
        ("_bucket", {**labels, "le": "+Inf"}, count),
        ("_sum", labels, total),
        ("_count", labels, count),
    ]


def _labels(labels: Mapping[str, object]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escaped_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
