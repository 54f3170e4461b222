"""Requests and replies, with pymodbus's PDU classes as the oracle and the specification's own examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.modbus.errors import BadReply, ExceptionReply
from plcmq.devices.modbus.identification import identify
from plcmq.devices.modbus.pdu import (
    Transaction,
    mask_write,
    read,
    read_write_registers,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from plcmq.devices.model.tags import Table
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu import bit_message as bits
from pymodbus.pdu import register_message as registers

ADDRESS = st.integers(0, 0xFFFF)
WORD = st.integers(0, 0xFFFF)
ORACLE = {
    Table.COIL: (bits.ReadCoilsRequest, bits.ReadCoilsResponse),
    Table.DISCRETE: (bits.ReadDiscreteInputsRequest, bits.ReadDiscreteInputsResponse),
    Table.HOLDING: (registers.ReadHoldingRegistersRequest, registers.ReadHoldingRegistersResponse),
    Table.INPUT: (registers.ReadInputRegistersRequest, registers.ReadInputRegistersResponse),
}


def pdu_of(message: ModbusPDU) -> bytes:
    return bytes((message.function_code,)) + message.encode()


def as_registers(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(2) for word in words)


@st.composite
def some_transaction(draw: st.DrawFn) -> Transaction:
    address = draw(st.integers(0, 60000))
    return draw(
        st.sampled_from(
            [
                read(Table.COIL, address, 9),
                read(Table.DISCRETE, address, 16),
                read(Table.HOLDING, address, 3),
                read(Table.INPUT, address, 125),
                write_coil(address, on=True),
                write_register(address, 7),
                write_coils(address, b"\1\0\1"),
                write_registers(address, b"\1\2\3\4"),
                mask_write(address, 1, 2),
                read_write_registers(address, 2, address, b"\1\2"),
                identify(),
            ]
        )
    )


@given(st.sampled_from([Table.HOLDING, Table.INPUT]), ADDRESS, st.lists(WORD, min_size=1, max_size=125))
def test_reading_registers_agrees_with_pymodbus(table: Table, address: int, words: list[int]) -> None:
    address = min(address, 0x10000 - len(words))
    request, response = ORACLE[table]
    transaction = read(table, address, len(words))
    assert transaction.pdu == pdu_of(request(address=address, count=len(words)))
    assert transaction.check(pdu_of(response(registers=words))) == as_registers(words)


@given(
    st.sampled_from([Table.COIL, Table.DISCRETE]), ADDRESS, st.lists(st.booleans(), min_size=1, max_size=2000)
)
def test_reading_bits_agrees_with_pymodbus(table: Table, address: int, values: list[bool]) -> None:
    address = min(address, 0x10000 - len(values))
    request, response = ORACLE[table]
    transaction = read(table, address, len(values))
    assert transaction.pdu == pdu_of(request(address=address, count=len(values)))
    data = transaction.check(pdu_of(response(bits=values)))
    assert [bool(data[i // 8] >> i % 8 & 1) for i in range(len(values))] == values


@given(ADDRESS, st.booleans())
def test_writing_a_coil_agrees_with_pymodbus(address: int, on: bool) -> None:
    transaction = write_coil(address, on=on)
    assert transaction.pdu == pdu_of(bits.WriteSingleCoilRequest(address=address, bits=[on]))
    assert transaction.check(pdu_of(bits.WriteSingleCoilResponse(address=address, bits=[on]))) == b""


@given(ADDRESS, WORD)
def test_writing_a_register_agrees_with_pymodbus(address: int, value: int) -> None:
    transaction = write_register(address, value)
    assert transaction.pdu == pdu_of(registers.WriteSingleRegisterRequest(address=address, registers=[value]))
    response = registers.WriteSingleRegisterResponse(address=address, registers=[value])
    assert transaction.check(pdu_of(response)) == b""


@given(ADDRESS, st.lists(st.booleans(), min_size=1, max_size=1968))
def test_writing_coils_agrees_with_pymodbus(address: int, values: list[bool]) -> None:
    address = min(address, 0x10000 - len(values))
    transaction = write_coils(address, bytes(values))
    assert transaction.pdu == pdu_of(bits.WriteMultipleCoilsRequest(address=address, bits=values))
    response = bits.WriteMultipleCoilsResponse(address=address, count=len(values))
    assert transaction.check(pdu_of(response)) == b""


@given(ADDRESS, st.lists(WORD, min_size=1, max_size=123))
def test_writing_registers_agrees_with_pymodbus(address: int, words: list[int]) -> None:
    address = min(address, 0x10000 - len(words))
    transaction = write_registers(address, as_registers(words))
    assert transaction.pdu == pdu_of(
        registers.WriteMultipleRegistersRequest(address=address, registers=words)
    )
    response = registers.WriteMultipleRegistersResponse(address=address, count=len(words))
    assert transaction.check(pdu_of(response)) == b""


@given(ADDRESS, WORD, WORD)
def test_masked_writing_agrees_with_pymodbus(address: int, and_mask: int, or_mask: int) -> None:
    transaction = mask_write(address, and_mask, or_mask)
    pair = (registers.MaskWriteRegisterRequest, registers.MaskWriteRegisterResponse)
    request, response = (pdu_of(one(address=address, and_mask=and_mask, or_mask=or_mask)) for one in pair)
    assert transaction.pdu == request
    assert transaction.check(response) == b""


@given(ADDRESS, st.lists(WORD, min_size=1, max_size=125), ADDRESS, st.lists(WORD, min_size=1, max_size=121))
def test_exchange_agrees_with_pymodbus(address: int, found: list[int], where: int, words: list[int]) -> None:
    address, where = min(address, 0x10000 - len(found)), min(where, 0x10000 - len(words))
    transaction = read_write_registers(address, len(found), where, as_registers(words))
    request = registers.ReadWriteMultipleRegistersRequest(
        read_address=address, read_count=len(found), write_address=where, write_registers=words
    )
    assert transaction.pdu == pdu_of(request)
    response = registers.ReadWriteMultipleRegistersResponse(registers=found)
    assert transaction.check(pdu_of(response)) == as_registers(found)


@pytest.mark.parametrize(
    ("transaction", "request_pdu", "reply", "payload"),
    [
        (read(Table.COIL, 19, 19), "01 0013 0013", "01 03 CD6B05", "CD6B05"),
        (read(Table.DISCRETE, 196, 22), "02 00C4 0016", "02 03 ACDB35", "ACDB35"),
        (read(Table.HOLDING, 107, 3), "03 006B 0003", "03 06 022B 0000 0064", "022B 0000 0064"),
        (read(Table.INPUT, 8, 1), "04 0008 0001", "04 02 000A", "000A"),
        (write_coil(172, on=True), "05 00AC FF00", "05 00AC FF00", ""),
        (write_register(1, 3), "06 0001 0003", "06 0001 0003", ""),
        (write_coils(19, bytes([1, 0, 1, 1, 0, 0, 1, 1, 1, 0])), "0F 0013 000A 02 CD01", "0F 0013 000A", ""),
        (write_registers(1, b"\0\x0a\1\2"), "10 0001 0002 04 000A 0102", "10 0001 0002", ""),
        (mask_write(4, 0xF2, 0x25), "16 0004 00F2 0025", "16 0004 00F2 0025", ""),
        (
            read_write_registers(3, 6, 14, b"\0\xff\0\xff\0\xff"),
            "17 0003 0006 000E 0003 06 00FF 00FF 00FF",
            "17 0C 00FE 0ACD 0001 0003 000D 00FF",
            "00FE 0ACD 0001 0003 000D 00FF",
        ),
    ],
    ids=lambda value: f"FC{value.function}" if isinstance(value, Transaction) else "",
)
def test_the_examples_of_the_specification(
    transaction: Transaction, request_pdu: str, reply: str, payload: str
) -> None:
    assert transaction.pdu == bytes.fromhex(request_pdu)
    assert transaction.check(bytes.fromhex(reply)) == bytes.fromhex(payload)


@pytest.mark.parametrize(
    "build",
    [
        lambda: read(Table.COIL, 0, 2001),
        lambda: read(Table.DISCRETE, 0, 0),
        lambda: read(Table.HOLDING, 0, 126),
        lambda: read(Table.INPUT, 65535, 2),
        lambda: read(Table.HOLDING, -1, 1),
        lambda: write_coil(65536, on=True),
        lambda: write_register(0, 65536),
        lambda: write_register(0, -1),
        lambda: write_coils(0, bytes(1969)),
        lambda: write_coils(0, b""),
        lambda: write_registers(0, bytes(2 * 124)),
        lambda: write_registers(0, b"\0\0\0"),
        lambda: write_registers(65535, bytes(4)),
        lambda: mask_write(0, 65536, 0),
        lambda: read_write_registers(0, 126, 0, bytes(2)),
        lambda: read_write_registers(0, 1, 0, bytes(2 * 122)),
        lambda: identify(5),
        lambda: identify(1, 256),
    ],
)
def test_what_the_specification_forbids_is_not_built(build: object) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=r"not|has|holds|bits|two bytes"):
        build()


def test_the_largest_requests_are_built() -> None:
    assert len(write_coils(0, bytes(1968)).pdu) == 252
    assert len(write_registers(65536 - 123, bytes(246)).pdu) == 252
    assert len(read_write_registers(0, 125, 0, bytes(242)).pdu) == 252
    assert read(Table.COIL, 65536 - 2000, 2000).length == 252


@given(some_transaction(), st.integers(0, 255))
def test_an_exception_carries_its_code_and_function(transaction: Transaction, code: int) -> None:
    with pytest.raises(ExceptionReply) as caught:
        transaction.check(bytes((transaction.function | 0x80, code)))
    assert (caught.value.function, caught.value.code) == (transaction.function, code)


def test_an_exception_with_a_byte_too_many_is_understood() -> None:
    with pytest.raises(ExceptionReply) as caught:
        read(Table.HOLDING, 0, 1).check(b"\x83\x02\x00")
    assert caught.value.code == 2


@given(some_transaction(), st.binary(min_size=1, max_size=253))
def test_any_bytes_are_a_payload_of_the_right_length_or_an_error(
    transaction: Transaction, reply: bytes
) -> None:
    try:
        payload = transaction.check(reply)
    except (BadReply, ExceptionReply):
        return
    if transaction.is_write and transaction.skip == transaction.length:
        assert reply[:3] == transaction.pdu[:3], "function and address prove it"
        return
    assert reply.startswith(transaction.head)
    assert not transaction.length or len(payload) == transaction.length - transaction.skip


@pytest.mark.parametrize(
    ("transaction", "reply", "instead"),
    [
        (write_register(1, 3), "06 0001 0004", "0004"),  # a device that writes the nearest value
        (write_register(1, 3), "06 0001 0003 00", ""),  # a byte too many
        (write_coil(1, on=True), "05 0001 0001", ""),  # 1 for on
        (write_coil(1, on=True), "05 0001 0000", "0000"),
        (write_registers(1, bytes(4)), "10 0001 0002 04 00000000", ""),  # the whole request
        (write_registers(1, bytes(4)), "10 0001 0001", "0001"),
        (write_coils(1, bytes(4)), "0F 0001 0004", ""),
        (mask_write(1, 2, 3), "16 0001 0002 0004", "00020004"),
    ],
)
def test_function_and_address_prove_that_a_write_was_executed(
    transaction: Transaction, reply: str, instead: str
) -> None:
    """What is returned is what the device says it has written, where that is something else."""
    assert transaction.check(bytes.fromhex(reply)) == bytes.fromhex(instead)


@pytest.mark.parametrize(
    ("transaction", "reply"),
    [
        (read(Table.HOLDING, 0, 2), "04 04 0001 0002"),  # another function
        (read(Table.HOLDING, 0, 2), "03 02 0001"),  # fewer registers
        (read(Table.HOLDING, 0, 2), "03 04 0001 0002 00"),  # trailing byte
        (read(Table.HOLDING, 0, 2), "03 02 0001 0002"),  # wrong byte count
        (read(Table.HOLDING, 0, 2), "84 02"),  # exception to another function
        (read(Table.HOLDING, 0, 2), "83"),  # exception without a code
        (write_register(1, 3), "06 0002 0003"),  # another address
        (write_register(1, 3), "06 0001"),  # no value
        (write_coils(1, bytes(4)), "0F 0000 0004"),
        (identify(), "2B 0D 01"),
    ],
)
def test_a_reply_that_does_not_fit_is_never_taken(transaction: Transaction, reply: str) -> None:
    with pytest.raises(BadReply):
        transaction.check(bytes.fromhex(reply))
