"""Rounds of reading: every job completes exactly once, whatever the device and the callers do."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code, Outcome, failure
from plcmq.devices.model.codec import TagCodec
from plcmq.devices.model.tags import Table, Tag, Type
from plcmq.devices.planning.block import Block
from plcmq.devices.planning.reads import Span, Want, plan_reads
from plcmq.devices.protocol.messages import Job
from plcmq.devices.worker.rounds import UNSORTED, Latest, ReadJob, Round

DOWN = failure(Code.DEVICE_DOWN, "down")
NAMES = [f"t{i}" for i in range(8)]
CODECS = {name: TagCodec(Tag(name, Table.HOLDING, 3 * i, Type.UINT16)) for i, name in enumerate(NAMES)}
CODECS["bcd"] = TagCodec(Tag("bcd", Table.HOLDING, 30, Type.BCD16))


def want(name):
    codec = CODECS[name]
    return Want(name, codec.tag.table, codec.tag.address, codec.width)


def job(number, *names, deadline=10.0, received=0.0):
    return ReadJob(Job(number, 1, "read", {}, deadline), received, set(names))


def span(*names):
    return plan_reads([want(name) for name in names], max_gap=100)[0]


def block(*names):
    return Block(span(*names), CODECS)


def data(block):
    """Registers that hold their own addresses."""
    return b"".join((block.span.address + i).to_bytes(2) for i in range(block.span.count))


@given(
    st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=6),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
def test_every_job_completes_exactly_once_whatever_happens_in_whatever_order(wanted, max_gap, dice):
    jobs = [job(number, *names) for number, names in enumerate(wanted)]
    round_ = Round(jobs)
    latest, complete, dropped = Latest(), [], []
    spans = plan_reads([want(name) for name in round_.tags], max_gap=max_gap)
    blocks = [Block(one, CODECS) for one in spans]
    blocks += dice.sample(blocks, dice.randrange(len(blocks) + 1))  # some are asked for twice
    dice.shuffle(blocks)
    for one in blocks:
        if dice.random() < 0.3 and (alive := [j for j in jobs if j not in complete + dropped]):
            dropped.append(alive[0])
            round_.drop(alive[0])
        round_.starts(one.names, 1.0)
        if dice.random() < 0.3:
            complete += round_.failed(one.names, DOWN)
        else:
            complete += round_.filled(one, data(one), latest, 1.0, 0)
    assert sorted(j.job.id for j in complete + dropped) == list(range(len(jobs)))
    assert round_.tags == frozenset()
    for one in complete:
        done = one.done(2.0)
        told = done.result or {"values": {}, "errors": dict.fromkeys(wanted[one.job.id])}
        assert told["values"].keys() | told.get("errors", {}).keys() == wanted[one.job.id]
        assert all(value == 3 * int(name[1:]) for name, value in told["values"].items())


def test_a_job_is_complete_with_its_own_last_span():
    early, late = job(1, "t0"), job(2, "t0", "t7")
    round_ = Round([early, late])
    assert round_.filled(block("t0"), data(block("t0")), Latest(), 1.0, 0) == [early]
    assert round_.filled(block("t7"), data(block("t7")), Latest(), 1.0, 0) == [late]


def test_where_every_tag_failed_the_job_has_failed():
    both = job(1, "t0", "t1")
    Round([both]).failed(frozenset(("t0", "t1")), DOWN)
    done = both.done(1.0)
    assert (done.error, done.result) == (DOWN, None)


def test_where_some_failed_the_others_are_told():
    mixed = job(1, "t0", "t1")
    round_ = Round([mixed])
    round_.failed(frozenset(("t0",)), DOWN)
    round_.filled(block("t1"), data(block("t1")), Latest(), 1.0, 0)
    result = mixed.done(3.0).result
    assert result == {"values": {"t1": 3}, "age": {"t1": 2.0}, "errors": {"t0": DOWN.to_map()}}


def test_bits_that_are_no_value_fail_their_tag_only():
    mixed = job(1, "bcd", "t0")
    joint = Block(Span(Table.HOLDING, 0, 31, (want("t0"), want("bcd"))), CODECS)
    latest = Latest()
    assert Round([mixed]).filled(joint, b"\0\0" * 30 + b"\xff\xff", latest, 1.0, 0) == [mixed]
    assert (mixed.errors["bcd"].code, mixed.errors["bcd"].outcome) == (
        Code.DEVICE_ERROR,
        Outcome.NOT_EXECUTED,
    )
    assert mixed.values == {"t0": 0}


def test_a_span_is_asked_for_as_long_as_somebody_waits():
    short, long = job(1, "t0", deadline=2.0), job(2, "t0", deadline=9.0)
    round_ = Round([short, long])
    wanted, other = frozenset(("t0",)), frozenset(("t1",))
    assert round_.starts(wanted, 1.0) == 9.0
    assert round_.starts(other, 1.0) is None, "nobody wants it"
    round_.drop(long)
    assert round_.starts(wanted, 1.5) == 2.0
    assert round_.starts(wanted, 2.0) is None, "too late for the only one"


def test_time_in_the_queue_ends_with_the_first_request_that_concerns_the_job():
    one = job(1, "t1", received=1.0)
    round_ = Round([one])
    for now, name in ((2.0, "t0"), (3.0, "t1"), (4.0, "t1")):
        round_.starts(frozenset((name,)), now)
    done = one.broken_off(DOWN, 6.0)
    assert (done.queued, done.device, done.error) == (2.0, 3.0, DOWN)


def test_a_job_that_never_began_has_only_waited():
    done = job(1, "t0", received=1.0).broken_off(DOWN, 4.0)
    assert (done.queued, done.device) == (3.0, 0.0)


@pytest.mark.parametrize(("max_age", "served"), [(2.0, True), (1.0, True), (0.9, False)])
def test_a_value_is_served_up_to_its_age(max_age, served):
    latest, one = Latest(), job(1, "t0", "t1")
    latest.put(block("t0"), {"t0": 7}, 10.0, 0)
    latest.serve(one, max_age, 11.0)
    assert one.values == ({"t0": 7} if served else {})
    assert one.missing == ({"t1"} if served else {"t0", "t1"})


def test_a_write_makes_all_values_old_and_those_too_that_were_asked_for_before():
    latest, one = Latest(), job(1, "t0", "t1")
    latest.put(block("t0"), {"t0": 7}, 10.0, latest.writes)
    before = latest.writes
    latest.forget()
    latest.put(block("t1"), {"t1": 7}, 10.0, before)
    latest.serve(one, 60.0, 10.0)
    assert one.values == {}
    latest.put(block("t1"), {"t1": 8}, 10.0, latest.writes)
    latest.serve(one, 60.0, 10.0)
    assert one.values == {"t1": 8}


def test_a_payload_that_has_not_changed_is_not_decoded_again_until_a_write():
    latest, one = Latest(), block("t0")
    values = []
    for _ in range(3):
        reading = job(1, "t0")
        Round([reading]).filled(one, b"\0\7", latest, 1.0, latest.writes)
        values.append(reading.values)
        if len(values) == 2:
            latest.forget()
    assert values == [{"t0": 7}] * 3
    assert values[0] is values[1]
    assert values[1] is not values[2]


def test_a_payload_that_says_more_than_values_is_decoded_each_time():
    latest = Latest()
    joint = Block(Span(Table.HOLDING, 0, 31, (want("t0"), want("bcd"))), CODECS)
    for _ in range(2):
        mixed = job(1, "bcd", "t0")
        Round([mixed]).filled(joint, b"\0\0" * 30 + b"\xff\xff", latest, 1.0, 0)
        assert mixed.errors["bcd"].code == Code.DEVICE_ERROR


def test_blocks_that_nobody_asks_for_again_are_not_kept():
    latest, one = Latest(), job(1, "t0", "t1")
    before = blocks_alive()
    latest.put(block("t0"), {"t0": 7}, 10.0, 0)
    for number in range(3 * UNSORTED):
        latest.put(block("t1"), {"t1": number}, 11.0, 0)
    assert blocks_alive() - before <= UNSORTED
    latest.serve(one, 60.0, 12.0)
    assert one.values == {"t0": 7, "t1": 3 * UNSORTED - 1}
    assert one.done(12.0).result["age"] == {"t0": 2.0, "t1": 1.0}


def blocks_alive():
    return sum(type(thing) is Block for thing in gc.get_objects())
