"""Live content, what changed in it, and how several changes become one.

Strategy: pure. Content is a map of sections. A section is a plain value, or a map of entries; an entry is
replaced as a whole. A change has the sections that differ; of a section with entries only the entries that
differ, with `null` for one that has gone. So any number of changes can be merged into one that has the same
effect, which is what a viewer gets that was too slow for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Content = Mapping[str, Any]


def difference(before: Content, after: Content) -> dict[str, Any]:
    """The change that leads from one content to another; empty where they are the same."""
    change: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for name, section in after.items():
        former = before.get(name)
        if section == former and name in before:
            continue
        if isinstance(section, dict) and isinstance(former, dict):
            entries: dict[str, Any] = dict.fromkeys(former.keys() - section.keys())
            entries |= {
                entry: value
                for entry, value in section.items()
                if entry not in former or former[entry] != value
            }
            change[name] = entries
        else:
            change[name] = section
    return change


def applied(content: Content, change: Content) -> dict[str, Any]:
    """The content after a change."""
    result = dict(content)
    for name, section in change.items():
        former = result.get(name)
        if isinstance(section, dict) and isinstance(former, dict):
            both = former | section
            result[name] = {entry: value for entry, value in both.items() if value is not None}
        else:
            result[name] = section
    return result


def merged(earlier: Content, later: Content) -> dict[str, Any]:
    """One change that does what two do, one after the other."""
    result = dict(earlier)
    for name, section in later.items():
        former = result.get(name)
        if isinstance(section, dict) and isinstance(former, dict):
            result[name] = former | section
        else:
            result[name] = section
    return result
