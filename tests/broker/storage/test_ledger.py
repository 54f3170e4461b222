"""Each decision of the ledger is made once, by whoever is first, on SQLite and on PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from plcmq.broker.fleet.ledger import BrokerState, Seat, Session, SessionState
from plcmq.broker.storage.ledger import StoredLedger
from plcmq.broker.storage.registry import Registry

PLC = "tcp://10.0.0.1:502"
FREE = Seat(PLC, 0, None, is_released=True)


@pytest.fixture
def ledger(url):
    with Registry(url):
        pass
    ledger = StoredLedger(url)
    yield ledger
    ledger.shut()


@pytest.fixture
def epoch(ledger):
    """Of the broker b1, which is on the list."""
    return ledger.register("b1", "here")


def opened(ledger, *names: str) -> None:
    for name in names:
        assert ledger.open(Session(name, f"host {name}", "machine", "boot"), 0.0)


def state_of(ledger, session: str) -> SessionState:
    return {one.id: one.state for one in ledger.sessions()}[session]


class TestBrokers:
    def test_an_epoch_grows_with_every_start(self, ledger):
        assert [ledger.register("b1", "here"), ledger.register("b1", "here")] == [1, 2]

    def test_the_list_names_them_with_their_state_and_identity(self, ledger, epoch):
        ledger.register("b2", "there")
        assert ledger.leave("b1", epoch)
        assert [(one.name, one.state, one.identity) for one in ledger.brokers()] == [
            ("b1", BrokerState.LEFT, "here"),
            ("b2", BrokerState.MEMBER, "there"),
        ]

    def test_an_earlier_run_can_not_leave_for_a_later_one(self, ledger, epoch):
        ledger.register("b1", "here")
        assert not ledger.leave("b1", epoch)


class TestSessions:
    def test_a_session_is_opened_once(self, ledger):
        opened(ledger, "s1")
        assert not ledger.open(Session("s1", "another", "machine", "boot"), 0.0)

    def test_beats_are_noted_of_open_sessions_only(self, ledger, epoch):
        opened(ledger, "s1", "s2", "s3")
        ledger.fence("s2", "b1", epoch)
        assert ledger.note_beats({"s1": 7, "s2": 3, "s3": 9, "unknown": 1}) == {"s1", "s3"}
        assert {one.id: one.beat for one in ledger.sessions()} == {"s1": 7, "s2": 0, "s3": 9}

    def test_a_beat_never_goes_back(self, ledger):
        opened(ledger, "s1")
        ledger.note_beats({"s1": 7})
        assert ledger.note_beats({"s1": 5}) == {"s1"}
        assert ledger.sessions()[0].beat == 7

    def test_no_beats_are_no_statement(self, ledger):
        assert ledger.note_beats({}) == frozenset()

    def test_only_who_is_fenced_is_buried(self, ledger, epoch):
        opened(ledger, "s1")
        assert not ledger.bury("s1", "b1", epoch)
        assert ledger.fence("s1", "b1", epoch)
        assert not ledger.fence("s1", "b1", epoch), "fenced once"
        assert ledger.bury("s1", "b1", epoch)
        assert state_of(ledger, "s1") == SessionState.DEAD

    @pytest.mark.parametrize("decide", ["fence", "bury"])
    def test_the_fence_of_an_earlier_run_of_the_broker_lands_nowhere(self, ledger, epoch, decide):
        opened(ledger, "s1")
        if decide == "bury":
            ledger.fence("s1", "b1", epoch)
        ledger.register("b1", "here")
        assert not getattr(ledger, decide)("s1", "b1", epoch)

    def test_who_has_left_decides_nothing(self, ledger, epoch):
        opened(ledger, "s1")
        ledger.leave("b1", epoch)
        assert not ledger.fence("s1", "b1", epoch)

    @pytest.mark.parametrize("fenced", [False, True])
    def test_a_host_closes_its_own_session(self, ledger, epoch, fenced):
        opened(ledger, "s1")
        if fenced:
            ledger.fence("s1", "b1", epoch)
        assert ledger.close("s1")
        assert not ledger.close("s1")
        assert ledger.note_beats({"s1": 1}) == frozenset()

    def test_the_dead_do_not_close(self, ledger, epoch):
        opened(ledger, "s1")
        ledger.fence("s1", "b1", epoch)
        ledger.bury("s1", "b1", epoch)
        assert not ledger.close("s1")


class TestSeats:
    def test_the_first_holder_has_term_one(self, ledger):
        opened(ledger, "s1")
        assert ledger.move(FREE, "s1") == Seat(PLC, 1, "s1", is_released=False)

    def test_nobody_takes_a_seat_from_who_may_live(self, ledger, epoch):
        opened(ledger, "s1", "s2")
        held = ledger.move(FREE, "s1")
        assert ledger.move(held, "s2") is None
        ledger.fence("s1", "b1", epoch)
        assert ledger.move(held, "s2") is None, "a fenced host may still send"

    def test_a_released_seat_moves(self, ledger):
        opened(ledger, "s1", "s2")
        held = ledger.move(FREE, "s1")
        assert ledger.release(PLC, held.term, "s1")
        given_back = Seat(PLC, held.term, "s1", is_released=True)
        assert ledger.seats() == (given_back,)
        assert ledger.move(given_back, "s2") == Seat(PLC, 2, "s2", is_released=False)

    @pytest.mark.parametrize("end", ["buried", "closed"])
    def test_the_seat_of_who_is_gone_moves(self, ledger, epoch, end):
        opened(ledger, "s1", "s2")
        held = ledger.move(FREE, "s1")
        if end == "closed":
            ledger.close("s1")
        else:
            ledger.fence("s1", "b1", epoch)
            ledger.bury("s1", "b1", epoch)
        assert ledger.move(held, "s2") == Seat(PLC, 2, "s2", is_released=False)

    def test_a_seat_is_not_given_to_who_is_not_open(self, ledger, epoch):
        opened(ledger, "s1")
        ledger.fence("s1", "b1", epoch)
        assert ledger.move(FREE, "s1") is None
        assert ledger.move(FREE, "nobody") is None

    def test_an_old_term_is_given_back_by_nobody(self, ledger):
        opened(ledger, "s1", "s2")
        held = ledger.move(FREE, "s1")
        ledger.release(PLC, held.term, "s1")
        ledger.move(Seat(PLC, 1, "s1", is_released=True), "s2")
        assert not ledger.release(PLC, held.term, "s1")
        assert not ledger.release(PLC, 2, "s1")

    def test_who_believes_wrongly_moves_nothing(self, ledger):
        opened(ledger, "s1", "s2")
        ledger.move(FREE, "s1")
        assert ledger.move(FREE, "s2") is None

    def test_of_many_at_once_one_wins(self, url, ledger):
        names = [f"s{number}" for number in range(8)]
        opened(ledger, *names)

        def move(name: str) -> Seat | None:
            own = StoredLedger(url, timeout=30)  # a connection belongs to its thread
            try:
                return own.move(FREE, name)
            finally:
                own.shut()

        with ThreadPoolExecutor(len(names)) as threads:
            moved = list(threads.map(move, names))
        winners = [seat for seat in moved if seat is not None]
        assert winners == list(ledger.seats())
        assert len(winners) == 1
