"""Arguments of requests: what fits is completed, what does not is refused by name."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Outcome, PlcmqError
from plcmq.client.protocol.messages import BUILT_IN
from plcmq.devices.interface.requests import READS, CompiledProfile
from plcmq.devices.model.actions import Action
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type

KIND = CompiledProfile(
    Profile(
        "press",
        {
            "size": Tag("size", Table.HOLDING, 0, Type.UINT16, Access.RW, min=1, max=500),
            "flag": Tag("flag", Table.HOLDING, 1, Type.BOOL, Access.RW, bit=2),
            "list": Tag("list", Table.HOLDING, 2, Type.INT16, Access.RW, count=2),
            "temp": Tag("temp", Table.INPUT, 0, Type.INT16, scale=0.1),
        },
        {
            "start": Action("start", {"size": {"type": "integer", "minimum": 1, "default": 15}}),
            "read": Action("read", {"hidden": {"type": "integer"}}),
        },
    )
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["size", "temp", "holding", "coil", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["size", "flag", "list", "temp", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
names = [
    "tags",
    "max_age",
    "values",
    "verify",
    "table",
    "address",
    "count",
    "interval",
    "ttl",
    "deadband",
    "watch",
]


def refused(action, rqargs, path=None, code=Code.BAD_ARGS):
    with pytest.raises(PlcmqError) as caught:
        KIND.fit(action, rqargs)
    assert (caught.value.code, caught.value.outcome) == (code, Outcome.NOT_EXECUTED)
    if path is not None:
        assert caught.value.details == {"path": f"rqargs.{path}"}
    return caught.value


@pytest.mark.parametrize(
    ("action", "rqargs", "fitted"),
    [
        ("read", {"tags": "size"}, {"tags": ["size"], "max_age": 0.0}),
        ("read", {"tags": ["temp", "temp"], "max_age": 2}, {"tags": ["temp", "temp"], "max_age": 2.0}),
        ("write", {"values": {"size": 3}}, {"values": {"size": 3}, "verify": False}),
        ("read_raw", {"table": "coil", "address": 65535}, {"table": "coil", "address": 65535, "count": 1}),
        (
            "write_raw",
            {"table": "coil", "address": 0, "values": [True, 0]},
            {"table": "coil", "address": 0, "values": [True, 0]},
        ),
        ("start", {}, {"size": 15}),
        ("status", {}, {}),
    ],
)
def test_what_fits_is_completed(action, rqargs, fitted):
    assert KIND.fit(action, rqargs) == fitted


@pytest.mark.parametrize(
    ("action", "rqargs", "path"),
    [
        ("read", {}, "tags"),
        ("read", {"tags": []}, "tags"),
        ("read", {"tags": {"size": 1}}, "tags"),
        ("read", {"tags": ["size", 5]}, "tags.1"),
        ("read", {"tags": "size", "age": 1}, "age"),
        ("read", {"tags": "size", "max_age": -1}, "max_age"),
        ("read", {"tags": "size", "max_age": True}, "max_age"),
        ("read", {"tags": "size", "max_age": math.inf}, "max_age"),
        ("read", {"tags": "size", "max_age": math.nan}, "max_age"),
        ("read", {"tags": "size", "max_age": 10**400}, "max_age"),
        ("write", {}, "values"),
        ("write", {"values": {}}, "values"),
        ("write", {"values": ["size"]}, "values"),
        ("write", {"values": {"size": 1}, "verify": 1}, "verify"),
        ("write", {"values": {"temp": 1}}, "values.temp"),
        ("write", {"values": {"size": 501}}, "values.size"),
        ("write", {"values": {"size": "1"}}, "values.size"),
        ("write", {"values": {"flag": 1}}, "values.flag"),
        ("write", {"values": {"list": [1]}}, "values.list"),
        ("write", {"values": {"list": [1, 2.5]}}, "values.list.1"),
        ("read_raw", {"address": 0}, "table"),
        ("read_raw", {"table": "holdings", "address": 0}, "table"),
        ("read_raw", {"table": ["holding"], "address": 0}, "table"),
        ("read_raw", {"table": "holding"}, "address"),
        ("read_raw", {"table": "holding", "address": 65535, "count": 2}, "address"),
        ("read_raw", {"table": "holding", "address": 0, "count": 126}, "count"),
        ("read_raw", {"table": "coil", "address": 0, "count": 2001}, "count"),
        ("read_raw", {"table": "coil", "address": False}, "address"),
        ("write_raw", {"table": "input", "address": 0, "values": [1]}, "table"),
        ("write_raw", {"table": "holding", "address": 0, "values": []}, "values"),
        ("write_raw", {"table": "holding", "address": 0, "values": [0] * 124}, "values"),
        ("write_raw", {"table": "holding", "address": 0, "values": [0, True]}, "values.1"),
        ("write_raw", {"table": "holding", "address": 0, "values": [65536]}, "values.0"),
        ("write_raw", {"table": "coil", "address": 0, "values": [2]}, "values.0"),
        ("write_raw", {"table": "coil", "address": 65535, "values": [1, 1]}, "address"),
        ("pdu", {"data": "00"}, "function"),
        ("pdu", {"function": 128, "data": ""}, "function"),
        ("pdu", {"function": 65, "data": "0"}, "data"),
        ("pdu", {"function": 65, "data": "zz"}, "data"),
        ("pdu", {"function": 65, "data": "00" * 253}, "data"),
        ("pdu", {"function": 65, "bytes": ""}, "bytes"),
        ("status", {"x": 1}, "x"),
        ("start", {"sizes": 1}, "sizes"),
        ("start", {"size": 0}, "size"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(action, rqargs, path):
    refused(action, rqargs, path)


@pytest.mark.parametrize(
    ("action", "rqargs"),
    [("read", {"tags": ["gone"]}), ("write", {"values": {"gone": 1}}), ("watch", {"tags": "gone"})],
)
def test_a_tag_that_is_not_there_is_named(action, rqargs):
    assert refused(action, rqargs, code=Code.UNKNOWN_TAG).details == {"tag": "gone"}


def test_an_action_that_is_not_there_is_told_with_those_that_are():
    error = refused("stop", {}, code=Code.UNKNOWN_ACTION)
    assert error.details == {"action": "stop"}
    assert "start" in error.message
    assert "read_raw" in error.message


def test_a_built_in_action_wins_over_a_profiles():
    assert KIND.fit("read", {"tags": "size"})["tags"] == ["size"]
    assert KIND.action_names.count("read") == 1


def test_writes_are_no_reads():
    assert set(BUILT_IN) - READS == {"write", "write_raw", "pdu"}


@given(
    st.sampled_from([*BUILT_IN, "start"]),
    st.dictionaries(st.sampled_from([*names, "size"]), json_values, max_size=4),
)
def test_any_arguments_fit_or_are_refused_and_what_fits_fits_again(action, rqargs):
    before = json.dumps(rqargs)
    try:
        fitted, code = KIND.fit(action, rqargs), None
    except PlcmqError as error:
        fitted, code = None, error.code
    assert code in (None, Code.BAD_ARGS, Code.UNKNOWN_TAG)
    assert fitted is None or KIND.fit(action, fitted) == fitted
    assert json.dumps(rqargs) == before, "what the caller gave is not changed"


def test_a_profile_can_be_shifted_for_devices_whose_registers_begin_elsewhere():
    tags = {"a": Tag("a", Table.HOLDING, 5, Type.UINT32)}
    compiled = CompiledProfile(Profile("p", tags))
    shifted = compiled.shifted(100)
    assert (shifted.wants["a"].address, compiled.wants["a"].address) == (105, 5)
    assert compiled.shifted(100) is shifted
    assert compiled.shifted(0) is compiled


@pytest.mark.parametrize(
    ("action", "rqargs", "code", "meant"),
    [
        ("read", {"tags": "siz"}, Code.UNKNOWN_TAG, "size"),
        ("write", {"values": {"siez": 1}}, Code.UNKNOWN_TAG, "size"),
        ("raed", {}, Code.UNKNOWN_ACTION, "read"),
        ("starte", {}, Code.UNKNOWN_ACTION, "start"),
    ],
)
def test_the_nearest_name_is_told(action, rqargs, code, meant):
    with pytest.raises(PlcmqError) as refused:
        KIND.fit(action, rqargs)
    assert (refused.value.code, refused.value.details["did_you_mean"]) == (code, meant)


def test_names_are_the_same_however_they_are_typed():
    compiled = CompiledProfile(Profile("p", {"Süd": Tag("Süd", Table.HOLDING, 0, Type.UINT16, Access.RW)}))
    typed = "Su\u0308d"
    assert compiled.fit("read", {"tags": typed})["tags"] == ["Süd"]
    assert compiled.fit("write", {"values": {typed: 1}})["values"] == {"Süd": 1}
