"""What a simulated PLC answers: pymodbus is the oracle, the specification's examples and limits the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.registers.functions import FUNCTIONS, execute, spans
from plcmq.devices.simulator.registers.memory import Unit
from pymodbus.pdu import DecodePDU
from pymodbus.pdu import bit_message as bits
from pymodbus.pdu import register_message as registers
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest

DECODE = DecodePDU(False)


@pytest.fixture
def unit():
    unit = Unit(size=3000)
    unit.holding[0:200] = [(7 * i + 300) & 0xFFFF for i in range(200)]
    unit.inputs[0:200] = [(11 * i) & 0xFFFF for i in range(200)]
    unit.coils[0:64] = [i % 3 == 0 for i in range(64)]
    unit.discretes[0:64] = [i % 5 == 0 for i in range(64)]
    return unit


def ask(unit, request):
    """Executes a request of pymodbus and decodes the reply with pymodbus."""
    reply, _ = execute(unit, bytes((request.function_code,)) + request.encode())
    return DECODE.decode(reply)


def answer(unit, pdu):
    return execute(unit, bytes.fromhex(pdu))[0].hex()


@pytest.mark.parametrize("count", [1, 10, 125])
def test_registers_read_as_pymodbus_understands_them(unit, count):
    reply = ask(unit, registers.ReadHoldingRegistersRequest(address=3, count=count))
    assert reply.registers == unit.holding[3 : 3 + count]
    reply = ask(unit, registers.ReadInputRegistersRequest(address=3, count=count))
    assert reply.registers == unit.inputs[3 : 3 + count]


@pytest.mark.parametrize("count", [1, 8, 19, 2000])
def test_bits_read_as_pymodbus_understands_them(unit, count):
    reply = ask(unit, bits.ReadCoilsRequest(address=2, count=count))
    assert [int(bit) for bit in reply.bits[:count]] == unit.coils[2 : 2 + count]
    reply = ask(unit, bits.ReadDiscreteInputsRequest(address=2, count=count))
    assert [int(bit) for bit in reply.bits[:count]] == unit.discretes[2 : 2 + count]


def test_single_writes_echo_their_request(unit):
    assert answer(unit, "05 0007 ff00") == "050007ff00"
    assert answer(unit, "06 0007 beef") == "060007beef"
    assert (unit.coils[7], unit.holding[7]) == (1, 0xBEEF)
    assert answer(unit, "05 0007 0000") == "0500070000"
    assert unit.coils[7] == 0


def test_several_coils_are_written(unit):
    reply = ask(unit, bits.WriteMultipleCoilsRequest(address=10, bits=[True, False, True] * 5))
    assert (reply.function_code, reply.address, reply.count) == (15, 10, 15)
    assert unit.coils[10:25] == [1, 0, 1] * 5


def test_several_registers_are_written(unit):
    reply = ask(unit, registers.WriteMultipleRegistersRequest(address=10, registers=[1, 2, 3]))
    assert (reply.function_code, reply.address, reply.count) == (16, 10, 3)
    assert unit.holding[10:13] == [1, 2, 3]


def test_the_mask_write_example_of_the_specification(unit):
    unit.holding[4] = 0x12
    assert answer(unit, "16 0004 00f2 0025") == "16000400f20025"
    assert unit.holding[4] == 0x17


def test_a_read_write_writes_first(unit):
    request = registers.ReadWriteMultipleRegistersRequest(
        read_address=20, read_count=2, write_address=21, write_registers=[77]
    )
    first = unit.holding[20]
    assert ask(unit, request).registers == [first, 77]


def test_identification_is_read_as_pymodbus_understands_it(unit):
    assert ask(unit, ReadDeviceInformationRequest(1)).information == {0: b"plcmq", 1: b"SIM", 2: b"1.0"}
    assert ask(unit, ReadDeviceInformationRequest(2)).information[4] == b"Simulated PLC"
    assert ask(unit, ReadDeviceInformationRequest(4, 1)).information == {1: b"SIM"}
    assert ask(unit, ReadDeviceInformationRequest(1, 0x55)).information[0] == b"plcmq", (
        "starts from the first"
    )


def test_a_long_identification_continues(unit):
    unit.identity = {i: bytes([i]) * 100 for i in range(5)}
    first = ask(unit, ReadDeviceInformationRequest(2))
    assert (first.more_follows, first.next_object_id, list(first.information)) == (0xFF, 2, [0, 1])
    assert list(ask(unit, ReadDeviceInformationRequest(2, 2)).information) == [2, 3]


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        ("07", "8701"),
        ("2b 0d 0100", "ab01"),
        ("03 0000 0000", "8303"),
        ("03 0000 007e", "8303"),
        ("03 0000", "8303"),
        ("03 0bb7 0002", "8302"),
        ("04 ffff 0002", "8402"),
        ("01 0000 07d1", "8103"),
        ("01 0bb7 0002", "8102"),
        ("05 0000 1234", "8503"),
        ("05 0bb8 ff00", "8502"),
        ("06 0bb8 0001", "8602"),
        ("06 0000 00", "8603"),
        ("0f 0000 0009 01 ff", "8f03"),
        ("0f 0000 0000 00", "8f03"),
        ("0f 0bb8 0001 01 01", "8f02"),
        ("10 0000 0001 02 00", "9003"),
        ("10 0000 0002 02 0000", "9003"),
        ("10 0bb7 0002 04 00000000", "9002"),
        ("16 0bb8 0000 0000", "9602"),
        ("17 0000 0001 0bb8 0001 02 0001", "9702"),
        ("17 0000 007e 0000 0001 02 0001", "9703"),
        ("2b 0e 05 00", "ab03"),
        ("2b 0e 04 55", "ab02"),
    ],
)
def test_exceptions_are_those_of_the_specification(unit, pdu, reply):
    assert answer(unit, pdu) == reply


def test_a_refused_write_changes_nothing(unit):
    before = bytes(unit.holding.data)
    execute(unit, bytes.fromhex("10 0bb7 0002 04 00010002"))
    execute(unit, bytes.fromhex("17 0bb8 0001 0000 0001 02 ffff"))
    assert bytes(unit.holding.data) == before


@given(st.binary(min_size=1, max_size=253))
def test_anything_gets_an_answer_of_legal_size(pdu):
    reply, _ = execute(Unit(size=100), pdu)
    assert 2 <= len(reply) <= 253
    assert reply[0] & 0x7F == pdu[0] & 0x7F


@given(st.sampled_from(sorted(FUNCTIONS)), st.binary(max_size=20))
def test_no_request_is_too_short_for_its_spans(function, rest):
    assert len(spans(bytes((function,)) + rest)) <= 2


def test_spans_tell_what_a_request_touches():
    assert spans(bytes.fromhex("0400050002")) == [(Table.INPUT, 5, 2)]
    assert spans(bytes.fromhex("050005ff00")) == [(Table.COIL, 5, 1)]
    both = spans(bytes.fromhex("170001000200030001020000"))
    assert both == [(Table.HOLDING, 1, 2), (Table.HOLDING, 3, 1)]
