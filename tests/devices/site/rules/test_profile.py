"""Between the parts of a profile."""

import pytest
from plcmq.devices.site.forms.structure import read_forms
from plcmq.devices.site.rules.profile import check_profile

TAG = {"address": "holding:0", "type": "uint16", "access": "rw"}


def findings(tags):
    parts, problems = read_forms({"profiles": {"p": {"tags": tags}}})
    assert not problems
    found = []
    codecs = check_profile(parts.profiles["p"], ("profiles", "p"), found)
    return codecs, found


def test_the_codecs_of_sound_tags_come_back_also_beside_a_broken_one():
    codecs, found = findings({"a": TAG, "b": {**TAG, "address": "input:0"}})
    assert list(codecs) == ["a"]
    assert [path for path, _message in found] == [("profiles", "p", "tags", "b", "access")]


def test_a_tag_that_is_verified_by_another_one_must_find_it():
    _codecs, found = findings({"actual": TAG, "wanted": {**TAG, "verify": {"tag": "actua"}}})
    [(path, message)] = found
    assert path == ("profiles", "p", "tags", "wanted", "verify", "tag")
    assert "did you mean `actual`" in message


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        ({"heartbeat": [{"tag": "aliv", "value": 1}]}, ("heartbeat", 0, "tag"), "did you mean `alive`"),
        ({"heartbeat": [{"tag": "alive", "values": [0, 70000]}]}, ("heartbeat", 0), "does not fit"),
        ({"heartbeat": [{"tag": "seen", "count": True}]}, ("heartbeat", 0), "only read"),
        ({"heartbeat": [{"tag": "speed", "count": True}]}, ("heartbeat", 0, "count"), "whole numbers"),
        ({"on_connect": [{"write": {"seen": 1}}]}, ("on_connect", 0, "write", "seen"), "only read"),
        ({"on_connect": [{"write": {"alive": "$pin"}}]}, ("on_connect", 0, "write", "alive"), "argument"),
    ],
)
def test_what_is_done_without_being_asked_for_must_be_possible(more, place, message):
    tags = {
        "alive": TAG,
        "seen": {"address": "input:0", "type": "uint16"},
        "speed": {"address": "holding:9", "type": "float32", "access": "rw"},
    }
    parts, problems = read_forms({"profiles": {"p": {"tags": tags, **more}}})
    assert not problems
    found = []
    check_profile(parts.profiles["p"], ("profiles", "p"), found)
    assert [path for path, _message in found] == [("profiles", "p", *place)]
    assert message in found[0][1]
