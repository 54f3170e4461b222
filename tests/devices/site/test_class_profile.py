"""A class of devices as a profile."""

import pytest
from plcmq.devices.python.device import Device, Tag, action
from plcmq.devices.site.class_profile import class_profile
from plcmq.devices.site.definitions.problems import SiteError


class Press(Device):
    """Hydraulic press."""

    size = Tag("holding:0", "uint16", access="rw")

    @action
    async def load(self, size: int = 15) -> None:
        """Load the size."""
        await self.write(size=size)


def test_tags_and_coroutines_become_tags_and_actions():
    profile = class_profile(Press, "presses:Press")
    assert (profile.name, profile.description) == ("presses:Press", "Hydraulic press.")
    assert list(profile.tags) == ["size"]
    load = profile.actions["load"]
    assert (load.description, dict(load.args)) == (
        "Load the size.",
        {"size": {"type": "integer", "default": 15}},
    )


def test_a_name_that_would_hide_a_step_is_refused():
    hiding = type("Hiding", (Device,), {"write": Tag("holding:0", "uint16")})
    with pytest.raises(SiteError, match="one that every device has"):
        class_profile(hiding, "presses:Hiding")


def test_the_rules_of_site_files_hold_for_its_tags():
    wrong = type("Wrong", (Device,), {"a": Tag("input:0", "uint16", access="rw")})
    with pytest.raises(SiteError, match=r"presses:Wrong\.tags\.a\.access: table input cannot be written"):
        class_profile(wrong, "presses:Wrong")
