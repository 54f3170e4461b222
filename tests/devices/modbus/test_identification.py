"""Identification, with pymodbus's PDU classes as the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.modbus.errors import BadReply
from plcmq.devices.modbus.identification import Identification, identify
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse


def pdu_of(message: ModbusPDU) -> bytes:
    return bytes((message.function_code,)) + message.encode()


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_identification_agrees_with_pymodbus(code: int) -> None:
    assert identify(code, 7).pdu == pdu_of(ReadDeviceInformationRequest(code, 7))


def test_an_identification_is_gathered_over_several_replies() -> None:
    everything = {0: b"Acme", 1: b"P" * 200, 2: b"V1.2", 0x80: b"\0own\xff "}
    found = Identification()
    replies = 0
    while not found.complete:
        asked = ReadDeviceInformationRequest()
        asked.decode(found.request().pdu[1:])
        rest = {number: text for number, text in everything.items() if number >= asked.object_id}
        found.add(found.request().check(pdu_of(ReadDeviceInformationResponse(1, rest))))
        replies += 1
    assert replies == 1
    assert found.objects == {
        "vendor_name": "Acme",
        "product_code": "P" * 200,
        "revision": "V1.2",
        "object_128": "\0own�",
    }


def test_an_identification_goes_on_where_the_device_says() -> None:
    found = Identification()
    found.add(bytes.fromhex("0E 01 01 FF 02 01 00 03") + b"abc")
    assert not found.complete
    assert found.request().pdu == bytes.fromhex("2B 0E 01 02")
    found.add(bytes.fromhex("0E 01 01 00 00 01 02 01") + b"d")
    assert found.complete
    assert found.objects == {"vendor_name": "abc", "revision": "d"}


@pytest.mark.parametrize(
    "payload",
    [
        "0E 01 01 00 00",  # shorter than its head
        "0E 01 01 00 00 01 00 05 6162",  # an object that ends in the middle
        "0E 01 01 00 00 01 00",  # an object without a length
        "0E 01 01 FF 00 01 00 01 61",  # again from the beginning, without end
        "0E 01 01 FF 00 00",  # more to come, but nothing here
    ],
)
def test_a_broken_identification_is_no_endless_loop(payload: str) -> None:
    with pytest.raises(BadReply):
        Identification().add(bytes.fromhex(payload))


@given(st.binary(max_size=60))
def test_any_identification_bytes_give_text_or_an_error(payload: bytes) -> None:
    found = Identification()
    try:
        found.add(payload)
    except BadReply:
        return
    assert all(isinstance(text, str) for text in found.objects.values())
