"""What the broker knows of the registry, Python classes included."""

from __future__ import annotations

import sys

import pytest
from plcmq.broker.catalogue import Catalogue, build
from plcmq.client.protocol.errors import Code, PlcmqError
from plcmq.devices.site.definitions.content import Snapshot

TAG = {"address": "holding:0", "type": "uint16"}
CODE = """
from plcmq.devices.python.device import Device, Tag

class Press(Device):
    a = Tag("holding:0", "uint16")
"""


def device(number, profile, **more):
    return {"id": number, "name": f"d{number}", "host": "h", "profile": profile} | more


def snapshot(*devices, revision=1, **profiles):
    return Snapshot(profiles, devices, revision)


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    name = f"catalogued_{tmp_path.name}"

    def write():
        (tmp_path / f"{name}.py").write_text(CODE)
        return f"{name}:Press"

    yield write
    sys.modules.pop(name, None)


def test_devices_are_found_by_name_and_id():
    catalogue = build(snapshot(device(1, "p"), p={"tags": {"a": TAG}}), Catalogue())
    assert catalogue.find("d1") is catalogue.find(1)
    with pytest.raises(PlcmqError) as caught:
        catalogue.find("d2")
    assert caught.value.code is Code.UNKNOWN_DEVICE


def test_a_device_is_found_however_its_name_is_typed_and_the_nearest_is_told():
    content = snapshot(device(1, "p", name="Süd"), device(2, "p", name="press-10"), p={"tags": {"a": TAG}})
    catalogue = build(content, Catalogue())
    assert catalogue.find("Su\u0308d").device.id == 1
    with pytest.raises(PlcmqError, match="did you mean 'press-10'") as caught:
        catalogue.find("pres-10")
    assert caught.value.details["did_you_mean"] == "press-10"


def test_what_has_not_changed_is_kept():
    before = build(snapshot(device(1, "p"), p={"tags": {"a": TAG}}), Catalogue())
    after = build(snapshot(device(1, "p"), device(2, "p"), revision=2, p={"tags": {"a": TAG}}), before)
    assert after.find(1) is before.find(1)


def test_hosts_are_not_told_of_areas_and_a_change_of_one_is_no_change_for_them():
    profile = {"tags": {"a": TAG}}
    before = build(snapshot(device(1, "p", area="hall-1"), p=profile), Catalogue())
    after = build(snapshot(device(1, "p", area="hall-2"), revision=2, p=profile), before)
    assert (before.find(1).device.area, after.find(1).device.area) == ("hall-1", "hall-2")
    assert after.find(1).same_definition(before.find(1))
    assert "area" not in after.find(1).form


def test_a_class_is_known_by_its_path_which_is_all_that_hosts_get(module):
    path = module()
    entry = build(snapshot(device(1, path)), Catalogue()).find(1)
    assert entry.kind.form == {"python": path}
    assert list(entry.kind.compiled.codecs) == ["a"]


@pytest.mark.parametrize("profile", ["nowhere_at_all:Press", "gone"])
def test_a_class_that_cannot_be_loaded_keeps_its_devices_and_no_others_from_being_served(profile):
    content = snapshot(device(1, profile), device(2, "p"), p={"tags": {"a": TAG}})
    catalogue = build(content, Catalogue())
    assert catalogue.find(2)
    assert catalogue.ids == (1, 2)
    with pytest.raises(PlcmqError, match=r"'d1' cannot be served: .*there is n") as caught:
        catalogue.find("d1")
    assert caught.value.code is Code.NO_HOST


def test_a_class_that_can_be_loaded_at_last_is_used_from_the_next_revision_on(module, tmp_path):
    path = f"catalogued_{tmp_path.name}:Press"
    before = build(snapshot(device(1, path)), Catalogue())
    assert module() == path
    assert build(snapshot(device(1, path), revision=2), before).find(1)
