"""Any number of changes can be merged, and the viewer ends with what is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plcmq.gateway.live.merging import applied, difference, merged
from plcmq.gateway.live.messages import Frame

entries = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2) | st.lists(st.integers(0, 1)), max_size=3)
contents = st.fixed_dictionaries({"rows": entries, "tags": entries, "total": st.integers(0, 2) | st.none()})
histories = st.lists(contents, min_size=2, max_size=6)


def shown(frames: list[Frame]) -> dict[str, Any]:
    """What a viewer has after these frames."""
    content: dict[str, Any] = {}
    for frame in frames:
        content = dict(frame.content) if frame.is_full else applied(content, frame.content)
    return content


def frames_of(history: list[dict[str, Any]]) -> list[Frame]:
    changes = [difference(before, after) for before, after in pairwise(history)]
    return [Frame("k", True, history[0]), *(Frame("k", False, change) for change in changes)]


@given(histories)
def test_changes_one_after_the_other_lead_to_what_is(history: list[dict[str, Any]]) -> None:
    assert shown(frames_of(history)) == history[-1]


@given(histories, st.data())
def test_however_frames_are_merged_the_viewer_ends_with_what_is(
    history: list[dict[str, Any]], data: st.DataObject
) -> None:
    frames = frames_of(history)
    told: list[Frame] = []
    for frame in frames:
        if told and data.draw(st.booleans()):
            told[-1] = told[-1].followed_by(frame)
        else:
            told.append(frame)
    assert shown(told) == history[-1]


@given(contents)
def test_what_has_not_changed_is_no_change(content: dict[str, Any]) -> None:
    assert difference(content, dict(content)) == {}


def test_an_entry_that_has_gone_is_told_as_null() -> None:
    change = difference({"rows": {"a": 1, "b": 2}}, {"rows": {"b": 2}})
    assert change == {"rows": {"a": None}}
    assert merged(change, {"rows": {"a": 3}}) == {"rows": {"a": 3}}
