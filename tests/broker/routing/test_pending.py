"""The table of requests on their way: who may have how many, and that nothing stays behind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.broker.routing.pending import SHARE, Pending, PendingTable
from plcmq.client.protocol.bodies import Codec
from plcmq.client.protocol.errors import Code, PlcmqError


def pending(job, client=b"a", request_id=None):
    return Pending(client, (client, b""), request_id, Codec.JSON, 0.0, 5.0, job=job)


def fill(table, client, numbers):
    """Adds as many as the client may have; how many that were."""
    before = len(table)

    def go_on():
        for number in numbers:
            table.make_room(client)
            table.add(pending(number, client))

    with pytest.raises(PlcmqError) as caught:
        go_on()
    assert (caught.value.code, caught.value.retryable) == (Code.BUSY, True)
    assert caught.value.retry_after
    return len(table) - before


def test_a_client_alone_gets_its_share_and_no_more():
    assert fill(PendingTable(limit=100), b"a", range(100)) == 100 // (1 + SHARE)


def test_there_is_room_for_a_newcomer_however_many_greedy_ones_there_are():
    table, numbers = PendingTable(limit=1000), iter(range(10_000))
    counts = [fill(table, bytes([client]), numbers) for client in range(10)]
    assert len(table) == sum(counts) < 1000
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= 20
    table.make_room(b"newcomer")


def test_a_request_is_found_by_its_job_and_by_its_clients_id():
    table, one = PendingTable(), pending(7, b"a", "x")
    table.add(one)
    assert table.at(7) is table.of(b"a", "x") is one
    assert table.of(b"b", "x") is table.at(8) is None
    table.remove(one)
    assert table.at(7) is table.of(b"a", "x") is None


def test_an_id_used_twice_means_the_later_request():
    table, first, second = PendingTable(), pending(1, b"a", 5), pending(2, b"a", 5)
    table.add(first)
    table.add(second)
    table.remove(first)
    assert table.of(b"a", 5) is second


def test_what_is_told_of_the_clients():
    table = PendingTable()
    assert table.clients == {"waiting": 0, "most": 0}
    for number, client in enumerate(b"aab"):
        table.add(pending(number, bytes([client])))
    assert table.clients == {"waiting": 2, "most": 2}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from([b"a", b"b"]))))
def test_what_has_been_taken_out_leaves_nothing_behind(steps):
    table, here = PendingTable(), {}
    for adds, number, client in steps:
        if adds:
            here.setdefault(number, pending(number, client, number))
            table.add(here[number])
        elif number in here:
            table.remove(here[number])
            table.remove(here.pop(number))
    assert list(table) == list(here.values())
    for one in here.values():
        table.remove(one)
    assert table.clients == {"waiting": 0, "most": 0}
    with pytest.raises(StopIteration):
        next(iter(table))
