"""Several requests at once: which reads try it, what counts as a difference, and when it ends."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.channel.pipelining import Comparison, Pipelining, trial_reads
from plcmq.devices.channel.turns import Turns
from plcmq.devices.modbus.pdu import read, span_of
from plcmq.devices.model.tags import Table

ONE, TWO = b"\0\1", b"\0\1\0\2"


def compare(alone, together, between=None):
    comparison = Comparison()
    comparison.add_alone(alone)
    comparison.add_together(together)
    comparison.add_alone(between or alone)
    return comparison.difference()


@pytest.fixture
def pipelining():
    return Pipelining("plc:502", 4, Turns())


@given(
    table=st.sampled_from(Table),
    address=st.integers(0, 65535),
    count=st.integers(1, 125),
    number=st.integers(2, 16),
)
def test_the_trial_stays_within_what_was_answered_and_has_replies_of_different_lengths(
    table, address, count, number
):
    count = min(count, 65536 - address)
    reads = trial_reads(read(table, address, count), number)
    assert len(reads) == number
    assert len({one.length for one in reads}) >= 2
    bits = 8 if table.is_bits else 1
    for one in reads:
        _, start, length = span_of(one)
        if count > bits:
            assert address <= start
            assert start + length <= address + count
        else:
            assert length <= count + bits


@pytest.mark.parametrize(
    ("alone", "together", "same"),
    [
        ([TWO, ONE], [TWO, ONE], True),
        ([TWO, ONE], [b"\0\1\0\3", ONE], False),
        ([TWO, 2], [TWO, 2], True),
        ([TWO, ONE], [TWO, 6], False),
        ([TWO, 2], [TWO, ONE], False),
        ([2, 2], [2, 2], False),  # nothing to compare
    ],
)
def test_replies_at_once_are_to_be_the_replies_one_at_a_time(alone, together, same):
    assert (compare(alone, together) == "") is same


def test_a_byte_that_moves_anyway_is_no_difference():
    assert compare([TWO, ONE], [b"\0\1\0\3", ONE], between=[b"\0\1\0\4", ONE]) == ""
    assert compare([TWO, ONE], [b"\0\7\0\3", ONE], between=[b"\0\1\0\4", ONE])


def test_a_connection_begins_with_one_request_at_a_time(pipelining):
    assert (pipelining.used, pipelining.is_due) == (1, True)
    pipelining.ended(pipelining.begin(), "")
    assert pipelining.status() == {"wanted": 4, "used": 4}
    pipelining.connected()
    assert (pipelining.used, pipelining.is_due) == (1, True)


def test_what_made_a_difference_is_not_tried_again_until_the_setting_changes(pipelining, caplog):
    with caplog.at_level(logging.WARNING):
        pipelining.ended(pipelining.begin(), "mixed up")
    assert "plc:502: window 4 is not used: mixed up" in caplog.text
    pipelining.connected()
    assert (pipelining.used, pipelining.is_due) == (1, False)
    assert "mixed up" in pipelining.status()["reason"]
    pipelining.configure(2)
    assert pipelining.is_due
    assert "mixed up" not in pipelining.status()["reason"]


def test_a_trial_that_found_nothing_out_is_made_again(pipelining):
    pipelining.ended(pipelining.begin(), None)
    assert (pipelining.used, pipelining.is_due) == (1, True)


def test_a_trial_over_two_connections_or_settings_proves_nothing(pipelining):
    window = pipelining.begin()
    pipelining.connected()
    pipelining.ended(window, "")
    assert (pipelining.used, pipelining.is_due) == (1, True)
    window = pipelining.begin()
    pipelining.configure(8)
    pipelining.ended(window, "")
    assert (pipelining.used, pipelining.is_due) == (1, True)


def test_a_misfit_ends_it_only_where_several_were_sent(pipelining):
    assert not pipelining.misfit("wrong length")
    pipelining.ended(pipelining.begin(), "")
    assert pipelining.misfit("wrong length")
    assert (pipelining.used, pipelining.is_due) == (1, False)


def test_one_at_a_time_needs_no_trial():
    one = Pipelining("plc:502", 1, Turns())
    assert not one.is_due
    assert one.status() == {"wanted": 1, "used": 1}
