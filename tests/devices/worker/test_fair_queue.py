"""The queue in which clients take turns: its own arithmetic, and what no sequence of operations may break."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.protocol.messages import Job
from plcmq.devices.worker.fair_queue import FairQueue


def job(number, client=""):
    return Job(number, 7, "write", {}, 0.0, client)


def filled(limit, *clients):
    queue = FairQueue(limit)
    for number, client in enumerate(clients):
        assert queue.put(job(number, client), number) is None
    return queue


def drained(queue):
    return [queue.take() for _ in range(len(queue))]


def test_one_client_is_served_in_its_order():
    assert drained(filled(9, "a", "a", "a")) == [0, 1, 2]


def test_clients_take_turns():
    assert drained(filled(9, "a", "a", "a", "b", "b", "c")) == [0, 3, 5, 1, 4, 2]


def test_a_newcomer_takes_the_last_place_of_the_longest_line():
    queue = filled(4, "a", "a", "a", "b")
    assert queue.put(job(9, "c"), 9) == 2
    assert drained(queue) == [0, 3, 9, 1]


def test_the_greedy_one_is_refused_when_the_queue_is_full():
    queue = filled(3, "a", "a", "b")
    assert queue.put(job(9, "a"), 9) == 9
    assert queue.put(job(10, "b"), 10) == 10, "its line would be as long as the longest was"
    assert len(queue) == 3


def test_what_is_removed_is_served_no_more():
    queue = filled(9, "a", "b", "a")
    assert (queue.remove(1), queue.remove(1), len(queue)) == (1, None, 2)
    assert drained(queue) == [0, 2]


def test_an_empty_queue_has_nothing_to_take():
    with pytest.raises(KeyError):
        FairQueue(3).take()


CLIENTS = st.sampled_from("abcd")
STEPS = st.one_of(CLIENTS, st.just("take"), st.just("all"), st.integers(0, 30))


@given(st.lists(STEPS, max_size=40), st.integers(1, 8))
def test_everything_comes_out_once_and_the_limit_holds(steps, limit):
    queue = FairQueue(limit)
    put, out = [], []
    for step in steps:
        if isinstance(step, int):
            gone = queue.remove(step)
            out += [] if gone is None else [gone]
        elif step == "take":
            out += [queue.take()] if len(queue) else []
        elif step == "all":
            out += queue.take_all().values()
        else:
            put.append(len(put))
            displaced = queue.put(job(put[-1], step), put[-1])
            out += [] if displaced is None else [displaced]
        assert len(queue) == len(list(queue)) <= limit
    assert sorted(out + list(queue)) == put


@given(st.lists(CLIENTS, min_size=1, max_size=60), st.integers(4, 12))
def test_a_full_queue_is_shared_evenly_among_those_who_ask_for_much(clients, limit):
    queue, asked = FairQueue(limit), Counter(clients)
    lines = {}
    for number, client in enumerate(clients):
        lines[number] = client
        queue.put(job(number, client), number)
    held = Counter(lines[number] for number in queue)
    for one in asked:
        for other in held:
            assert held[one] >= min(asked[one], held[other] - 1), (asked, held)
