"""Writing tags: values in the order given, in the function codes that the device has, read back on request.

Strategy: everything is made before anything is sent, so what cannot be written is refused whole. Then each
step takes a turn of its own in the command lane: adjacent values together, or a bit of a register, whose read
and write share the turn where the device has no mask write. Nothing is ever sent twice, unless the device
said that it was too busy to do it. `Progress` knows at each moment what has been confirmed and whether an
answer is missing; the outcome of an error follows from it, and of nothing else.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..channel.busy import while_busy
from ..channel.channel import Turn
from ..channel.line import DeviceLine
from ..channel.turns import Lane
from ..interface.requests import CompiledProfile
from ..modbus import pdu as modbus
from ..modbus.errors import ExceptionReply, LinkError
from ..modbus.pdu import Transaction
from ..model.codec import TagCodec
from ..model.comparison import matches
from ..model.devices import DeviceDefinition
from ..model.tags import Table, Value, Verify
from ..planning.writes import WriteItem, WriteSpan, plan_writes
from .errors import as_error, not_allowed
from .reader import Reader

FC3, FC6, FC22, FC23 = 3, 6, 22, 23
_CONFIRMING: Final = (5, 6, 15, 16)  # functions whose reply repeats what was written
_FUNCTIONS: Final = {Table.COIL: (5, 15), Table.HOLDING: (6, 16)}  # for one, for many
_AT_ONCE: Final = Verify()
EXPONENT_AGE: Final = 10.0  # seconds that an exponent may be old when a value is written with it


@dataclass(slots=True)
class Progress:
    """How far one request's writing has come.

    Attributes:
        names: the tags that are written.
        confirmed: how many writes the device has confirmed.
        on_wire: whether the last request was a write that it has not confirmed (yet).
    """

    names: list[str] = field(default_factory=list)
    confirmed: int = 0
    on_wire: bool = False

    @property
    def outcome(self) -> Outcome:
        """What has happened at the device, for all that is known."""
        if self.on_wire:
            return Outcome.UNKNOWN
        return Outcome.EXECUTED if self.confirmed else Outcome.NOT_EXECUTED


@dataclass(slots=True)
class _Span:
    """Adjacent values: the requests that write them, mostly one, and how many of these are done."""

    requests: list[Transaction]
    ends: dict[str, int]  # by tag: after how many requests it is written
    done: int = 0


@dataclass(slots=True)
class _Part:
    """Parts of one register, and how to change them: bits, a byte, the length of a text."""

    names: list[str]
    address: int
    and_mask: int
    or_mask: int
    rest: bytes = b""  # of the registers behind it, which are written with it


class Writer:
    """Writes tags and raw registers of one device; the writes of two requests are never mixed."""

    def __init__(
        self,
        device: DeviceDefinition,
        profile: CompiledProfile,
        channel: DeviceLine,
        reader: Reader,
        clock: Callable[[], float],
    ) -> None:
        self._device = device
        self._codecs = profile.codecs
        self._channel = channel
        self._reader = reader
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def write(
        self, values: Mapping[str, Value], deadline: float, progress: Progress, *, verify: bool = False
    ) -> None:
        """Writes the tags in the order given, then reads back those that ask for it.

        Args:
            values: by tag; they have been checked.
            deadline: nothing is sent from then on, seconds of the clock.
            progress: notes how far it has come.
            verify: read all of them back, not only the tags whose definition says so.

        Raises:
            PlcmqError: with the true outcome, and in `details.written` the tags that are written
                nevertheless; `verify_failed` if a value read back differs.
        """
        await self._send(self._steps(await self._encoded(values, deadline)), deadline, progress)
        await self._verify(values, deadline, everything=verify)

    async def write_raw(
        self, table: Table, address: int, values: list[Any], deadline: float, progress: Progress
    ) -> None:
        """Writes registers (0 to 65535) or bits from an address on.

        Raises:
            PlcmqError: with the true outcome.
        """
        data = bytes(values) if table.is_bits else b"".join(int(v).to_bytes(2) for v in values)
        await self._send([_Span(self._requests(table, address, data, "table"), {})], deadline, progress)

    async def _encoded(self, values: Mapping[str, Value], deadline: float) -> dict[str, bytes | Value]:
        """The bytes of each value; as it is where it is a part of a register.

        An exponent in another register is read first, unless that was done a short time ago.
        """
        others = {self._codecs[name].tag.scale_exponent for name in values} - {None}
        exponents: Mapping[str, Value] = {}
        if others:
            names = [name for name in others if name is not None]
            exponents = await self._reader.recent(names, EXPONENT_AGE, deadline)
        encoded: dict[str, bytes | Value] = {}
        for name, value in values.items():
            codec = self._codecs[name]
            other = codec.tag.scale_exponent
            if other is not None:
                encoded[name] = codec.encode_scaled(value, exponents.get(other))
            else:
                encoded[name] = value if codec.is_part else codec.encode(value)
        return encoded

    async def send_pdu(self, function: int, data: bytes, deadline: float, progress: Progress) -> bytes:
        """Sends a PDU of one's own in a turn of its own; what comes back behind its function code.

        Raises:
            PlcmqError: with the true outcome.
        """
        request = modbus.own_pdu(function, data)
        async with self._one_at_a_time:
            self._reader.latest.forget()
            try:
                async with self._channel.turn(Lane.COMMAND, self._device.id, deadline) as turn:
                    return await self._transact(turn, request, progress)
            except (ExceptionReply, LinkError) as cause:
                error = as_error(self._device, cause, is_write=progress.on_wire)
                progress.on_wire = error.outcome is Outcome.UNKNOWN
                raise error from cause
            finally:
                self._reader.latest.forget()

    def _steps(self, values: Mapping[str, bytes | Value]) -> list[_Span | _Part]:
        steps: list[_Span | _Part] = []
        items: list[WriteItem] = []
        for name, value in values.items():
            codec = self._codecs[name]
            tag = codec.tag
            if isinstance(value, bytes) and not codec.keep:
                items.append(WriteItem(name, tag.table, tag.address, value, tag.write_function))
                continue
            steps += self._spans(items)
            items = []
            part, last = self._part(codec, value), steps[-1] if steps else None
            if isinstance(last, _Part) and not (last.rest or part.rest) and last.address == part.address:
                last.names += part.names
                last.or_mask = last.or_mask & part.and_mask | part.or_mask
                last.and_mask &= part.and_mask
            else:
                steps.append(part)
        return steps + self._spans(items)

    def _spans(self, items: list[WriteItem]) -> list[_Span]:
        link = self._device.link
        limits = {"max_registers": link.max_write_registers, "max_coils": link.max_write_coils}
        return [self._span(span) for span in plan_writes(items, **limits)]

    def _span(self, span: WriteSpan) -> _Span:
        path = f"values.{span.names[0]}"
        requests = self._requests(span.table, span.address, span.data, path, span.function)
        ends = [1] * len(span.names)
        if len(requests) > 1:  # one for each coil or register
            ends = list(itertools.accumulate(self._codecs[name].width for name in span.names))
        return _Span(requests, dict(zip(span.names, ends, strict=True)))

    def _part(self, codec: TagCodec, value: bytes | Value) -> _Part:
        tag, has = codec.tag, self._device.link.functions
        if FC22 not in has or isinstance(value, bytes):
            if FC3 not in has:
                raise not_allowed(self._device.name, f"writing {tag.name}", (FC22, FC3), f"values.{tag.name}")
            size = len(value) if isinstance(value, bytes) else 2
            self._requests(tag.table, tag.address, bytes(size), f"values.{tag.name}")
        if isinstance(value, bytes):
            first = int.from_bytes(value[:2]) & ~codec.keep
            return _Part([tag.name], tag.address, codec.keep, first, value[2:])
        return _Part([tag.name], tag.address, *codec.masks(value))

    def _requests(
        self, table: Table, address: int, data: bytes, path: str, function: int | None = None
    ) -> list[Transaction]:
        """The requests in the device's function codes, or in this one; `path` is of the argument."""
        has, (one, many) = self._device.link.functions, _FUNCTIONS[table]
        if function in (one, many):
            has = has - {one, many, FC23} | {function}
        width = len(data) if table.is_bits else len(data) // 2
        if many in has and (width > 1 or one not in has):
            return [(modbus.write_coils if table.is_bits else modbus.write_registers)(address, data)]
        if table is Table.HOLDING and FC23 in has and (width > 1 or one not in has):
            return [modbus.read_write_registers(address, 1, address, data)]  # what it reads is of no use
        if one not in has:
            raise not_allowed(self._device.name, "this write", (one, many), path)
        if table.is_bits:
            return [modbus.write_coil(address + i, on=bool(bit)) for i, bit in enumerate(data)]
        words = [int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)]
        return [modbus.write_register(address + i, word) for i, word in enumerate(words)]

    async def beat(self, values: Mapping[str, Value], deadline: float) -> None:
        """Writes a heartbeat: between the writes of other requests too, in a turn of its own.

        Raises:
            PlcmqError: as `write`.
        """
        await self._carry_out(self._steps(await self._encoded(values, deadline)), deadline, Progress())

    async def _send(self, steps: list[_Span | _Part], deadline: float, progress: Progress) -> None:
        async with self._one_at_a_time:
            await self._carry_out(steps, deadline, progress)

    async def _carry_out(self, steps: list[_Span | _Part], deadline: float, progress: Progress) -> None:
        """Carries out all steps; an error leaves with its outcome and with what had been written."""
        latest = self._reader.latest
        latest.forget()
        try:
            for step in steps:
                await while_busy(partial(self._take_turn, step, deadline, progress), self._clock, deadline)
        except (ExceptionReply, LinkError) as cause:
            error = as_error(self._device, cause, is_write=progress.on_wire)
            progress.on_wire = error.outcome is Outcome.UNKNOWN
            raise _halfway(error, progress) from cause
        finally:
            latest.forget()

    async def _take_turn(self, step: _Span | _Part, deadline: float, progress: Progress) -> None:
        """Does what is left of the step."""
        async with self._channel.turn(Lane.COMMAND, self._device.id, deadline) as turn:
            if isinstance(step, _Part):
                await self._change(turn, step, progress)
                progress.names += step.names
                return
            while step.done < len(step.requests):
                request = step.requests[step.done]
                instead = await self._transact(turn, request, progress)
                step.done += 1
                names = [name for name, end in step.ends.items() if end == step.done]
                progress.names += names
                if instead and request.function in _CONFIRMING:
                    raise self._altered(request, instead, names)

    def _altered(self, request: Transaction, instead: bytes, names: list[str]) -> PlcmqError:
        """The error of a write that the device confirmed with another value."""
        written, found = int.from_bytes(request.pdu[3:5]), int.from_bytes(instead)
        details: dict[str, Any] = {"written": written, "read": found}
        codec = self._codecs[names[0]] if len(names) == 1 else None
        if codec is not None and codec.width == 1 and request.function == FC6:
            details["written"] = {names[0]: codec.decode(request.pdu[3:5], 0)}
            details["read"] = {names[0]: codec.decode(instead, 0)}
        what = ", ".join(names) or f"address {int.from_bytes(request.pdu[1:3])}"
        message = f"{self._device.name}: {what} was written, but the device confirmed another value"
        return failure(Code.VERIFY_FAILED, message, details=details)

    async def _change(self, turn: Turn, part: _Part, progress: Progress) -> None:
        if FC22 in self._device.link.functions and not part.rest:
            await self._transact(turn, modbus.mask_write(part.address, part.and_mask, part.or_mask), progress)
            return
        data = await self._transact(turn, modbus.read(Table.HOLDING, part.address, 1), progress)
        word = int.from_bytes(data) & part.and_mask | part.or_mask & ~part.and_mask & 0xFFFF
        for request in self._requests(Table.HOLDING, part.address, word.to_bytes(2) + part.rest, "values"):
            await self._transact(turn, request, progress)

    async def _transact(self, turn: Turn, request: Transaction, progress: Progress) -> bytes:
        progress.on_wire = request.is_write
        payload = await turn.transact(self._device.unit, request, self._device.link.timeout)
        progress.confirmed += request.is_write
        progress.on_wire = False
        return payload

    async def _verify(self, values: Mapping[str, Value], deadline: float, *, everything: bool) -> None:
        how = {name: self._codecs[name].tag.verify or (_AT_ONCE if everything else None) for name in values}
        shown = {name: verify.tag or name for name, verify in how.items() if verify is not None}  # and where
        if not shown:
            return
        after = max(verify.after for verify in how.values() if verify is not None)
        found = await self._read_back(set(shown.values()), after, values, deadline)
        differing = {
            name: found[tag]
            for name, tag in shown.items()
            if not _same(self._codecs[name], values[name], found[tag])
        }
        if differing:
            names = ", ".join(differing)
            raise failure(
                Code.VERIFY_FAILED,
                f"{self._device.name}: {names} read back differently from what was written",
                details={"written": {name: values[name] for name in differing}, "read": differing},
            )

    async def _read_back(
        self, tags: set[str], after: float, values: Mapping[str, Value], deadline: float
    ) -> Mapping[str, Value]:
        try:
            if self._clock() + after >= deadline:
                raise failure(Code.EXPIRED, "no time is left for it")
            await asyncio.sleep(after)
            return await self._reader.read_now(tags, deadline)
        except PlcmqError as error:
            raise failure(
                Code.VERIFY_FAILED,
                f"{self._device.name}: written, but it could not be read back ({error.message})",
                details={"written": dict(values), "read": None, "cause": error.to_map()},
            ) from error


def _same(codec: TagCodec, written: Value, found: Value) -> bool:
    """Whether two values are the same to the device, such as an enum's name and its number."""
    if matches(found, written, codec.tag):
        return True
    try:
        return not codec.is_part and codec.encode(written) == codec.encode(found)
    except PlcmqError:
        return False


def _halfway(error: PlcmqError, progress: Progress) -> PlcmqError:
    """The error of the whole request: what had been written before makes it `executed` at least."""
    if not progress.confirmed:
        return error
    details = {**error.details, "written": list(progress.names)}
    if error.outcome is Outcome.UNKNOWN:
        return failure(error.code, error.message, outcome=error.outcome, retryable=False, details=details)
    names = ", ".join(progress.names) or "only a part"
    message = f"{error.message}; before that it had taken {names}"
    return failure(Code.ACTION_FAILED, message, details={**details, "cause": error.to_map()})
