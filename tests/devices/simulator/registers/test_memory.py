"""The four tables of a simulated unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.registers.memory import Bits, Registers, Unit, pack, unpack


@given(st.lists(st.booleans(), max_size=70))
def test_unpacking_reverses_packing(bits):
    flat = bytes(bits)
    assert unpack(pack(flat), len(flat)) == flat


def test_the_first_bit_is_the_lowest_of_the_first_byte():
    assert pack(b"\1\0\1\1\0\0\1\1\1\1\0") == bytes.fromhex("cd03")


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20))
def test_registers_are_a_list_of_numbers_in_wire_order(numbers):
    registers = Registers(32)
    registers[3 : 3 + len(numbers)] = numbers
    assert registers[3 : 3 + len(numbers)] == numbers
    assert registers[3] == numbers[0]
    assert bytes(registers.data[6:8]) == numbers[0].to_bytes(2)


def test_a_negative_number_is_stored_as_its_complement():
    registers = Registers(4)
    registers[-1] = -2
    assert registers[3] == 0xFFFE


def test_an_index_outside_is_an_error():
    with pytest.raises(IndexError):
        Registers(4)[4] = 1
    with pytest.raises(ValueError, match="as many"):
        Bits(4)[0:2] = [1, 1, 1]


def test_a_bit_is_anything_true():
    bits = Bits(4)
    bits[1] = True
    bits[2:4] = [5, 0]
    assert bits[0:4] == [0, 1, 1, 0]


def test_an_area_that_touches_a_hole_does_not_exist():
    unit = Unit(holes={Table.HOLDING: [range(10, 12)]})
    assert unit.has(Table.HOLDING, 8, 2)
    assert unit.has(Table.HOLDING, 12, 2)
    assert not unit.has(Table.HOLDING, 9, 2)
    assert not unit.has(Table.HOLDING, 5, 20)
    assert unit.has(Table.INPUT, 10, 2)


def test_an_area_beyond_the_end_does_not_exist():
    assert not Unit(size=100).has(Table.COIL, 99, 2)
    with pytest.raises(IndexError):
        Unit(size=100).store(Table.COIL, 99, b"\1\1")


def test_storing_tells_what_was_there_before():
    unit = Unit()
    unit.inputs[5] = 7
    change = unit.store(Table.INPUT, 5, b"\0\x09")
    assert (change.count, change.before, change.after) == (1, b"\0\x07", b"\0\x09")
    assert unit.load(Table.INPUT, 5, 1) == b"\0\x09"
