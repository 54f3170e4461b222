"""What waits for clients that do not read: in order, bounded, and merged where it can be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plcmq.broker.service.backlog import Backlog, Bounds, Conflation

JOIN = Conflation("watch", lambda older, newer: older + newer)


def waiting(backlog, peer=b"peer"):
    """All that waits for a peer, taken out."""
    bodies = []
    while (message := backlog.first(peer)) is not None:
        bodies.append(message.body)
        backlog.sent(peer)
    return bodies


def test_messages_leave_in_the_order_in_which_they_came():
    backlog = Backlog()
    for body in (b"1", b"2", b"3"):
        assert backlog.put((b"peer", b""), body)
    assert waiting(backlog) == [b"1", b"2", b"3"]


def test_the_envelope_is_kept():
    backlog = Backlog()
    backlog.put((b"peer", b"x", b""), b"body")
    assert backlog.first(b"peer").envelope == (b"peer", b"x", b"")


def test_a_peer_that_has_read_all_is_forgotten():
    backlog = Backlog()
    backlog.put((b"peer",), b"body")
    waiting(backlog)
    assert (dict(backlog.peers), backlog.messages, backlog.size) == ({}, 0, 0)


def test_what_is_too_many_for_a_peer_is_refused():
    backlog = Backlog(Bounds(messages=2))
    assert [backlog.put((b"peer",), body) for body in (b"1", b"2", b"3")] == [True, True, False]
    assert backlog.put((b"other",), b"4")
    assert waiting(backlog) == [b"1", b"2"]


def test_what_is_too_long_for_a_peer_is_refused():
    backlog = Backlog(Bounds(peer_bytes=10))
    assert [backlog.put((b"p",), b"12345") for _ in range(3)] == [True, False, False]
    assert backlog.put((b"p",), b"123")


def test_one_message_may_be_longer_than_the_bound_of_a_peer():
    backlog = Backlog(Bounds(peer_bytes=10))
    assert backlog.put((b"peer",), b"x" * 100)
    assert not backlog.put((b"peer",), b"x")


def test_all_peers_together_have_a_bound():
    backlog = Backlog(Bounds(total_bytes=10))
    assert backlog.put((b"a",), b"12345")
    assert not backlog.put((b"b",), b"12345")
    backlog.drop(b"a")
    assert backlog.put((b"b",), b"12345")


def test_messages_of_one_key_become_one_that_stays_at_its_place():
    backlog = Backlog()
    backlog.put((b"peer",), b"1", JOIN)
    backlog.put((b"peer",), b"reply")
    backlog.put((b"peer",), b"2", JOIN)
    backlog.put((b"peer",), b"3", JOIN)
    assert waiting(backlog) == [b"123", b"reply"]


def test_a_message_that_has_left_is_merged_into_no_more():
    backlog = Backlog()
    backlog.put((b"peer",), b"1", JOIN)
    backlog.put((b"peer",), b"reply")
    backlog.sent(b"peer")
    backlog.put((b"peer",), b"2", JOIN)
    assert waiting(backlog) == [b"reply", b"2"]


def test_a_full_backlog_still_merges():
    backlog = Backlog(Bounds(messages=1))
    backlog.put((b"peer",), b"1", JOIN)
    assert backlog.put((b"peer",), b"2", JOIN)
    assert waiting(backlog) == [b"12"]


def test_the_same_key_of_two_peers_is_two_things():
    backlog = Backlog()
    backlog.put((b"a",), b"1", JOIN)
    backlog.put((b"b",), b"2", JOIN)
    assert (waiting(backlog, b"a"), waiting(backlog, b"b")) == ([b"1"], [b"2"])


def test_dropping_a_peer_tells_how_much_was_lost():
    backlog = Backlog()
    backlog.put((b"peer",), b"1")
    backlog.put((b"peer",), b"2")
    assert (backlog.drop(b"peer"), backlog.drop(b"peer"), backlog.messages, backlog.size) == (2, 0, 0, 0)


def test_peers_take_turns():
    backlog = Backlog()
    assert backlog.next_peer() is None
    for peer in (b"a", b"b", b"c"):
        backlog.put((peer,), b"")
    assert [backlog.next_peer() for _ in range(6)] == [b"a", b"b", b"c"] * 2


peers = st.sampled_from([b"a", b"bb"])
keys = st.sampled_from([None, "x", "y"])
puts = st.tuples(st.just("put"), peers, st.binary(max_size=8), keys)
steps = st.lists(puts | st.tuples(st.sampled_from(["sent", "drop"]), peers), max_size=40)


@given(steps)
def test_it_is_never_over_its_bounds_and_always_counts_right(happenings):
    """Merging may make a message longer, and is never refused; here it keeps the newer one."""
    bounds = Bounds(messages=5, peer_bytes=30, total_bytes=40)
    backlog = Backlog(bounds)
    for what, peer, *more in happenings:
        if what == "put":
            body, key = more
            backlog.put((peer,), body, key and Conflation(key, lambda _older, newer: newer[:1]))
        elif what == "drop":
            backlog.drop(peer)
        elif peer in backlog.peers:
            backlog.sent(peer)
        queues = {p: list(backlog.peers[p].messages) for p in backlog.peers}
        sizes = [sum(message.size for message in queue) for queue in queues.values()]
        assert backlog.messages == sum(map(len, queues.values()))
        assert backlog.size == sum(sizes) <= bounds.total_bytes + len(happenings)
        assert all(0 < len(queue) <= bounds.messages for queue in queues.values())
        for queue in queues.values():
            named = [message.key for message in queue if message.key is not None]
            assert len(named) == len(set(named))
