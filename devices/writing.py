"""Writing tags: values in the order given, in the function codes that the device has, read back on request.

Strategy: every transaction takes a turn of its own in the command lane, except for a bit in a register,
whose read and write share one turn. Nothing is ever sent twice. An error tells what had been written before
it: `details.written`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ..client.errors import Code, Outcome, PlcmqError, failure
from . import modbus
from .channel import Channel, Turn
from .codec import TagCodec
from .link import LinkError
from .modbus import ExceptionReply, Transaction
from .model import Device, Table, Value, Verify
from .outcomes import as_error
from .planner import WriteItem, WriteSpan, plan_writes
from .reader import Reader
from .requests import CompiledProfile
from .turns import Lane

FC5, FC6, FC15, FC16, FC22 = 5, 6, 15, 16, 22
_AT_ONCE: Final = Verify()


class Writer:
    """Writes tags and raw registers of one device."""

    def __init__(self, device: Device, kind: CompiledProfile, channel: Channel, reader: Reader) -> None:
        self._device = device
        self._codecs = kind.codecs
        self._channel = channel
        self._reader = reader
        self._functions = device.link.functions

    async def write(self, values: Mapping[str, Value], *, verify: bool = False) -> None:
        """Writes the tags in the order given, then reads back those that ask for it.

        Raises:
            PlcmqError: with the true outcome; `verify_failed` if a value read back differs.
        """
        written: list[str] = []
        for step in self._steps(values):
            await self._guarded(step, written)
        await self._verify(values, everything=verify)

    async def write_raw(self, table: Table, address: int, values: list[Any]) -> None:
        """Writes registers (0 to 65535) or bits from an address on.

        Raises:
            PlcmqError: with the true outcome.
        """
        data = bytes(values) if table.is_bits else b"".join(int(v).to_bytes(2) for v in values)
        await self._guarded(WriteSpan(table, address, data, ()), [])

    # --- sending -----------------------------------------------------------------------------------

    def _steps(self, values: Mapping[str, Value]) -> list[WriteSpan | tuple[TagCodec, Value]]:
        """The writes in order: adjacent values as one span, a bit of a register by itself."""
        steps: list[WriteSpan | tuple[TagCodec, Value]] = []
        items: list[WriteItem] = []
        for name, value in values.items():
            codec = self._codecs[name]
            if codec.tag.bit is None:
                items.append(WriteItem(name, codec.tag.table, codec.tag.address, codec.encode(value)))
            else:
                steps += self._spans(items)
                items = []
                steps.append((codec, value))
        return steps + self._spans(items)

    def _spans(self, items: list[WriteItem]) -> list[WriteSpan]:
        link = self._device.link
        limits = {"max_registers": link.max_write_registers, "max_coils": link.max_write_coils}
        return plan_writes(items, **limits)

    async def _guarded(self, step: WriteSpan | tuple[TagCodec, Value], written: list[str]) -> None:
        """Carries out one step; an error leaves with its outcome and with what had been written."""
        self._reader.latest.forget()
        try:
            async with self._channel.turn(Lane.COMMAND, self._device.id) as turn:
                if isinstance(step, WriteSpan):
                    for transaction in self._transactions(step):
                        await self._transact(turn, transaction)
                    written += step.names
                else:
                    codec, value = step
                    await self._write_bit(turn, codec, value)
                    written.append(codec.tag.name)
        except (ExceptionReply, LinkError) as error:
            raise _after(as_error(self._device, error, is_write=True), written) from error
        finally:
            self._reader.latest.forget()

    def _transactions(self, span: WriteSpan) -> list[Transaction]:
        data, address, has = span.data, span.address, self._functions
        if span.table.is_bits:
            if FC15 in has and (len(data) > 1 or FC5 not in has):
                return [modbus.write_coils(address, data)]
            return [modbus.write_coil(address + i, on=bool(bit)) for i, bit in enumerate(data)]
        if FC16 in has and (len(data) > 2 or FC6 not in has):
            return [modbus.write_registers(address, data)]
        words = range(0, len(data), 2)
        return [modbus.write_register(address + i // 2, int.from_bytes(data[i : i + 2])) for i in words]

    async def _write_bit(self, turn: Turn, codec: TagCodec, value: Value) -> None:
        tag = codec.tag
        and_mask, or_mask = codec.masks(value)
        if FC22 in self._functions:
            await self._transact(turn, modbus.mask_write(tag.address, and_mask, or_mask))
            return
        before = int.from_bytes(await self._transact(turn, modbus.read(tag.table, tag.address, 1)))
        after = before & and_mask | or_mask & ~and_mask & 0xFFFF
        for transaction in self._transactions(WriteSpan(tag.table, tag.address, after.to_bytes(2), ())):
            await self._transact(turn, transaction)

    async def _transact(self, turn: Turn, transaction: Transaction) -> bytes:
        return await turn.transact(self._device.unit, transaction, self._device.link.timeout)

    # --- reading back ------------------------------------------------------------------------------

    async def _verify(self, values: Mapping[str, Value], *, everything: bool) -> None:
        how = {name: self._codecs[name].tag.verify or (_AT_ONCE if everything else None) for name in values}
        wanted = {name: verify for name, verify in how.items() if verify is not None}
        if not wanted:
            return
        await asyncio.sleep(max(verify.after for verify in wanted.values()))
        found = await self._read_back({verify.tag or name for name, verify in wanted.items()}, values)
        differing = {
            name: found[verify.tag or name]
            for name, verify in wanted.items()
            if not _same(self._codecs[name], values[name], found[verify.tag or name])
        }
        if differing:
            names = ", ".join(differing)
            raise failure(
                Code.VERIFY_FAILED,
                f"{self._device.name}: {names} read back differently from what was written",
                details={"written": {name: values[name] for name in differing}, "read": differing},
            )

    async def _read_back(self, tags: set[str], values: Mapping[str, Value]) -> dict[str, Value]:
        try:
            return await self._reader.read_now(tags)
        except PlcmqError as error:
            raise failure(
                Code.VERIFY_FAILED,
                f"{self._device.name}: written, but it could not be read back ({error.message})",
                details={"written": dict(values), "read": None, "cause": error.to_map()},
            ) from error


def _same(codec: TagCodec, written: Value, found: Value) -> bool:
    """Whether two values are the same to the device, such as an enum's name and its number."""
    try:
        if codec.tag.bit is not None:
            return codec.masks(written) == codec.masks(found)
        return codec.encode(written) == codec.encode(found)
    except PlcmqError:
        return False


def _after(error: PlcmqError, written: list[str]) -> PlcmqError:
    """The error of a later step: what had been written before makes the outcome `executed` at least."""
    if not written:
        return error
    outcome = Outcome.UNKNOWN if error.outcome is Outcome.UNKNOWN else Outcome.EXECUTED
    details = {**error.details, "written": list(written)}
    return failure(error.code, error.message, outcome=outcome, retryable=False, details=details)
