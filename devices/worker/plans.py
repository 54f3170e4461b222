"""How one device's tags are read, with what is known of its limits and holes.

Strategy: no I/O. A plan is made once for each set of tags and kept until what is known changes. A tag that
lies over a hole is in no planned request; from time to time it is asked for again by itself. What is learned
and unlearned is logged, and told to whoever keeps it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ...client.protocol.errors import Code, PlcmqError, failure
from ..interface.requests import CompiledProfile
from ..modbus.errors import ExceptionCode, ExceptionReply
from ..modbus.pdu import read
from ..model.devices import DeviceDefinition
from ..planning.block import Block
from ..planning.known_holes import KnownHoles
from ..planning.reads import Hole, Span, Want, plan_reads, unreadable
from .errors import as_error, not_allowed

PLAN_CACHE: Final = 64  # plans kept, one for each set of tags

Learn = Callable[[frozenset[Hole], frozenset[Hole]], None]
"""Is told of holes that are new, and of those that are gone."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How tags are read.

    Attributes:
        blocks: the requests.
        unreadable: the tags that no request can read by the device's settings, each with its error.
        over_holes: the tags that lie over holes, each with the request that asks for it alone.
    """

    blocks: list[Block]
    unreadable: list[tuple[Want, PlcmqError]]
    over_holes: list[tuple[Want, Block]]


class ReadPlans:
    """The plans of one device.

    Attributes:
        holes: what is known of them.
    """

    def __init__(
        self,
        device: DeviceDefinition,
        profile: CompiledProfile,
        holes: Iterable[Hole],
        learn: Learn,
        now: float,
    ) -> None:
        self.holes = KnownHoles(holes, now)
        self._device = device
        self._profile = profile
        self._learn = learn
        self._plans: dict[frozenset[str], ReadPlan] = {}
        self._read_once: set[str] = set()  # tags that this device has given a value of

    def plan(self, tags: frozenset[str], now: float) -> ReadPlan:
        """How to read the tags."""
        if self.holes.next_gap() <= now:
            self._unlearned(self.holes.forget_gaps(now))
        plan = self._plans.get(tags)
        if plan is None:
            if len(self._plans) >= PLAN_CACHE:
                self._plans.clear()
            plan = self._plans[tags] = self._new_plan([self._want(name) for name in tags])
        return plan

    def _want(self, name: str) -> Want:
        """What to read for a tag: with its exponent in one request wherever the limits allow."""
        joint = self._profile.joint_wants.get(name)
        if joint is not None and not self._is_too_wide(joint) and not self.holes.forbids(joint):
            return joint
        return self._profile.wants[name]

    def load(self, holes: Iterable[Hole], now: float) -> None:
        """Makes these holes the ones that are known, and no others."""
        self.holes.load(holes, now)
        self._plans.clear()

    def block(self, span: Span) -> Block:
        """The request for a span."""
        return Block(span, self._profile.codecs)

    def answered(self, block: Block) -> None:
        """A request was answered with data."""
        if not block.answered:
            block.answered = True
            self._read_once |= block.names
            if self.holes:
                self._unlearned(self.holes.read(block.span))
        block.hunts = 0

    def learned(self, found: Iterable[Hole], span: Span, now: float) -> None:
        """A hunt in a span has found holes."""
        found = set(found)
        doubted = {hole for hole in found if self._was_read(hole, span)}
        new = self.holes.learn(doubted, now, doubted=True) | self.holes.learn(found - doubted, now)
        if not new:
            return
        self._plans.clear()
        for hole in new:
            what = "it is read apart from others" if hole.gap else "it is asked for again from time to time"
            logger.warning("%s refuses to read %s: %s", self._device.name, _place(hole), what)
        self._learn(new, frozenset())

    def refusal(self, want: Want, now: float) -> PlcmqError:
        """The error of a tag that lies over a hole."""
        reply = ExceptionReply(_function(want), ExceptionCode.ILLEGAL_DATA_ADDRESS)
        error = as_error(self._device, reply, is_write=False)
        wait = max(0.0, self.holes.ask_at(want) - now)
        message = (
            f"{self._device.name}: {want.name} cannot be read: the device answered a read of "
            f"{want.table}:{want.address} with exception 2 (illegal data address); it is asked again in "
            f"{wait:.1f} s, or now with `plcmq device relearn {self._device.name}`"
        )
        return failure(error.code, message, details=error.details)

    def _was_read(self, hole: Hole, span: Span) -> bool:
        """Whether a value that lies exactly over a hole has been read before."""
        return not hole.gap and any(
            want.name in self._read_once
            for want in span.wants
            if (want.address, want.width) == (hole.address, hole.count)
        )

    def _unlearned(self, gone: frozenset[Hole]) -> None:
        if gone:
            self._plans.clear()
            for hole in gone:
                logger.info("%s: %s is asked for as usual again", self._device.name, _place(hole))
            self._learn(frozenset(), gone)

    def _new_plan(self, wants: list[Want]) -> ReadPlan:
        link, holes = self._device.link, [*self.holes, *self._profile.fences]
        limits = {"max_registers": link.max_registers, "max_coils": link.max_coils}
        forbidden = [want for want in wants if _function(want) not in link.functions]
        if forbidden:
            wants = [want for want in wants if want not in forbidden]
        spans = plan_reads(wants, **limits, max_gap=link.max_gap, holes=holes)
        left_out = unreadable(wants, **limits, holes=holes)
        too_wide = [(want, self._too_wide(want, why)) for want, why in left_out if self._is_too_wide(want)]
        over_holes = [
            (want, self.block(Span(want.table, want.address, want.width, (want,))))
            for want, _why in left_out
            if not self._is_too_wide(want)
        ]
        refused = too_wide + [(want, self._not_allowed(want)) for want in forbidden]
        return ReadPlan([self.block(span) for span in spans], refused, over_holes)

    def _is_too_wide(self, want: Want) -> bool:
        link = self._device.link
        return want.width > (link.max_coils if want.table.is_bits else link.max_registers)

    def _too_wide(self, want: Want, why: str) -> PlcmqError:
        message = f"{self._device.name}: {want.name} cannot be read: {why}"
        return failure(Code.BAD_ARGS, message, details={"path": "rqargs.tags", "tag": want.name})

    def _not_allowed(self, want: Want) -> PlcmqError:
        return not_allowed(self._device.name, f"reading {want.name}", [_function(want)], "tags")


def _function(want: Want) -> int:
    """The function code that reads it."""
    return read(want.table, 0, 1).function


def _place(hole: Hole) -> str:
    return f"{hole.table}:{hole.address}" + (f" to {hole.address + hole.count - 1}" if hole.count > 1 else "")
