"""Options of tags that do not go with their type or with each other."""

import json

import pytest
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site


def load(**options):
    tag = {"address": "holding:0", "type": "uint16", **options}
    tags = {"t": tag, "sf": {"address": "holding:9", "type": "int16"}}
    return parse_site(json.dumps({"profiles": {"p": {"tags": tags}}})).profiles["p"]["tags"]["t"]


@pytest.mark.parametrize(
    "options",
    [
        {"bits": [4, 6], "access": "rw", "write_function": 22},
        {"bits": [0, 31], "type": "uint32"},
        {"flags": {0: "hot"}, "access": "rw"},
        {"type": "int8", "byte": "high", "access": "rw"},
        {"type": "uint64", "order": "EFGHABCD"},
        {"type": "int16", "no_value": "sunspec", "scale_exponent": "sf", "precision": 2},
        {"no_value": [0xFFFF, 0]},
        {"type": "string", "length": 8, "pad": " ", "encoding": "iso8859-1"},
        {"type": "string", "length": 8, "chars": "low"},
        {"type": "string", "length": 8, "header": "s7", "access": "rw"},
        {"access": "wo", "write_function": 6, "alone": True, "urgent": True},
        {"enum": {0: "off", 1: "off"}},
        {"enum": {0: "off"}, "strict": True, "access": "rw"},
    ],
)
def test_what_goes_together_is_kept_as_it_is(options):
    tag = load(**options)
    for name, value in options.items():
        if name not in ("flags", "enum"):
            assert tag[name] == value


@pytest.mark.parametrize(
    ("options", "where", "why"),
    [
        ({"bits": [4, 6], "type": "int16"}, "bits", "unsigned"),
        ({"bits": [6, 4]}, "bits", "from and to"),
        ({"bits": [4, 16]}, "bits", "beyond"),
        ({"bits": [0, 20], "type": "uint32", "access": "rw"}, "bits", "cannot be written"),
        ({"flags": {16: "x"}}, "flags[16]", "bits 0 to 15"),
        ({"flags": {0: "x"}, "enum": {0: "y"}}, "flags", "without `enum`"),
        ({"order": "CDAB"}, "order", "each of the 2 bytes"),
        ({"order": "AA"}, "order", "no order of bytes"),
        ({"type": "uint32", "order": "CDAB", "word_order": "little"}, "order", "leave them out"),
        ({"byte": "low"}, "byte", "int8"),
        ({"no_value": [70000]}, "no_value", "does not fit"),
        ({"type": "bool", "no_value": [0]}, "no_value", "no such raw numbers"),
        ({"scale_exponent": "sff"}, "scale_exponent", "did you mean `sf`"),
        ({"scale_exponent": "t"}, "scale_exponent", "scale of its own"),
        ({"pad": " "}, "pad", "strings only"),
        ({"type": "string", "length": 4, "encoding": "utf-7"}, "encoding", "no encoding"),
        ({"type": "string", "length": 4, "encoding": "latin-1", "pad": "€"}, "pad", "no character"),
        ({"strict": True}, "strict", "without `enum`"),
        ({"write_function": 6}, "write_function", "only read"),
        ({"write_function": 5, "access": "rw"}, "write_function", "registers 6 and 16"),
        ({"access": "wo", "verify": True}, "verify", "name another one"),
        ({"urgent": True}, "urgent", "only read"),
        ({"type": "int17"}, "type", "did you mean `int16`"),
        ({"address": "holding:0x10000"}, "address", "past the end"),
    ],
)
def test_what_does_not_is_refused_with_its_place(options, where, why):
    with pytest.raises(SiteError) as refused:
        load(**options)
    text = str(refused.value)
    assert f"profiles.p.tags.t.{where}: " in text
    assert why in text


def test_an_address_may_be_hexadecimal():
    assert load(address="holding:0x1000")["address"] == "holding:4096"
