"""Writes keep their order, and join only what lies side by side."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Rejected
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.writes import WriteItem, WriteSpan, plan_writes

H, C = Table.HOLDING, Table.COIL


def item(address, data=b"\0\1", table=H):
    return WriteItem(f"{table}:{address}", table, address, data)


def test_writes_that_follow_each_other_in_memory_share_a_request():
    assert plan_writes([item(0), item(1, b"abcd"), item(3)]) == [
        WriteSpan(H, 0, b"\0\1abcd\0\1", ("holding:0", "holding:1", "holding:3"))
    ]


def test_coils_have_a_byte_each():
    assert plan_writes([item(5, b"\1\0", C), item(7, b"\1", C)]) == [
        WriteSpan(C, 5, b"\1\0\1", ("coil:5", "coil:7"))
    ]


@pytest.mark.parametrize(
    "items",
    [
        [item(1), item(0)],
        [item(0), item(2)],
        [item(0), item(0)],
        [item(0), item(1, b"\1", C)],
        [item(0), item(5), item(1)],
    ],
)
def test_nothing_else_is_merged_and_the_order_stays(items):
    assert [span.names for span in plan_writes(items)] == [(each.name,) for each in items]


def test_a_value_that_is_longer_than_a_request_is_refused_and_never_split():
    with pytest.raises(Rejected) as caught:
        plan_writes([item(0, bytes(248))])
    assert caught.value.details == {"path": "rqargs.values.holding:0"}


@given(
    st.lists(
        st.builds(
            lambda address, width, table: item(address, bytes(width * (1 if table is C else 2)), table),
            st.integers(0, 12),
            st.integers(1, 4),
            st.sampled_from([H, C]),
        ),
        max_size=20,
    ),
    st.integers(4, 10),
)
def test_writes_keep_order_content_and_limits(items, limit):
    spans = plan_writes(items, max_registers=limit, max_coils=limit)
    assert [name for span in spans for name in span.names] == [each.name for each in items]
    left = iter(items)
    for span in spans:
        at, size = span.address, 1 if span.table is C else 2
        assert len(span.data) <= limit * size
        for each in itertools.islice(left, len(span.names)):
            assert (each.table, each.address) == (span.table, at)
            at += len(each.data) // size
        assert span.data == bytes(len(span.data))
        assert at == span.address + len(span.data) // size
