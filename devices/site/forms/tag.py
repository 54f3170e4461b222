"""The form of a tag: which options there are, of which type, and what they mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from ...modbus.limits import MAX_READ_BITS
from ...model.tags import Access, Order, Type
from .base import StrictForm
from .values import (
    Address,
    BitRange,
    ByteOrder,
    EncodingName,
    Loose,
    Name,
    Number,
    RawNumbers,
    Seconds,
    as_verify,
)


class VerifyForm(StrictForm):
    """How a written value is read back. `verify: true` reads the written tag at once."""

    tag: Name | None = Field(default=None, description="Another tag to read instead of the written one.")
    after: Seconds = Field(default=0.0, description="Seconds between the write and the read.")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any] | Literal[True]:
        return handler(self) or True


class TagForm(StrictForm):
    """A named value in the device's memory."""

    address: Address = Field(
        description="Where it is: `table:number` with a 0-based number, decimal or hexadecimal (tables "
        "`holding`, `input`, `coil`, `discrete`), or Modicon notation in quotes (`'40001'` and `'400001'` "
        "are holding 0).",
        examples=["holding:0", "coil:0", "40001"],
    )
    type: Annotated[Type, Loose] = Field(description="The type of its value.")
    access: Annotated[Access, Loose] = Field(
        default=Access.RO, description="`ro`: read only; `rw`: may be written; `wo`: only written."
    )
    count: int | None = Field(
        default=None, ge=1, le=MAX_READ_BITS, description="Number of elements; makes the tag an array."
    )
    length: int | None = Field(
        default=None, ge=1, le=250, description="Length of a string in bytes, two to a register."
    )
    bit: int | None = Field(
        default=None,
        ge=0,
        le=15,
        description="The bit of the register that a bool is; 0 is the least significant.",
    )
    scale: float = Field(default=1.0, description="value = raw * scale + offset")
    offset: float = Field(default=0.0, description="value = raw * scale + offset")
    word_order: Annotated[Order, Loose] | None = Field(
        default=None, description="Order of the 16-bit words in a longer value; as the profile unless given."
    )
    byte_order: Annotated[Order, Loose] | None = Field(
        default=None, description="Order of the bytes in each word; as the profile unless given."
    )
    unit: str = Field(default="", description="Unit of the value, for people.", examples=["degC", "pcs"])
    min: Number | None = Field(default=None, description="The smallest value that may be written.")
    max: Number | None = Field(default=None, description="The largest value that may be written.")
    enum: RawNumbers | None = Field(
        default=None, description="Names of raw numbers: `{0: idle, 1: running}`."
    )
    verify: Annotated[
        VerifyForm | None, BeforeValidator(as_verify, json_schema_input_type=bool | VerifyForm | None)
    ] = Field(
        default=None, description="Read a written value back and compare: `true`, or where and when to read."
    )
    order: ByteOrder | None = Field(
        default=None,
        description="Bytes as they come on the wire, A the highest, such as `CDAB`; 2, 4, 6 or 8 letters; "
        "replaces `word_order` and `byte_order`.",
    )
    byte: Literal["high", "low"] | None = Field(
        default=None, description="Where in its register an int8 or uint8 is; `low` unless given."
    )
    bits: BitRange | None = Field(
        default=None, description="An unsigned number in these bits, from and to; 0 is the lowest."
    )
    flags: RawNumbers | None = Field(
        default=None,
        description="Names of single bits: `{0: hot, 3: door_open}`; the value is a list.",
    )
    no_value: Literal["sunspec"] | list[int] | None = Field(
        default=None,
        description="Raw numbers that mean that there is no value; `sunspec`: those of SunSpec for the type.",
    )
    scale_exponent: Name | None = Field(
        default=None, description="Another tag that holds the power of ten: value = raw * 10 ** other."
    )
    precision: int | None = Field(
        default=None, ge=0, le=15, description="Decimals that what is read is rounded to."
    )
    strict: bool = Field(default=False, description="Only what the enum names is a value.")
    pad: str | None = Field(
        default=None, min_length=1, max_length=1, description="What fills a string up; NUL unless given."
    )
    encoding: EncodingName | None = Field(
        default=None, description="Of a string: `utf-8` unless given, `utf-16-be`, or any single-byte codec."
    )
    chars: Literal["high", "low"] | None = Field(
        default=None, description="One character a register, in its high or low byte."
    )
    header: Literal["s7"] | None = Field(
        default=None, description="`s7`: maximal and current length in the first two bytes."
    )
    write_function: Literal[5, 6, 15, 16, 22] | None = Field(
        default=None, description="The function code that writes it."
    )
    alone: bool = Field(
        default=False, description="It is read by a request of its own, and no other reads over it."
    )
    urgent: bool = Field(
        default=False,
        description="Writes of it go in between the polls and pauses of a running action, ahead of all "
        "waiting commands.",
    )
    description: str = Field(default="", description="What it is, for people.")
