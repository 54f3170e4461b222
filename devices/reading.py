"""Rounds of reading: what many callers want becomes few requests, and the replies find their callers.

Strategy: pure. A `Round` takes all read jobs that wait together, plans the fewest spans for the tags they
want, and is told how each span ended. It hands back the jobs that are complete by then, so that nobody waits
for a span that does not concern him. What has been read goes into `Latest`, from which `max_age` is served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..client.errors import Code, PlcmqError, failure
from .codec import TagCodec
from .jobs import Done, Job
from .layout import UndecodableValue
from .model import Value
from .planner import Span


@dataclass(slots=True, eq=False)
class ReadJob:
    """A read on its way: which of its tags are still missing, and what has come in."""

    job: Job
    received: float  # monotonic seconds
    missing: set[str]
    values: dict[str, Value] = field(default_factory=dict)
    errors: dict[str, PlcmqError] = field(default_factory=dict)
    started: float | None = None  # when its first request went out; None: nothing has
    read_at: dict[str, float] = field(default_factory=dict)

    def done(self, now: float) -> Done:
        """The job's end, once nothing is missing. Where every tag failed, the first error is the job's."""
        if self.errors and not self.values:
            return self.broken_off(next(iter(self.errors.values())), now)
        started = now if self.started is None else self.started
        ages = {name: round(max(0.0, now - at), 6) for name, at in self.read_at.items()}
        result: dict[str, object] = {"values": self.values, "age": ages}
        if self.errors:
            result["errors"] = {name: error.to_map() for name, error in self.errors.items()}
        return Done(self.job.id, result=result, queued=started - self.received, device=now - started)

    def broken_off(self, error: PlcmqError, now: float) -> Done:
        """The job's end with an error, whatever has come in."""
        started = now if self.started is None else self.started
        return Done(self.job.id, error=error, queued=started - self.received, device=now - started)

    def take(self, name: str, value: Value, read_at: float) -> None:
        """Notes a tag's value."""
        self.missing.discard(name)
        self.values[name] = value
        self.read_at[name] = read_at

    def fail(self, name: str, error: PlcmqError) -> None:
        """Notes that a tag could not be read."""
        self.missing.discard(name)
        self.errors[name] = error


class Latest:
    """The last value of each tag that has been read, and when.

    Attributes:
        writes: how often values have been forgotten.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._values: dict[str, tuple[Value, float]] = {}

    def put(self, name: str, value: Value, now: float, writes: int) -> None:
        """Notes a value, unless there was a write since it was asked for, when `writes` was what is given."""
        if writes == self.writes:
            self._values[name] = (value, now)

    def forget(self) -> None:
        """Forgets all values: a write may have changed any of them."""
        self.writes += 1
        self._values.clear()

    def serve(self, read: ReadJob, max_age: float, now: float) -> None:
        """Gives the job every tag whose last value is young enough."""
        for name in tuple(read.missing):
            known = self._values.get(name)
            if known is not None and now - known[1] <= max_age:
                read.take(name, *known)


class Round:
    """Read jobs that are carried out together."""

    def __init__(self, reads: Iterable[ReadJob], codecs: Mapping[str, TagCodec]) -> None:
        self._codecs = codecs
        self._waiting: dict[str, list[ReadJob]] = {}
        for read in reads:
            for name in read.missing:
                self._waiting.setdefault(name, []).append(read)

    @property
    def tags(self) -> frozenset[str]:
        """The tags that somebody still waits for."""
        return frozenset(self._waiting)

    def starts(self, span: Span, now: float) -> float | None:
        """Notes that a span is about to be asked for.

        Returns:
            until when somebody waits for it; None if nobody does any more, and it shall not be asked for.
        """
        until = now
        for want in span.wants:
            for read in self._waiting.get(want.name, ()):
                deadline = read.job.deadline
                if deadline > now:
                    if read.started is None:
                        read.started = now
                    if deadline > until:
                        until = deadline
        return until if until > now else None

    def filled(self, span: Span, data: bytes, latest: Latest, now: float, writes: int) -> list[ReadJob]:
        """Decodes a reply's payload; returns the jobs that are complete with it.

        Args:
            span: what was asked for.
            data: the payload.
            latest: takes the values too.
            now: when the reply came.
            writes: of `latest` when the span was asked for.
        """
        complete: list[ReadJob] = []
        for want in span.wants:
            reads = self._waiting.pop(want.name, None)
            if reads is None:
                continue
            try:
                value = self._codecs[want.name].decode(data, want.address - span.address)
            except UndecodableValue as error:
                complete += _fail(reads, want.name, failure(Code.DEVICE_ERROR, str(error)))
                continue
            latest.put(want.name, value, now, writes)
            for read in reads:
                read.take(want.name, value, now)
                if not read.missing:
                    complete.append(read)
        return complete

    def failed(self, span: Span, error: PlcmqError) -> list[ReadJob]:
        """Notes that a span could not be read; returns the jobs that are complete with it."""
        complete: list[ReadJob] = []
        for want in span.wants:
            complete += _fail(self._waiting.pop(want.name, ()), want.name, error)
        return complete

    def drop(self, read: ReadJob) -> None:
        """Takes a job out of the round: its time is up, or its caller took it back."""
        for name in read.missing:
            reads = self._waiting.get(name, [])
            if read in reads:
                reads.remove(read)
            if not reads:
                self._waiting.pop(name, None)


def _fail(reads: Iterable[ReadJob], name: str, error: PlcmqError) -> list[ReadJob]:
    complete = []
    for read in reads:
        read.fail(name, error)
        if not read.missing:
            complete.append(read)
    return complete
