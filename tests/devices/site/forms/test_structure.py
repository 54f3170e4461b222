"""Sentences for values that do not fit."""

from __future__ import annotations

import pytest
import yaml
from plcmq.devices.site.forms.structure import read_forms

SITE = {
    "profiles": {
        "p": {
            "tags": {"t": {"address": "coil:0", "type": "bool", "access": "rw"}},
            "actions": {"go": {"steps": [{"write": {"t": True}}]}},
        }
    },
    "devices": [{"id": 1, "name": "d", "host": "h", "profile": "p", "link": {}}],
}


def problem_after(path: str, value: object) -> str:
    """What is said about the site after one value in it was replaced or added."""
    site = yaml.safe_load(yaml.safe_dump(SITE))
    *parents, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    place = site
    for part in parents:
        place = place[part]
    place[last] = value
    _, problems = read_forms(site)
    return "; ".join(map(str, problems))


TAG, STEP, DEVICE = "profiles/p/tags/t", "profiles/p/actions/go/steps/0", "devices/0"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (f"{TAG}/address", 40001, "address: must be text, not the number 40001; put it in quotes"),
        (f"{TAG}/adress", "x", "adress: unknown field `adress`; did you mean `address`?"),
        (f"{TAG}/access", "wr", "access: unknown access `wr`; possible are ro, rw"),
        (f"{TAG}/access", True, "access: unknown access the boolean true; possible are"),
        (f"{TAG}/word_order", "huge", "word_order: unknown word order `huge`; possible are"),
        (f"{TAG}/bit", 16, "bit: must be at most 15, not 16"),
        (f"{TAG}/count", 0, "count: must be at least 1, not 0"),
        (f"{TAG}/scale", "0.1", "scale: must be a number, not text '0.1'; take it out of its quotes"),
        (f"{TAG}/scale", float("nan"), "scale: must be a finite number"),
        (f"{TAG}/min", True, "min: must be a number, not True"),
        (f"{TAG}/enum", {0: False}, "enum[0]: must be text, not the boolean false; put it in quotes"),
        (f"{TAG}/enum", {0: "a", "0": "b"}, "enum: the same number stands twice"),
        (f"{TAG}/enum", {"x": "a"}, "enum.x"),
        (f"{TAG}/verify", {"tga": "x"}, "verify.tga: unknown field `tga`; did you mean `tag`?"),
        ("profiles/p/tags/on", {"address": "coil:1"}, "tags.on.type: is missing"),
        (
            STEP,
            {},
            "exactly one of check, write, pulse, wait, read, raw, sleep, expect_change; this one has none",
        ),
        (STEP, {"read": "t", "sleep": 1}, "this one has 2 (read, sleep)"),
        (STEP, {"check": {}}, "check: must have at least 1 entries, not 0"),
        (STEP, {"pulse": {"tag": "t", "four": 1}}, "pulse.four: unknown field `four`; did you mean `for`?"),
        (STEP, {"wait": {"t": None}}, "wait.t: must be a value of the tag or `$argument`, not None"),
        (STEP, {"sleep": -1}, "sleep: must be at least 0, not -1"),
        (STEP, "write", "steps[0]: must be a map, not text 'write'"),
        ("profiles/p/actions/go/steps", [], "steps: must have at least 1 entries, not 0"),
        (f"{DEVICE}/host", 10, "devices[0].host: must be text, not the number 10; put it in quotes"),
        (f"{DEVICE}/host", "10.0.0.1:502", "holds a port; write `host: 10.0.0.1` and `port: 502`"),
        (f"{DEVICE}/host", "tcp://h", "is neither a host name nor an IP address"),
        (f"{DEVICE}/name", "17", "must not be a number"),
        (f"{DEVICE}/name", " d", "no space at an end"),
        (f"{DEVICE}/id", "1", "id: must be a whole number, not text '1'; take it out of its quotes"),
        (f"{DEVICE}/id", 1.5, "id: must be a whole number, not the number 1.5"),
        (f"{DEVICE}/unit", 256, "unit: must be at most 255, not 256"),
        (f"{DEVICE}/port", 0, "port: must be at least 1, not 0"),
        (f"{DEVICE}/enabled", "yes", "enabled: must be true or false, not text 'yes'; write true or false"),
        (f"{DEVICE}/link/max_cols", 3, "link.max_cols: unknown field `max_cols`; did you mean `max_coils`?"),
        (f"{DEVICE}/link/timeout", 0, "link.timeout: must be above 0, not 0"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_words(path: str, value: object, said: str) -> None:
    assert said in problem_after(path, value)


@pytest.mark.parametrize("host", ["plc.example.org", "10.0.0.1", "::1", "fe80::1%eth0", "press_1"])
def test_hosts_are_names_and_addresses(host: str) -> None:
    assert problem_after(f"{DEVICE}/host", host) == ""


def test_short_and_long_forms_are_both_possible() -> None:
    for step in ({"pulse": "t"}, {"pulse": {"tag": "t", "for": 1}}, {"read": "t"}, {"read": ["t"]}):
        assert problem_after(STEP, step) == ""
    for verify in (True, False, {}, {"tag": "t", "after": 0.5}):
        assert problem_after(f"{TAG}/verify", verify) == ""
