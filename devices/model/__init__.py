"""What a device is: frozen data, and values as bytes."""

from .actions import (
    Action,
    ArgRef,
    Check,
    Conductor,
    ExpectChange,
    Operand,
    Pulse,
    Read,
    Script,
    Sleep,
    Step,
    Wait,
    Write,
)
from .devices import DeviceDefinition, Endpoint, LinkSettings, Profile, Site, State
from .tags import Access, Order, Scalar, Table, Tag, Type, Value, Verify

__all__ = [
    "Access",
    "Action",
    "ArgRef",
    "Check",
    "Conductor",
    "DeviceDefinition",
    "Endpoint",
    "ExpectChange",
    "LinkSettings",
    "Operand",
    "Order",
    "Profile",
    "Pulse",
    "Read",
    "Scalar",
    "Script",
    "Site",
    "Sleep",
    "State",
    "Step",
    "Table",
    "Tag",
    "Type",
    "Value",
    "Verify",
    "Wait",
    "Write",
]
