"""What lies between two contents."""

from __future__ import annotations

import pytest
from plcmq.devices.site.definitions.content import Definition, SiteContent
from plcmq.devices.site.definitions.diff import Changes, compare, merge, same
from plcmq.devices.site.definitions.problems import SiteError


def device(number: int, name: str, **fields: object) -> Definition:
    return {"id": number, "name": name, "host": "h", "profile": "p", **fields}


A, B = device(1, "a"), device(2, "b")


def names(changes: Changes) -> tuple[list[str], list[str], list[str]]:
    return tuple(
        [str(change) for change in part] for part in (changes.added, changes.changed, changes.removed)
    )


def test_the_same_content_is_no_change(press: SiteContent) -> None:
    changes = compare(press, press)
    assert not changes
    assert str(changes) == "nothing to change"


def test_changes_name_what_is_added_changed_and_removed() -> None:
    old = SiteContent({"p": {"tags": {"t": {"type": "int16"}}}, "q": {}}, (A, B))
    new = SiteContent({"p": {"tags": {"t": {"type": "int32"}}}}, (device(2, "b", host="i"), device(3, "c")))
    changes = compare(old, new)
    assert names(changes) == (
        ["device c"],
        ["profile p (tags.t.type)", "device b (host)"],
        ["profile q", "device a"],
    )
    assert str(changes).splitlines()[0] == "added device c"
    assert changes.to_map()["changed"][1] == {"kind": "device", "id": 2, "name": "b", "fields": ["host"]}


def test_the_order_of_writes_is_a_difference() -> None:
    old = {"write": {"a": 1, "b": 2}}
    assert not same(old, {"write": {"b": 2, "a": 1}})
    changes = compare(SiteContent({"p": old}), SiteContent({"p": {"write": {"b": 2, "a": 1}}}))
    assert names(changes)[1] == ["profile p (write (order))"]


def test_true_and_one_are_different_values() -> None:
    assert not same({"default": True}, {"default": 1})
    assert not same([1.0], [1])


def test_a_renamed_device_is_a_changed_one() -> None:
    assert names(compare(SiteContent({}, (A,)), SiteContent({}, (device(1, "z"),)))) == (
        [],
        ["device z (name)"],
        [],
    )


def test_without_pruning_what_the_site_does_not_hold_stays() -> None:
    merged = merge(SiteContent({"p": {}}, (A,)), SiteContent({"q": {}}, (B,)))
    assert merged == SiteContent({"p": {}, "q": {}}, (A, B))


def test_with_pruning_it_goes() -> None:
    merged = merge(SiteContent({"p": {}}, (A,)), SiteContent({"q": {}}, (B,)), prune=True)
    assert merged == SiteContent({"q": {}}, (B,))


def test_a_name_that_another_device_keeps_is_refused() -> None:
    with pytest.raises(SiteError, match="the registry holds 'a' with id 1; give it that id"):
        merge(SiteContent({}, (A,)), SiteContent({}, (device(5, "a"),)))
    merge(SiteContent({}, (A,)), SiteContent({}, (device(5, "a"),)), prune=True)


def test_two_devices_may_swap_their_names() -> None:
    swapped = SiteContent({}, (device(1, "b"), device(2, "a")))
    assert merge(SiteContent({}, (A, B)), swapped) == swapped


def test_a_site_that_does_not_mention_enabled_leaves_it_as_it_stands() -> None:
    off = SiteContent({}, (device(1, "a", enabled=False),))
    assert not compare(off, merge(off, SiteContent({}, (A,))))
    assert not compare(off, merge(off, SiteContent({}, (A,)), prune=True))
    on = merge(off, SiteContent({}, (device(1, "a", enabled=True),)))
    assert names(compare(off, on))[1] == ["device a (enabled)"]
    assert not compare(SiteContent({}, (A,)), on)
