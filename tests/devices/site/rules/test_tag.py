"""What goes together within one tag."""

from __future__ import annotations

import json

import pytest
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site


def problems_of(tag: str) -> str:
    text = f"profiles: {{p: {{tags: {{other: {{address: 'coil:9', type: bool}}, t: {{{tag}}}}}}}}}"
    try:
        parse_site(text)
    except SiteError as error:
        return "; ".join(f"{problem.path[-1]}: {problem.message}" for problem in error.problems)
    return ""


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("address: 'coil:0', type: int16", "type: an address of table coil holds one bit"),
        ("address: 'coil:0', type: bool, bit: 3", "bit: makes no sense in table coil"),
        ("address: 'holding:0', type: int16, bit: 3", "bit: picks one bit, so the type must be bool"),
        ("address: 'holding:0', type: bool, bit: 3, count: 2", "count: does not go together with `bit`"),
        ("address: 'input:0', type: int16, access: rw", "access: table input cannot be written"),
        ("address: 'discrete:0', type: bool, access: rw", "access: table discrete cannot be written"),
        ("address: 'holding:0', type: string", "length: is missing: a string needs its length"),
        ("address: 'holding:0', type: int16, length: 2", "length: makes no sense for type int16"),
        ("address: 'coil:0', type: bool, scale: 2", "scale: makes no sense for type bool"),
        ("address: 'holding:0', type: string, length: 2, min: 2", "min: makes no sense for type string"),
        ("address: 'holding:0', type: int16, scale: 0", "scale: must not be 0"),
        ("address: 'holding:0', type: int16, min: 5, max: 4.5", "min: 5 is above max, 4.5"),
        (
            "address: 'holding:0', type: int16, verify: true",
            "verify: makes no sense for a tag that is only read",
        ),
        (
            "address: 'coil:0', type: bool, access: rw, verify: {tag: othr}",
            "tag: unknown tag `othr`; did you mean",
        ),
        ("address: 'holding:0', type: float32, enum: {0: a}", "enum: names whole numbers or booleans"),
        ("address: 'holding:0', type: uint16, enum: {-1: a}", "-1: -1 does not fit into uint16 (0 to 65535)"),
        ("address: 'holding:0', type: bcd16, enum: {10000: a}", "10000: 10000 does not fit into bcd16"),
        (
            "address: 'holding:0', type: uint16, access: rw, enum: {0: a, 1: a}",
            "enum: the name `a` stands for 2 numbers",
        ),
        ("address: 'holding:65533', type: uint64", "address: the tag has 4 registers and would end at 65536"),
        ("address: 'coil:65535', type: bool, count: 2", "address: the tag has 2 bits and would end at 65536"),
        (
            "address: 'holding:0', type: uint16, count: 126",
            "count: makes 126 registers; one request reads at most 125",
        ),
        ("address: 'holding:0', type: uint16, count: 124, access: rw", "one request writes at most 123"),
        ("address: 'coil:0', type: bool, count: 1969, access: rw", "one request writes at most 1968"),
    ],
)
def test_what_does_not_go_together_is_refused(tag: str, said: str) -> None:
    assert said in problems_of(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "address: 'holding:65535', type: uint16",
        "address: 'holding:65532', type: float64",
        "address: 'input:0', type: string, length: 250",
        "address: 'coil:0', type: bool, count: 1968, access: rw",
        "address: 'holding:0', type: bool",
        "address: 'holding:0', type: bool, bit: 15, access: rw, verify: {tag: other, after: 0.1}",
        "address: 'holding:0', type: uint16, enum: {0: off, 1: on}",
        "address: 'holding:0', type: uint64, max: 18446744073709551615, access: rw",
    ],
)
def test_what_goes_together_is_accepted(tag: str) -> None:
    assert problems_of(tag) == ""


def test_limits_of_64_bits_stay_exact() -> None:
    text = "profiles: {p: {tags: {t: {address: 'holding:0', type: uint64, max: 18446744073709551615}}}}"
    content = json.loads(json.dumps(parse_site(text).profiles["p"]))
    assert content["tags"]["t"]["max"] == 2**64 - 1
