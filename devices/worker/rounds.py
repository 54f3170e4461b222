"""Rounds of reading: what many callers want becomes few requests, and the replies find their callers.

Strategy: pure. A `Round` takes all read jobs that wait together and is told how each block of the plan for
their tags ended. It hands back the jobs that are complete by then, so that nobody waits for a block that does
not concern him. What has been read goes into `Latest`, from which `max_age` is served.

Whole blocks are handed on, by operations on sets and maps, and not tag by tag: a poll of a hundred tags costs
not much more than that of one. So several jobs may hold the same map of values, and nobody changes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...client.protocol.errors import Code, PlcmqError, failure
from ..interface.requests import CompiledProfile
from ..model.exponent import scaled
from ..model.numbers import UndecodableValue
from ..model.tags import Value
from ..planning.block import Block
from ..protocol.messages import Done, Job

UNSORTED: Final = 32  # blocks that may be laid aside: new plans make new blocks

Values = Mapping[str, Value]


@dataclass(slots=True, eq=False)
class ReadJob:
    """A read on its way: which of its tags are still missing, and what has come in."""

    job: Job
    received: float  # monotonic seconds
    missing: set[str]
    values: Values = field(default_factory=dict)
    errors: dict[str, PlcmqError] = field(default_factory=dict)
    started: float | None = None  # when its first request went out; None: nothing has
    read_at: list[tuple[float, Values]] = field(default_factory=list)  # what was read when
    profile: CompiledProfile | None = None  # where the values have exponents in other tags
    tags: tuple[str, ...] = ()  # what was asked for, if `profile` is given

    def finished(self) -> Values:
        """The values that were asked for, each multiplied by its power of ten."""
        profile = self.profile
        if profile is None:
            return self.values
        found: dict[str, Value] = {}
        for name in self.tags:
            if name in self.values:
                value, other = self.values[name], profile.exponents.get(name)
                if other is None:
                    found[name] = value
                elif other in self.values:
                    precision = profile.codecs[name].tag.precision
                    found[name] = scaled(value, self.values[other], precision)
                elif other in self.errors:
                    self.errors.setdefault(name, self.errors[other])
        self.errors = {name: error for name, error in self.errors.items() if name in self.tags}
        return found

    def done(self, now: float) -> Done:
        """The job's end, once nothing is missing. Where every tag failed, the first error is the job's."""
        values = self.finished()
        if self.errors and not values:
            return self.broken_off(next(iter(self.errors.values())), now)
        started = now if self.started is None else self.started
        ages: dict[str, float] = {}
        for at, some in self.read_at:
            ages.update(dict.fromkeys(some, round(max(0.0, now - at), 6)))
        if self.profile is not None:
            ages = {name: age for name, age in ages.items() if name in values}
        result: dict[str, object] = {"values": values, "age": ages}
        if self.errors:
            result["errors"] = {name: error.to_map() for name, error in self.errors.items()}
        return Done(self.job.id, result=result, queued=started - self.received, device=now - started)

    def broken_off(self, error: PlcmqError, now: float) -> Done:
        """The job's end with an error, whatever has come in."""
        started = now if self.started is None else self.started
        return Done(self.job.id, error=error, queued=started - self.received, device=now - started)

    def take(self, values: Values, read_at: float) -> None:
        """Notes values of tags that are missing."""
        self.missing.difference_update(values)
        self.values = {**self.values, **values} if self.values else values
        self.read_at.append((read_at, values))

    def fail(self, names: Collection[str], error: PlcmqError) -> None:
        """Notes that tags could not be read."""
        self.missing.difference_update(names)
        self.errors.update(dict.fromkeys(names, error))


class _Reply(NamedTuple):
    """What a block was read to be."""

    values: Values
    read_at: float
    data: bytes


class Latest:
    """The last value of each tag that has been read, and when.

    What comes in is only laid aside, and sorted when somebody asks for it: most values are never asked for
    again.

    Attributes:
        writes: how often values have been forgotten.
    """

    def __init__(self) -> None:
        self.writes = 0
        self._unsorted: dict[Block, _Reply] = {}  # the last of each block, in order of time
        self._values: dict[str, Value] = {}
        self._times: dict[str, float] = {}

    def put(self, block: Block, values: Values, now: float, writes: int, data: bytes = b"") -> None:
        """Notes values, unless there was a write since they were asked for, when `writes` was as given.

        Args:
            block: what was asked for.
            values: of its tags.
            now: when the reply came.
            writes: of this, when it was asked for.
            data: the payload, if the values are all that it says.
        """
        if writes == self.writes:
            self._unsorted.pop(block, None)
            self._unsorted[block] = _Reply(values, now, data)
            if len(self._unsorted) > UNSORTED:
                self._sort()

    def again(self, block: Block, data: bytes) -> Values | None:
        """The block's values if the payload is the same as last time; most are."""
        last = self._unsorted.get(block)
        return last.values if last is not None and last.data == data else None

    def forget(self) -> None:
        """Forgets all values: a write may have changed any of them."""
        self.writes += 1
        self._unsorted.clear()
        self._values.clear()
        self._times.clear()

    def serve(self, read: ReadJob, max_age: float, now: float) -> None:
        """Gives the job every tag whose last value is young enough."""
        self._sort()
        times, young = self._times, dict[float, dict[str, Value]]()
        for name in read.missing:
            at = times.get(name)
            if at is not None and now - at <= max_age:
                young.setdefault(at, {})[name] = self._values[name]
        for at, found in young.items():
            read.take(found, at)

    def _sort(self) -> None:
        for reply in self._unsorted.values():
            self._values.update(reply.values)
            self._times.update(dict.fromkeys(reply.values, reply.read_at))
        self._unsorted.clear()


class Round:
    """Read jobs that are carried out together."""

    def __init__(self, reads: Iterable[ReadJob]) -> None:
        self._reads = {read.job.id: read for read in reads if read.missing}

    @property
    def tags(self) -> frozenset[str]:
        """The tags that somebody still waits for."""
        missing = [read.missing for read in self._reads.values()]
        return frozenset(missing[0]).union(*missing[1:]) if missing else frozenset()

    def starts(self, names: frozenset[str], now: float) -> float | None:
        """Notes that tags are about to be asked for.

        Returns:
            until when somebody waits for them; None if nobody does any more, and they shall not be asked for.
        """
        until = now
        for read in self._concerned(names):
            deadline = read.job.deadline
            if deadline > now:
                if read.started is None:
                    read.started = now
                if deadline > until:
                    until = deadline
        return until if until > now else None

    def filled(self, block: Block, data: bytes, latest: Latest, now: float, writes: int) -> list[ReadJob]:
        """Decodes a reply's payload; returns the jobs that are complete with it.

        Args:
            block: what was asked for.
            data: the payload.
            latest: takes the values too.
            now: when the reply came.
            writes: of `latest` when the block was asked for.
        """
        values, undecodable = latest.again(block, data), dict[str, UndecodableValue]()
        if values is None:
            values, undecodable = block.decode(data)
        latest.put(block, values, now, writes, b"" if undecodable else data)
        complete: list[ReadJob] = []
        for name, error in undecodable.items():
            complete += self.failed(frozenset((name,)), failure(Code.DEVICE_ERROR, str(error)))
        for read in self._concerned(values.keys()):
            if read.missing >= values.keys():
                read.take(values, now)
            else:
                read.take({name: values[name] for name in read.missing & values.keys()}, now)
            complete += self._complete(read)
        return complete

    def failed(self, names: frozenset[str], error: PlcmqError) -> list[ReadJob]:
        """Notes that tags could not be read; returns the jobs that are complete with it."""
        complete: list[ReadJob] = []
        for read in self._concerned(names):
            read.fail(read.missing & names, error)
            complete += self._complete(read)
        return complete

    def drop(self, read: ReadJob) -> None:
        """Takes a job out of the round: its time is up, or its caller took it back."""
        self._reads.pop(read.job.id, None)

    def _concerned(self, names: Collection[str]) -> list[ReadJob]:
        return [read for read in self._reads.values() if not read.missing.isdisjoint(names)]

    def _complete(self, read: ReadJob) -> tuple[ReadJob, ...]:
        if read.missing:
            return ()
        del self._reads[read.job.id]
        return (read,)
