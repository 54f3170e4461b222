"""The ledger in the registry's database: each decision one conditional statement, on SQLite and PostgreSQL.

Strategy: `now()` appears nowhere, and no lock is taken beyond the row's own. A statement that changed one
row has decided; one that changed none has not. Writes survive a power failure before they are acknowledged,
because what lets a host go on must never be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping

from peewee import Case, Database, Function, fn

from ..fleet.ledger import BrokerEntry, BrokerState, Seat, Session, SessionState
from .database import Connection
from .tables import BrokerRow, MetaRow, SeatRow, SessionRow

_GONE = (SessionState.DEAD, SessionState.CLOSED)


class StoredLedger:
    """The ledger at a URL, whose database has the registry's schema. Not for an event loop's thread.

    Raises:
        RegistryError: from each call, if the database cannot do it. Whether it did is unknown then.
    """

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        self._connection = Connection(url, timeout=timeout, durable=True)

    def __repr__(self) -> str:
        return f"<StoredLedger {self._connection!r}>"

    def shut(self) -> None:
        """Closes the connection. Idempotent."""
        self._connection.close()

    def register(self, name: str, identity: str) -> int:
        """Puts a broker on the list, or takes up its place again; its epoch, which has grown."""
        with self._connection.transaction(write=True) as db:
            row = {"name": name, "state": BrokerState.MEMBER, "identity": identity}
            new = row | {"epoch": 0, "seen": 0, "beat": 0}
            BrokerRow.insert(new).on_conflict_ignore().execute(db)
            again = BrokerRow.update(epoch=BrokerRow.epoch + 1, **row).where(BrokerRow.name == name)
            again.execute(db)
            MetaRow.update(brokers=MetaRow.brokers + 1).execute(db)
            epoch: int = BrokerRow.select(BrokerRow.epoch).where(BrokerRow.name == name).scalar(db)
            return epoch

    def brokers(self) -> tuple[BrokerEntry, ...]:
        """The list, by name."""
        known = BrokerRow.select().order_by(BrokerRow.name)
        with self._connection.transaction(write=False) as db:
            return tuple(
                BrokerEntry(row.name, BrokerState(row.state), row.epoch, row.identity)
                for row in known.execute(db)
            )

    def leave(self, name: str, epoch: int) -> bool:
        """Notes that a broker has ended in order."""
        with self._connection.transaction(write=True) as db:
            here = (BrokerRow.name == name) & (BrokerRow.epoch == epoch)
            return _decided(BrokerRow.update(state=BrokerState.LEFT).where(here).execute(db))

    def open(self, session: Session, now: float) -> bool:
        """Notes a new run of a host; false if its id is known. `now`: for people, seconds since 1970."""
        row = {
            "id": session.id,
            "name": session.name,
            "machine": session.machine,
            "boot": session.boot,
            "state": session.state,
            "beat": session.beat,
            "opened": now,
        }
        with self._connection.transaction(write=True) as db:
            return _decided(SessionRow.insert(row).on_conflict_ignore().as_rowcount().execute(db))

    def note_beats(self, beats: Mapping[str, int]) -> frozenset[str]:
        """Notes beats by session; the sessions that are open, whose beats are noted by that."""
        if not beats:
            return frozenset()
        number = Case(SessionRow.id, tuple(beats.items()))
        latest = Case(None, ((SessionRow.beat < number, number),), SessionRow.beat)
        is_open = SessionRow.id.in_(list(beats)) & (SessionRow.state == SessionState.OPEN)
        with self._connection.transaction(write=True) as db:
            noted = SessionRow.update(beat=latest).where(is_open).returning(SessionRow.id)
            return frozenset(row.id for row in noted.execute(db))

    def fence(self, session: str, broker: str, epoch: int) -> bool:
        """No beat of a session is noted from now on; false if it was not open."""
        return self._step(session, (SessionState.OPEN,), SessionState.FENCED, _is_member(broker, epoch))

    def bury(self, session: str, broker: str, epoch: int) -> bool:
        """Declares a fenced session dead; false if it was not fenced."""
        return self._step(session, (SessionState.FENCED,), SessionState.DEAD, _is_member(broker, epoch))

    def close(self, session: str) -> bool:
        """Notes that a host has closed all its sockets; false if its session was dead or closed."""
        return self._step(session, (SessionState.OPEN, SessionState.FENCED), SessionState.CLOSED)

    def sessions(self) -> tuple[Session, ...]:
        """All that are known, by id."""
        known = SessionRow.select().order_by(SessionRow.id)
        with self._connection.transaction(write=False) as db:
            return tuple(
                Session(row.id, row.name, row.machine, row.boot, SessionState(row.state), row.beat)
                for row in known.execute(db)
            )

    def seats(self) -> tuple[Seat, ...]:
        """All that are known, by endpoint."""
        known = SeatRow.select().order_by(SeatRow.endpoint)
        with self._connection.transaction(write=False) as db:
            return tuple(
                Seat(row.endpoint, row.term, row.session, bool(row.released)) for row in known.execute(db)
            )

    def release(self, endpoint: str, term: int, session: str) -> bool:
        """Notes that the holder of a term has closed its socket."""
        held = (SeatRow.endpoint == endpoint) & (SeatRow.term == term) & (SeatRow.session == session)
        with self._connection.transaction(write=True) as db:
            given_back = SeatRow.update(released=1).where(held & (SeatRow.released == 0)).execute(db)
            return self._seats_changed(db, given_back)

    def move(self, seat: Seat, session: str) -> Seat | None:
        """Gives a seat its next holder; None if it is not as believed, or its holder may still live."""
        new = Seat(seat.endpoint, seat.term + 1, session, is_released=False)
        with self._connection.transaction(write=True) as db:
            first = {"endpoint": seat.endpoint, "term": 0, "session": None, "released": 1}
            SeatRow.insert(first).on_conflict_ignore().execute(db)
            as_believed = (SeatRow.endpoint == seat.endpoint) & (SeatRow.term == seat.term)
            holder = SeatRow.session.is_null() if seat.session is None else SeatRow.session == seat.session
            is_free = (SeatRow.released == 1) | SeatRow.session.is_null() | _is_in(SeatRow.session, *_GONE)
            is_open = _is_in(session, SessionState.OPEN)
            moved = SeatRow.update(term=new.term, session=session, released=0)
            changed = moved.where(as_believed & holder & is_free & is_open).execute(db)
            return new if self._seats_changed(db, changed) else None

    def _step(
        self,
        session: str,
        before: tuple[SessionState, ...],
        after: SessionState,
        also: Function | None = None,
    ) -> bool:
        stands = (SessionRow.id == session) & SessionRow.state.in_(list(before))
        with self._connection.transaction(write=True) as db:
            step = SessionRow.update(state=after).where(stands if also is None else stands & also)
            return _decided(step.execute(db))

    def _seats_changed(self, db: Database, rows: int) -> bool:
        if rows:
            MetaRow.update(seats=MetaRow.seats + 1).execute(db)
        return _decided(rows)


def _decided(rows: int) -> bool:
    return rows == 1


def _is_member(broker: str, epoch: int) -> Function:
    row = (BrokerRow.name == broker) & (BrokerRow.epoch == epoch) & (BrokerRow.state == BrokerState.MEMBER)
    return fn.EXISTS(BrokerRow.select(BrokerRow.name).where(row))


def _is_in(session: object, *states: SessionState) -> Function:
    """Whether a session, given by its id or by a column that names it, is in one of some states."""
    holder = SessionRow.alias()
    return fn.EXISTS(holder.select(holder.id).where((holder.id == session) & holder.state.in_(list(states))))
