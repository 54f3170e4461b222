"""The limits of the specification, and what repeats them because it lies below."""

from __future__ import annotations

from plcmq.devices.modbus import limits
from plcmq.devices.model.devices import LinkSettings


def test_a_device_without_settings_has_the_limits_of_the_specification():
    link = LinkSettings()
    assert (link.max_registers, link.max_coils) == (limits.most_read(False), limits.most_read(True))
    assert link.max_write_registers == limits.most_written(False)
    assert link.max_write_coils == limits.most_written(True)


def test_the_longest_requests_and_replies_fit_into_a_pdu():
    longest = max(
        2 + 2 * limits.MAX_READ_REGISTERS,
        2 + limits.MAX_READ_BITS // 8,
        6 + 2 * limits.MAX_WRITE_REGISTERS,
        6 + limits.MAX_WRITE_BITS // 8,
        10 + 2 * limits.MAX_EXCHANGE_WRITE_REGISTERS,
    )
    assert longest <= limits.MAX_PDU
