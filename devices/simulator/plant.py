"""The plant behind a simulated PLC: plays handshakes and lets tags live.

Strategy: a queue of things to happen on one unit's memory. It is told of writes and of the time, and says
when it next wants to be told; the endpoint holds the clock. Tags are set through their codecs, so the
memory has what a real PLC of this profile would have.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from random import Random

from ...client.protocol.errors import PlcmqError
from ..model.codec import TagCodec, UndecodableValue, codecs
from ..model.comparison import matches
from ..model.devices import Profile
from ..model.numbers import RANGES
from ..model.tags import Tag, Type, Value
from .handshake import AnyValue, Copy, Handshake, HandshakeStage, at_rest, handshakes
from .living import Life, lives
from .registers.memory import MemoryChange, Unit, pack


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a plant is. All in seconds."""

    reaction: float = 0.05  # from the trigger to the first condition, and from one stage to the next
    batch: float = 1.0  # from the last condition until it is at rest again
    tick: float | None = None  # between two looks at tags that live; None: they do not


@dataclass(slots=True)
class _Play:
    """A handshake at work."""

    handshake: Handshake
    before: dict[str, Value] = field(default_factory=dict)  # what its tags go back to
    last_stage_done: bool = False
    over: bool = False


class Plant:
    """The living side of one unit.

    Args:
        profile: what kind of device it is.
        unit: its memory.
        pace: how fast it is.
        seed: for the noise.

    Attributes:
        rest: what the tags that actions check are at rest.
    """

    def __init__(self, profile: Profile, unit: Unit, pace: Pace | None = None, seed: int = 0) -> None:
        self.profile, self.unit = profile, unit
        self.pace = pace or Pace()
        self._codecs = codecs(profile)
        self._handshakes = handshakes(profile)
        self._triggers = {handshake.trigger for handshake in self._handshakes}
        self._plays: list[_Play] = []
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._lives: dict[str, Life] = {}
        self.rest = at_rest(profile)
        for name, value in self.rest.items():
            self._become(name, value)
        if self.pace.tick is not None:
            self._lives = lives(profile, Random(seed), self._number)

    def begin(self, now: float) -> None:
        """The plant starts; tags begin to live."""
        if self._lives:
            self._live(now, now)

    def get(self, name: str) -> Value:
        """The value of a tag, as a master would read it.

        Raises:
            KeyError: there is no such tag.
        """
        codec = self._codecs[name]
        data = self.unit.load(codec.tag.table, codec.tag.address, codec.width)
        return codec.decode(pack(data) if codec.tag.table.is_bits else data, 0)

    def set(self, name: str, value: Value) -> None:
        """Gives a tag a value from the PLC's side. One that lives by itself keeps it from now on.

        Raises:
            KeyError: there is no such tag.
            Rejected: the value does not fit.
        """
        self._lives.pop(name, None)
        self._put(name, value)

    def written(self, change: MemoryChange, now: float) -> None:
        """A master has written something: a trigger may be in it."""
        for name in self._triggers:
            codec = self._codecs[name]
            tag = codec.tag
            end = change.address + change.count
            if tag.table is change.table and change.address < tag.address + codec.width and tag.address < end:
                self._pull(name, self._differs(codec, change), now)

    def due(self) -> float | None:
        """When `advance` wants to be called next, on the clock of the `now`s it is given."""
        return self._queue[0][0] if self._queue else None

    def advance(self, now: float) -> None:
        """Lets everything happen whose time has come."""
        while self._queue and self._queue[0][0] <= now:
            _, _, happen = heapq.heappop(self._queue)
            happen(now)

    def _later(self, at: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._queue, (at, next(self._order), happen))

    def _pull(self, name: str, differs: bool, now: float) -> None:
        """Starts the handshakes of a trigger that was written. A boolean needs an edge."""
        value, tag = self._value(name), self._codecs[name].tag
        for handshake in self._most_specific(name):
            wanted = handshake.value
            if isinstance(wanted, AnyValue) or (differs and value in (wanted, _named(tag, wanted))):
                self._start(handshake, now)

    def _most_specific(self, trigger: str) -> list[Handshake]:
        """The handshakes of a trigger whose other tags have been written as they ask, those that ask most."""
        found = [
            handshake
            for handshake in self._handshakes
            if handshake.trigger == trigger
            and all(
                matches(self._value(tag), value, self._codecs[tag].tag)
                for tag, value in handshake.given.items()
            )
        ]
        most = max((len(handshake.given) for handshake in found), default=0)
        return [handshake for handshake in found if len(handshake.given) == most]

    def _differs(self, codec: TagCodec, change: MemoryChange) -> bool:
        if codec.tag.type is not Type.BOOL:
            return True
        step = 1 if change.table.is_bits else 2
        start = max(0, codec.tag.address - change.address) * step
        stop = max(0, codec.tag.address + codec.width - change.address) * step
        before, after = change.before[start:stop], change.after[start:stop]
        if not codec.is_part:
            return before != after
        changed = int.from_bytes(before) ^ int.from_bytes(after)
        return bool(changed & codec.masks(True)[1])

    def _start(self, handshake: Handshake, now: float) -> None:
        for play in [play for play in self._plays if play.handshake is handshake]:
            if handshake.guarded or not play.last_stage_done:
                return
            self._finish(play)
        play = _Play(handshake)
        self._plays.append(play)
        for i, stage in enumerate(handshake.stages):
            self._later(now + (i + 1) * self.pace.reaction, partial(self._reach, play, stage))

    def _reach(self, play: _Play, stage: HandshakeStage, now: float) -> None:
        """A stage of a handshake comes true."""
        if play.over:
            return
        for other in [other for other in self._plays if other is not play]:
            if any(tag in other.before for tag in stage.values):
                self._finish(other, keep=stage.values)
        for name, value in stage.values.items():
            play.before.setdefault(name, self.rest.get(name, self._value(name)))
            self._become(name, self._value(value.tag) if isinstance(value, Copy) else value)
        for name in stage.counters:
            number = self._number(name)
            self._put_number(name, 0 if number is None else number + 1)
        if stage is play.handshake.stages[-1]:
            play.last_stage_done = True
            if play.handshake.clears:
                self._put(play.handshake.trigger, False)
            self._later(now + self.pace.batch, lambda _: self._finish(play))

    def _finish(self, play: _Play, keep: Collection[str] = ()) -> None:
        """A handshake is over: its tags go back to what they were, but for those that another one has."""
        if play.over:
            return
        play.over = True
        self._plays.remove(play)
        for name, value in play.before.items():
            if name not in keep:
                self._become(name, value)

    def _live(self, began: float, now: float) -> None:
        for name, life in self._lives.items():
            self._put_number(name, life(self._number(name) or 0.0, now - began))
        if self.pace.tick is not None:
            self._later(now + self.pace.tick, lambda at: self._live(began, at))

    def _value(self, name: str) -> Value:
        """The value of a tag; `None` where a master has left bits that are no value of its type."""
        try:
            return self.get(name)
        except UndecodableValue:
            return None

    def _number(self, name: str) -> float | None:
        value = self._value(name)
        return float(value) if isinstance(value, int | float) else None

    def _put_number(self, name: str, number: float) -> None:
        """Sets a number as near as the tag can hold it; a counter begins anew at its end."""
        tag = self._codecs[name].tag
        if tag.type is Type.BOOL:
            return self._put(name, bool(number))
        if tag.type in RANGES and not tag.is_scaled:
            low, high = RANGES[tag.type]
            number = int(number) if number <= (high if tag.max is None else tag.max) else max(low, 0)
        self._put(name, _within(tag, number))

    def _become(self, name: str, value: Value) -> None:
        """Sets what an action expects. What the tag cannot hold it never gets: the action waits in vain."""
        with contextlib.suppress(PlcmqError):
            self._put(name, value)

    def _put(self, name: str, value: Value) -> None:
        codec = self._codecs[name]
        tag = codec.tag
        if codec.is_part:
            current = int.from_bytes(self.unit.load(tag.table, tag.address, 1))
            keep, put = codec.masks(value)
            self.unit.store(tag.table, tag.address, (current & keep | put & ~keep).to_bytes(2))
        else:
            self.unit.store(tag.table, tag.address, codec.encode(value))


def _named(tag: Tag, value: Value) -> Value:
    """The name of a number, where the tag has names."""
    return tag.enum.get(value, value) if tag.enum and isinstance(value, int) else value


def _within(tag: Tag, number: float) -> float:
    """The number, moved into the limits and the range of its tag."""
    if tag.type in RANGES and tag.is_scaled:
        low, high = sorted(raw * tag.scale + tag.offset for raw in RANGES[tag.type])
        number = min(max(number, low + abs(tag.scale)), high - abs(tag.scale))
    if tag.min is not None:
        number = max(number, tag.min)
    return number if tag.max is None else min(number, tag.max)
