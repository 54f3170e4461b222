"""Messages between broker and host survive the wire."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.bodies import Codec, encode
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.devices.model.devices import State
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.learned import Learned
from plcmq.devices.planning.reads import Hole
from plcmq.devices.protocol.messages import (
    COUNTED,
    Again,
    Bye,
    Count,
    Counts,
    DeviceState,
    Done,
    Event,
    FromHost,
    Hello,
    Job,
    Ping,
    Pong,
    Refused,
    Release,
    Released,
    Serve,
    ToHost,
    Welcome,
)
from plcmq.devices.protocol.wire import NoHostMessage, pack, unpack

ids = st.integers(0, 2**53)
seconds = st.floats(0, 1e9)
content = st.recursive(
    st.none() | st.booleans() | ids | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
maps = st.dictionaries(st.text(max_size=5), content, max_size=3)

holes = st.builds(Hole, st.sampled_from(Table), st.integers(0, 99), st.integers(1, 99), st.booleans())
learned = st.builds(Learned, ids, st.text(), ids, st.frozensets(holes, max_size=3))


@st.composite
def serves(draw):
    profiles = draw(st.dictionaries(st.text(max_size=5), maps, min_size=1, max_size=2))
    named = st.fixed_dictionaries({"id": ids, "profile": st.sampled_from(sorted(profiles))})
    devices = st.lists(st.builds(dict.__or__, maps, named), max_size=2)
    return Serve(profiles, draw(devices), draw(st.lists(learned, max_size=2)))


messages = st.one_of(
    st.builds(Job, ids, ids, st.text(), maps, seconds, st.text(), st.none() | st.text()),
    st.builds(Done, ids, content, st.none(), seconds, seconds),
    st.builds(DeviceState, ids, st.sampled_from(State), seconds, st.text()),
    serves(),
    learned,
    st.builds(Event, st.text(), maps),
    st.builds(Count),
    st.builds(Counts, st.lists(st.lists(ids, min_size=len(COUNTED), max_size=len(COUNTED)), max_size=3)),
    st.builds(Release, st.lists(ids)),
    st.builds(Released, st.lists(ids)),
    st.builds(Hello, st.text(), st.text(), st.text(), st.lists(ids)),
    st.builds(Welcome, seconds, seconds),
    st.builds(Refused, st.text(), st.booleans()),
    st.builds(Again),
    st.builds(Ping, seconds),
    st.builds(Pong, seconds, ids),
    st.builds(Bye),
)


@given(st.lists(messages, max_size=4))
def test_what_is_packed_comes_out_the_same(sent):
    assert unpack(pack(sent)) == sent


def test_an_error_arrives_whole():
    error = failure(Code.DEVICE_ERROR, "no", outcome=Outcome.UNKNOWN, details={"exception": 4})
    (done,) = unpack(pack([Done(1, error=error)]))
    assert done.error.to_map() == error.to_map()
    assert type(done.error) is type(error)


def refused(*items):
    """Why a message with this content is refused."""
    with pytest.raises(NoHostMessage) as caught:
        unpack(encode(Codec.MSGPACK, {"m": [list(items)]}))
    return str(caught.value)


KINDS = [*get_args(ToHost), *get_args(FromHost)]
DONE, PING, HELLO, SERVE, STATE, EVENT, BYE, LEARNED = map(
    KINDS.index, (Done, Ping, Hello, Serve, DeviceState, Event, Bye, Learned)
)
DEVICE = {"id": 1, "profile": "press"}


def nested(depth):
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ((DONE, "7", None, None, 0.0, 0.0), "Done.job"),
        ((DONE, True, None, None, 0.0, 0.0), "Done.job"),
        ((DONE, 7, {"raw": b"binary"}, None, 0.0, 0.0), "Done.result"),
        ((DONE, 7, {b"name": 1}, None, 0.0, 0.0), "Done.result"),
        ((DONE, 7, nested(100), None, 0.0, 0.0), "Done.result"),
        ((DONE, 7, None, "busy", 0.0, 0.0), "Done.error"),
        ((DONE, 7, None, None, None, 0.0), "Done.queued"),
        ((PING, math.nan), "Ping.now"),
        ((PING, math.inf), "Ping.now"),
        ((HELLO, "north", "run", 1, []), "Hello.version"),
        ((HELLO, "north", "run", "1", ["1"]), "Hello.devices"),
        ((HELLO, "north", "run", "1", {}), "Hello.devices"),
        ((STATE, [], "up", 0.0, ""), "DeviceState.device"),
        ((EVENT, "w", []), "Event.content"),
        ((SERVE, {"press": {}}, [DEVICE, 1], []), "Serve.devices"),
    ],
)
def test_a_field_of_a_wrong_type_is_named(items, field):
    assert f"{field} is wrong" in refused(*items)


@pytest.mark.parametrize("items", [(DONE, 7), (PING,), (PING, 1.0, 2.0), (BYE, 1)])
def test_a_message_has_all_its_fields_and_no_more(items):
    assert "fields, not" in refused(*items)


@pytest.mark.parametrize("items", [(), (99,), (-1, "w", {}), (None,), ([],), (STATE, 1, "sideways", 0.0, "")])
def test_what_does_not_exist_is_refused(items):
    refused(*items)


@pytest.mark.parametrize("devices", [[{}], [{"id": "1", "profile": "press"}], [{"id": 1, "profile": "pump"}]])
def test_a_device_comes_with_its_id_and_its_profile(devices):
    refused(SERVE, {"press": {}}, devices, [])


def test_json_is_no_message_between_broker_and_host():
    with pytest.raises(NoHostMessage, match="not MessagePack"):
        unpack(b'{"m": []}')


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.binary(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.lists(anything, max_size=8) | st.builds(lambda n, i: [n, *i], ids, st.lists(anything))))
def test_any_content_is_refused_or_a_message_with_the_right_types(content):
    body = encode(Codec.MSGPACK, {"m": content})
    try:
        found = unpack(body)
    except NoHostMessage:
        return
    assert unpack(pack(found)) == found or "nan" in repr(found)


@given(st.lists(messages, min_size=1, max_size=3), st.data())
def test_a_message_with_any_byte_changed_is_refused_or_still_one(sent, data):
    body = bytearray(pack(sent))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    try:
        unpack(bytes(body))
    except NoHostMessage:
        return


@given(st.binary(max_size=50))
def test_any_other_bytes_are_refused(body):
    try:
        unpack(body)
    except NoHostMessage:
        return
    assert unpack(body) is not None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\x81\xa1m\x91\x91\x63", b"\x81\xa1m\x91\x91\x00", b"\x81\xa1m\x05"]
)
def test_damaged_messages_are_refused(body):
    with pytest.raises(NoHostMessage):
        unpack(body)


@pytest.mark.parametrize(
    "hole",
    [["holding", 0, 1], ["memory", 0, 1, False], ["holding", -1, 1, False], ["holding", 65535, 2, False], 1],
)
def test_a_hole_that_is_none_is_refused(hole):
    assert refused(LEARNED, 1, "10.0.0.1:502/1", 0, [hole])
    assert refused(SERVE, {"press": {}}, [DEVICE], [[1, "10.0.0.1:502/1", 0, [hole]]])
