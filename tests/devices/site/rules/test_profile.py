"""Between the parts of a profile."""

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
