"""The values in a site file, one at a time."""

import pytest
from plcmq.devices.site.forms.values import (
    Address,
    DeviceName,
    Host,
    Id,
    Interval,
    Name,
    Number,
    RawNumbers,
    ReplyTime,
)
from pydantic import TypeAdapter, ValidationError


def read(kind, value):
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (Address, "40001", "holding:0"),
        (Address, "coil:7", "coil:7"),
        (Host, "10.0.0.1", "10.0.0.1"),
        (Host, "PLC-1.Example", "plc-1.example"),
        (Name, "Su\u0308d", "Süd"),
        (Host, "fe80::1%eth0", "fe80::1%eth0"),
        (Name, "Süd-1", "Süd-1"),
        (DeviceName, "Press 1", "Press 1"),
        (Number, 5.0, 5),
        (RawNumbers, {"0": "off", 1: "on"}, {0: "off", 1: "on"}),
    ],
)
def test_a_value_has_one_writing(kind, written, meant):
    assert read(kind, written) == meant


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Address, "holding:70000"),
        (Host, "10.0.0.1:502"),
        (Host, ""),
        (Host, "127.000.000.010"),
        (ReplyTime, 1000.0),
        (Name, "two words"),
        (DeviceName, "17"),
        (DeviceName, " press"),
        (Number, True),
        (Interval, 0.0),
        (Id, -1),
        (RawNumbers, {"0": "off", 0: "on"}),
    ],
)
def test_what_would_be_misunderstood_is_refused(kind, wrong):
    with pytest.raises(ValidationError):
        read(kind, wrong)
