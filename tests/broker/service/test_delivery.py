"""What clients get: at once if they read, in order if they are slow, and nothing that piles up."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import zmq
from plcmq.broker.routing.subscriptions import Watch
from plcmq.broker.service.backlog import Backlog, Bounds
from plcmq.broker.service.delivery import RESEND_LIMIT, Delivery
from plcmq.client.protocol.bodies import Codec
from plcmq.devices.protocol.messages import Event


class FakeRouter:
    """Takes messages while a peer has room."""

    def __init__(self):
        self.room = {}
        self.got = []
        self._message = []

    def send(self, frame, flags):
        if not self._message:
            if frame not in self.room:
                raise zmq.ZMQError(zmq.EHOSTUNREACH)
            if not self.room[frame]:
                raise zmq.Again
        self._message.append(frame)
        if not flags & zmq.SNDMORE:
            self.room[self._message[0]] -= 1
            self.got.append(tuple(self._message))
            self._message = []


class Bench:
    def __init__(self, **bounds):
        self.router = FakeRouter()
        self.notes = Counter()
        self.delivery = Delivery(self.router.send, self.note, Backlog(Bounds(**bounds)))

    def note(self, peer, reason, message, times=1):
        self.notes[reason] += times

    def reply(self, *bodies, peer=b"slow"):
        self.delivery.send_replies([((peer, b""), body) for body in bodies])

    def event(self, content, peer=b"slow"):
        watch = Watch("w", (peer,), 1, Codec.JSON, 1, b"")
        self.delivery.send_events([(watch, Event("w", content))])

    def bodies(self):
        got, self.router.got = self.router.got, []
        return [message[-1] for message in got]


@pytest.fixture
def bench():
    return Bench()


def test_a_client_that_reads_gets_its_reply_at_once(bench):
    bench.router.room[b"quick"] = 1
    bench.reply(b"body", peer=b"quick")
    assert bench.router.got == [(b"quick", b"", b"body")]
    assert not bench.delivery.backlog.peers


def test_replies_to_a_slow_client_come_later_and_in_order(bench):
    bench.router.room[b"slow"] = 1
    bench.reply(b"1", b"2")
    bench.router.room[b"slow"] = 9
    bench.reply(b"3")
    assert bench.bodies() == [b"1"], "the third does not overtake the second"
    assert bench.delivery.resend() is False
    assert bench.bodies() == [b"2", b"3"]


def test_a_slow_client_delays_nobody(bench):
    bench.router.room |= {b"slow": 0, b"quick": 1}
    bench.reply(b"1")
    bench.reply(b"2", peer=b"quick")
    assert bench.bodies() == [b"2"]


def test_what_finds_no_room_in_the_backlog_is_dropped_and_counted():
    bench = Bench(messages=2)
    bench.router.room[b"slow"] = 0
    bench.reply(b"1", b"2", b"3", b"4")
    assert bench.notes == {"slow_client": 2}
    assert bench.delivery.gone == set(), "it has all its watches still"


def test_a_client_that_is_gone_is_counted_and_told_of(bench):
    bench.reply(b"1", peer=b"nobody")
    assert bench.notes == {"client_gone": 1}
    assert bench.delivery.gone == {b"nobody"}


def test_what_waits_for_a_client_that_goes_is_dropped_and_counted(bench):
    bench.router.room[b"slow"] = 0
    bench.reply(b"1", b"2", b"3")
    del bench.router.room[b"slow"]
    bench.delivery.resend()
    assert bench.notes == {"client_gone": 3}
    assert bench.delivery.gone == {b"slow"}
    assert not bench.delivery.backlog.peers


def test_an_unexpected_error_is_not_hidden(bench):
    def broken(frame, flags):
        raise zmq.ZMQError(zmq.ENOTSOCK)

    with pytest.raises(zmq.ZMQError):
        Delivery(broken, bench.note).send_replies([((b"peer",), b"body")])


def test_events_for_a_slow_client_become_one_that_says_the_newest(bench):
    bench.router.room[b"slow"] = 0
    for value in range(100):
        bench.event({"values": {"a": value}, "age": {"a": 0}})
    bench.event({"ended": "its time was up"})
    bench.router.room[b"slow"] = 9
    bench.delivery.resend()
    events = [json.loads(body)["event"] for body in bench.bodies()]
    assert events == [{"values": {"a": 99}, "age": {"a": 0}}, {"ended": "its time was up"}]


def test_a_client_whose_event_had_to_be_dropped_loses_its_watches():
    bench = Bench(messages=1)
    bench.router.room[b"slow"] = 0
    bench.reply(b"1")
    bench.event({"values": {"a": 1}, "age": {"a": 0}})
    assert bench.delivery.gone == {b"slow"}


def test_much_that_waits_is_sent_in_pieces(bench):
    bench.router.room[b"slow"] = 0
    bench.reply(*[b"body"] * (RESEND_LIMIT + 1))
    bench.router.room[b"slow"] = 10_000
    assert bench.delivery.resend() is True
    assert len(bench.bodies()) == RESEND_LIMIT
    assert bench.delivery.resend() is False
    assert len(bench.bodies()) == 1
