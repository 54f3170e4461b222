"""Devices against each other and against their profiles."""

from __future__ import annotations

import pytest
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site

PROFILES = """
profiles:
  wide:
    tags:
      w: {address: "holding:0", type: uint16, count: 20, access: rw}
      c: {address: "coil:0", type: bool}
devices:
  - {id: 1, name: a, host: h, profile: wide}
"""


def problems_of(device: str) -> str:
    try:
        parse_site(f"{PROFILES}  - {{{device}}}\n")
    except SiteError as error:
        return "; ".join(map(str, error.problems))
    return ""


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (
            "id: 1, name: b, host: h, profile: wide",
            "devices[1].id: 1 is the id of another device too (devices[0])",
        ),
        ("id: 2, name: a, host: h, profile: wide", "devices[1].name: 'a' is the name of another device too"),
        ("id: 2, name: b, host: h., profile: wide", "'h.' and 'h' of 'a' are one host"),
        ("id: 1, name: b, host: 3, profile: wide", "devices[1].id: 1 is the id of another device too"),
        (
            "id: 2, name: b, host: h, profile: wid",
            "devices[1].profile: unknown profile `wid`; did you mean `wide`?",
        ),
        ("id: 2, name: b, host: h, profile: x.y", "unknown profile `x.y`; it must stand under `profiles`"),
        (
            "id: 2, name: b, host: h, profile: wide, link: {max_registers: 19}",
            "devices[1].link.max_registers: 19 is too few: tag `w` of profile `wide` has 20 registers",
        ),
        (
            "id: 2, name: b, host: h, profile: wide, link: {max_write_registers: 19}",
            "devices[1].link.max_write_registers: 19 is too few",
        ),
        (
            "id: 2, name: b, host: h, profile: 'nowhere.at:Press'",
            "devices[1].profile: there is no module `nowhere`",
        ),
    ],
)
def test_a_device_that_cannot_be_is_refused(device: str, said: str) -> None:
    assert said in problems_of(device)


def test_limits_that_every_tag_fits_into_are_accepted() -> None:
    assert (
        problems_of("id: 2, name: b, host: h, profile: wide, link: {max_registers: 20, max_coils: 1}") == ""
    )


def test_a_broken_profile_does_not_make_its_devices_wrong() -> None:
    with pytest.raises(SiteError) as caught:
        parse_site("profiles: {p: {tags: 3}}\ndevices: [{id: 1, name: a, host: h, profile: p}]")
    assert len(caught.value.problems) == 1
