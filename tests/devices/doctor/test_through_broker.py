"""The doctor's questions through a broker: raw bytes as the PLC would give them, and errors of the device."""

from __future__ import annotations

import pytest
from plcmq.client import Code
from plcmq.client.protocol.errors import failure
from plcmq.devices.doctor.checks import Verdict
from plcmq.devices.doctor.through_broker import BrokerLine
from plcmq.devices.modbus.errors import ExceptionReply, LinkError, NoReply
from plcmq.devices.model.devices import DeviceDefinition
from plcmq.devices.model.tags import Table


class Answering:
    """A connection that gives the same answer to everything."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def request(self, action, rqargs=None, *, device=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def line(answer: object) -> BrokerLine:
    return BrokerLine(Answering(answer), DeviceDefinition(1, "press-1", "127.0.0.1", profile="press"))


async def test_registers_come_as_their_bytes():
    assert await line({"registers": [1, 0xABCD]}).read(Table.HOLDING, 0, 2) == b"\x00\x01\xab\xcd"


async def test_bits_come_packed_the_lowest_first():
    bits = [True, False, True] + [False] * 6 + [True]
    assert await line({"bits": bits}).read(Table.COIL, 0, 10) == b"\x05\x02"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failure(Code.DEVICE_ERROR, "refused", details={"exception": 2, "function": 3}), ExceptionReply),
        (failure(Code.TIMEOUT, "no answer"), NoReply),
        (failure(Code.DEVICE_DOWN, "no connection"), LinkError),
    ],
)
async def test_an_error_of_the_device_is_one_of_the_link(error, kind):
    with pytest.raises(kind):
        await line(error).read(Table.HOLDING, 0, 1)


async def test_a_device_that_is_down_fails_the_first_check_with_its_reason():
    (finding,) = await line({"state": "down", "reason": "refused"}).connect()
    assert (finding.verdict, finding.text) == (Verdict.FAIL, "127.0.0.1:502 is down: refused")
