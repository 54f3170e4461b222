"""Exception codes by the names of the specification."""

from __future__ import annotations

import pytest
from plcmq.devices.modbus.errors import exception_name
from pymodbus.constants import ExcCodes


@pytest.mark.parametrize("code", range(256))
def test_every_code_has_a_name(code):
    assert exception_name(code).isidentifier()


@pytest.mark.parametrize(
    ("code", "name"), [(2, "illegal_data_address"), (6, "server_device_busy"), (99, "exception_99")]
)
def test_names_are_those_of_the_specification(code, name):
    assert exception_name(code) == name


def test_the_codes_are_those_that_pymodbus_knows():
    assert (ExcCodes.ILLEGAL_ADDRESS, ExcCodes.DEVICE_BUSY, ExcCodes.GATEWAY_NO_RESPONSE) == (2, 6, 11)
