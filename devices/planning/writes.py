"""Which Modbus requests write the given values: in order, joined only where one begins as another ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...client.protocol.errors import Code, failure
from ..modbus.limits import MAX_WRITE_BITS, MAX_WRITE_REGISTERS
from ..model.tags import Table


@dataclass(frozen=True, slots=True)
class WriteItem:
    """A value to write: register bytes as on the wire, or one byte, 0 or 1, for each coil."""

    name: str
    table: Table
    address: int
    data: bytes
    function: int | None = None  # the function code that must write it


@dataclass(frozen=True, slots=True)
class WriteSpan:
    """One write request, and the names of what it writes, in order."""

    table: Table
    address: int
    data: bytes
    names: tuple[str, ...]
    function: int | None = None


def plan_writes(
    items: Iterable[WriteItem], *, max_registers: int = MAX_WRITE_REGISTERS, max_coils: int = MAX_WRITE_BITS
) -> list[WriteSpan]:
    """The requests that write the items in the order given.

    An item joins the one before it where it begins exactly where that ends, in the same table, and the two
    fit into one request. Nothing else is merged: two writes to one address are two writes.

    Args:
        items: the values, in the order to write them.
        max_registers: longest write of registers.
        max_coils: longest write of coils.

    Raises:
        Rejected: `bad_args`: one value alone is longer than a request may be. It is never split.
    """
    spans: list[WriteSpan] = []
    for item in items:
        limit, size = (max_coils, 1) if item.table.is_bits else (max_registers, 2)
        width = len(item.data) // size
        if width > limit:
            message = f"{item.name}: has {width} registers or coils; the device takes {limit} in one write"
            raise failure(Code.BAD_ARGS, message, details={"path": f"rqargs.values.{item.name}"})
        last = spans[-1] if spans else None
        if last is not None and last.table is item.table and last.function == item.function:
            count = len(last.data) // size
            if last.address + count == item.address and count + width <= limit:
                names = (*last.names, item.name)
                spans[-1] = WriteSpan(last.table, last.address, last.data + item.data, names, last.function)
                continue
        spans.append(WriteSpan(item.table, item.address, item.data, (item.name,), item.function))
    return spans
