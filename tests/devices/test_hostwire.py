"""Messages between broker and host survive the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plcmq.client.errors import Code, Outcome, failure
from plcmq.devices.hostwire import NoHostMessage, pack, unpack
from plcmq.devices.jobs import (
    Again,
    Bye,
    DeviceState,
    Done,
    Hello,
    Job,
    Ping,
    Pong,
    Refused,
    Release,
    Released,
    Serve,
    Welcome,
)
from plcmq.devices.model import State

ids = st.integers(0, 2**53)
seconds = st.floats(0, 1e9)
content = st.recursive(
    st.none() | st.booleans() | ids | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
maps = st.dictionaries(st.text(max_size=5), content, max_size=3)
messages = st.one_of(
    st.builds(Job, ids, ids, st.text(), maps, seconds, st.text(), st.none() | st.text()),
    st.builds(Done, ids, content, st.none(), seconds, seconds),
    st.builds(DeviceState, ids, st.sampled_from(State), seconds, st.text()),
    st.builds(Serve, st.dictionaries(st.text(max_size=5), maps, max_size=2), st.lists(maps, max_size=2)),
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
