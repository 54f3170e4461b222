"""What a device can do and wants, found out by reading: the checks behind `plcmq doctor`.

Strategy: the checks know a `Line` that asks, one request at a time, and tell what they find as findings and
as settings for the device's `link`. What needs a connection of one's own (pauses, the time after connecting)
is left out on a line that others share. Nothing here writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any, Final, Protocol

from ...client.protocol.errors import PlcmqError
from ..modbus.errors import ExceptionReply, LinkError
from ..modbus.limits import ADDRESSES, MAX_READ_REGISTERS
from ..model.codec import TagCodec
from ..model.devices import DeviceDefinition, Profile
from ..model.tags import Order, Table, Tag
from ..site.definitions.presets import PRESETS

READS: Final = 20  # of which the latency is told
PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0)  # seconds that a device may want between requests
PAUSE_READS: Final = 4  # with each of them
DELAYS: Final = (0.25, 0.5, 1.0, 2.0, 3.0)  # seconds that a device may want after connecting
WINDOWS: Final = (8, 4, 2)  # requests at once that are tried
SLOW: Final = 0.5  # part of the timeout beyond which the 95th percentile leaves too little room
MEASURED: Final = frozenset({"max_registers", "request_gap", "connect_delay"})
GATEWAY: Final = {10: "the gateway has no path to it", 11: "the gateway had no answer from it"}
NO_SUCH_ADDRESS: Final = 2


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found."""

    check: str
    verdict: Verdict
    text: str

    def to_map(self) -> dict[str, str]:
        """For machines."""
        return {"check": self.check, "verdict": str(self.verdict), "text": self.text}


@dataclass(frozen=True, slots=True)
class Probe:
    """Where the checks read, and the tag there whose value they show."""

    table: Table
    address: int
    width: int
    tag: Tag | None = None


class Line(Protocol):
    """Asks a device, one request after the other."""

    is_own: bool  # whether nobody else uses the connection

    async def connect(self) -> list[Finding]:
        """Gets to the device; a finding with `fail` is the end.

        On a line of one's own a connection that there was is closed before."""

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """The payload of one read; raises ExceptionReply or LinkError."""

    async def identify(self) -> Mapping[str, str]:
        """The identification; raises ExceptionReply or LinkError."""

    async def together(self, table: Table, address: int, width: int, window: int, /) -> str | None:
        """What is different when reads are sent all at once; empty: nothing; None: it is not tried here."""

    async def pause(self, seconds: float) -> None:
        """Waits."""


@dataclass(slots=True)
class Diagnosis:
    """All that was found.

    Attributes:
        findings: one or more a check, in order.
        link: settings that differ from the defaults and fit the device.
        preset: link settings by name that fit it too, if there are such.
    """

    findings: list[Finding] = field(default_factory=list)
    link: dict[str, Any] = field(default_factory=dict)
    preset: str | None = None

    @property
    def is_good(self) -> bool:
        """Whether nothing failed."""
        return all(finding.verdict is not Verdict.FAIL for finding in self.findings)


def probe_of(profile: Profile, tag: str | None) -> Probe:
    """Where to read: at the given tag, or else at a tag of registers, or else at holding:0.

    Raises:
        KeyError: the profile has no such tag.
    """
    if tag is not None:
        chosen: Tag | None = profile.tags[tag]
    else:
        chosen = next((t for t in profile.tags.values() if not t.table.is_bits), None)
    if chosen is None:
        return Probe(Table.HOLDING, 0, 1)
    return Probe(chosen.table, chosen.address, TagCodec(chosen).width, None if tag is None else chosen)


class Doctor:
    """Examines one device.

    Args:
        device: for its settings.
        probe: where to read.
        line: asks it.
        tell: is given each finding as it is made.
    """

    def __init__(
        self, device: DeviceDefinition, probe: Probe, line: Line, tell: Callable[[Finding], None]
    ) -> None:
        self._device = device
        self._probe = probe
        self._line = line
        self._tell = tell
        self._found = Diagnosis()
        self._pause = 0.0  # seconds that the device has turned out to want
        self._identity = ""

    async def examine(self) -> Diagnosis:
        """Runs all checks that can be run."""
        for finding in await self._line.connect():
            self._note(finding.check, finding.verdict, finding.text)
        if self._found.is_good and await self._unit():
            await self._latency()
            await self._identification()
            await self._limits()
            await self._window()
            await self._orders()
            self._found.preset = self._preset()
        return self._found

    def _note(self, check: str, verdict: Verdict, text: str) -> None:
        finding = Finding(check, verdict, text)
        self._found.findings.append(finding)
        self._tell(finding)

    async def _ask(self, address: int, count: int) -> bytes:
        await self._line.pause(self._pause)
        return await self._line.read(self._probe.table, address, count)

    async def _ask_probe(self) -> bytes:
        return await self._ask(self._probe.address, self._probe.width)

    async def _unit(self) -> bool:
        """Whether the unit answers; on a line of one's own also how long after connecting."""
        delays = (0.0, *DELAYS) if self._line.is_own else (0.0,)
        why = ""
        for delay in delays:
            try:
                if delay:
                    await self._line.connect()
                    await self._line.pause(delay)
                await self._ask_probe()
                self._note("unit", Verdict.OK, f"unit {self._device.unit} answers")
            except ExceptionReply as reply:
                if reply.code in GATEWAY:
                    why = GATEWAY[reply.code]
                    break
                where = f"{self._probe.table}:{self._probe.address}"
                text = f"unit {self._device.unit} answers, but refuses {where} with exception {reply.code}"
                self._note("unit", Verdict.WARN, text)
            except LinkError as error:
                why = error.reason
                continue
            if delay:
                self._found.link["connect_delay"] = delay
                self._note("warm-up", Verdict.WARN, f"answers only {delay:g} s after connecting")
            return True
        self._note("unit", Verdict.FAIL, f"unit {self._device.unit} does not answer: {why}")
        return False

    async def _latency(self) -> None:
        """Asks without a pause, so that a device that wants one is found out."""
        times, lost = await self._series(READS)
        if lost and self._line.is_own:
            await self._spacing()
            if self._pause:
                times, lost = await self._series(READS)
        elif self._line.is_own:
            self._note("spacing", Verdict.OK, f"{READS} requests without a pause, all answered")
        if not times:
            self._note("latency", Verdict.FAIL, f"none of {READS} reads was answered")
            return
        p50, p95 = _percentile(times, 0.5), _percentile(times, 0.95)
        text = f"p50 {p50 * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms of {READS} reads"
        if lost:
            text += f", {lost} not answered"
        is_slow = p95 > SLOW * self._device.link.timeout
        if is_slow:
            self._found.link["timeout"] = timeout = float(round(4 * p95 + 0.5))
            text += f"; a timeout of {timeout:g} s leaves room"
        self._note("latency", Verdict.WARN if lost or is_slow else Verdict.OK, text)

    async def _series(self, reads: int) -> tuple[list[float], int]:
        """Seconds that each answered read took, and how many were not."""
        times: list[float] = []
        lost = 0
        for _ in range(reads):
            await self._line.pause(self._pause)
            started = time.perf_counter()
            try:
                await self._line.read(self._probe.table, self._probe.address, self._probe.width)
            except ExceptionReply:
                pass  # an answer too
            except LinkError:
                lost += 1
                if lost > PAUSE_READS:
                    return times, lost
                continue
            times.append(time.perf_counter() - started)
        return times, lost

    async def _spacing(self) -> None:
        for self._pause in PAUSES:
            _, lost = await self._series(PAUSE_READS)
            if not lost:
                self._found.link["request_gap"] = self._pause
                text = f"loses requests without a pause of {self._pause * 1000:.0f} ms between them"
                self._note("spacing", Verdict.WARN, text)
                return
        self._pause = 0.0
        self._note("spacing", Verdict.FAIL, "loses requests, however long the pause between them")

    async def _identification(self) -> None:
        await self._line.pause(self._pause)
        try:
            objects = await self._line.identify()
        except (ExceptionReply, LinkError):
            functions = self._device.link.functions - {43}
            self._found.link["functions"] = sorted(functions)
            self._note("identity", Verdict.WARN, "has no identification (function 43/14)")
            return
        self._identity = " ".join(objects.values()).lower()
        self._note("identity", Verdict.OK, ", ".join(objects.values()) or "an empty identification")

    async def _limits(self) -> None:
        """The longest read that works: 125 registers, or by halves less."""
        if self._probe.table.is_bits:
            return
        start = min(self._probe.address, ADDRESSES - MAX_READ_REGISTERS)
        works, fails, why, is_map_end = 0, MAX_READ_REGISTERS + 1, "", False
        count = MAX_READ_REGISTERS
        while fails - works > 1:
            try:
                await self._ask(start, count)
                works = count
            except ExceptionReply as reply:
                fails, why = count, f"exception {reply.code}"
                is_map_end = reply.code == NO_SUCH_ADDRESS
            except LinkError as error:
                fails, why, is_map_end = count, error.reason, False
                if not self._line.is_own:
                    break  # others wait for the device meanwhile
            count = (works + fails) // 2
        if works == MAX_READ_REGISTERS:
            self._note("limits", Verdict.OK, f"{works} registers in one read, as the specification allows")
        elif not works:
            self._note("limits", Verdict.WARN, f"no read from {self._probe.table}:{start} works ({why})")
        elif is_map_end:
            text = f"{works} registers in one read; {self._probe.table}:{start + works} is not readable, so"
            self._note("limits", Verdict.OK, f"{text} the limit itself is not known (try another --tag)")
        else:
            self._found.link["max_registers"] = works
            self._note("limits", Verdict.WARN, f"at most {works} registers in one read (then: {why})")

    async def _window(self) -> None:
        """How many requests at once are answered as well as one at a time; only for who opts in."""
        if self._pause:
            return  # it wants pauses between requests, so one at a time it is
        difference: str | None = None
        for window in WINDOWS:
            try:
                difference = await self._line.together(
                    self._probe.table, self._probe.address, self._probe.width, window
                )
            except LinkError as error:
                difference = error.reason
            if difference is None:
                return
            if not difference:
                text = f"{window} requests at once are answered well (`window: {window}` would use it)"
                self._note("window", Verdict.OK, text)
                return
        self._note("window", Verdict.OK, f"one request at a time ({difference})")

    async def _orders(self) -> None:
        """The value of the tag in all four orders."""
        tag = self._probe.tag
        if tag is None:
            return
        try:
            data = await self._ask_probe()
        except (ExceptionReply, LinkError) as error:
            self._note("value", Verdict.FAIL, f"{tag.name} cannot be read: {error}")
            return
        for name, text, is_set in readings(tag, data):
            set_so = " <- as the profile has it" if is_set else ""
            self._note(f"value {name}", Verdict.OK, f"{tag.name} = {text}{set_so}")

    def _preset(self) -> str | None:
        """The preset that the identification names, or whose measurable settings are those found."""
        measured = {name: value for name, value in self._found.link.items() if name in MEASURED}
        for preset in PRESETS.values():
            if preset.name.partition("-")[0] in self._identity:
                return preset.name
        for preset in PRESETS.values():
            if measured and {k: v for k, v in preset.settings.items() if k in MEASURED} == measured:
                return preset.name
        return None


def readings(tag: Tag, data: bytes) -> list[tuple[str, str, bool]]:
    """A tag's value in each order of bytes and words: name (`ABCD`), value, whether the profile has it so."""
    if tag.table.is_bits or tag.bit is not None:
        return [("as it is", str(TagCodec(tag).decode(data, 0)), True)]
    names = {
        (Order.BIG, Order.BIG): "ABCD",
        (Order.LITTLE, Order.BIG): "CDAB",
        (Order.BIG, Order.LITTLE): "BADC",
        (Order.LITTLE, Order.LITTLE): "DCBA",
    }
    found = []
    for words, octets in product((Order.BIG, Order.LITTLE), repeat=2):
        is_set = (words, octets) == (tag.word_order, tag.byte_order)
        try:
            codec = TagCodec(replace(tag, word_order=words, byte_order=octets))
            text = str(codec.decode(data, 0))
        except (PlcmqError, ValueError) as error:
            text = f"no {tag.type}: {error}"
        found.append((names[words, octets], text, is_set))
    order = list(names.values())
    return sorted(found, key=lambda reading: order.index(reading[0]))


def _percentile(times: list[float], part: float) -> float:
    ranked = sorted(times)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]
