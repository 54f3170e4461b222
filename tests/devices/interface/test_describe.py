"""What `describe` tells of a device."""

import json

import pytest
from plcmq.client.protocol.bodies import Codec, encode
from plcmq.devices.interface.describe import describe
from plcmq.devices.interface.requests import BUILT_IN, CompiledProfile
from plcmq.devices.model.actions import Action
from plcmq.devices.model.devices import DeviceDefinition, Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type

TAGS = {
    "size": Tag(
        "size", Table.HOLDING, 0, Type.UINT16, Access.RW, unit="pcs", min=1, max=500, description="Batch"
    ),
    "state": Tag("state", Table.HOLDING, 12, Type.UINT16, enum={0: "idle", 1: "running"}),
    "lamps": Tag("lamps", Table.COIL, 0, Type.BOOL, Access.RW, count=3),
}
START = Action(
    "start", {"size": {"type": "integer", "default": 15}, "name": {"type": "string"}}, description="Go"
)


@pytest.fixture
def told():
    kind = CompiledProfile(Profile("press", TAGS, {"start": START}, "A press"))
    return describe(DeviceDefinition(3, "press-3", "10.0.0.3", "press", description="At the door"), kind)


def test_the_device_and_its_profile_are_named(told):
    assert told["device"] == {"id": 3, "name": "press-3", "description": "At the door"}
    assert (told["profile"], told["description"]) == ("press", "A press")


def test_a_tag_is_told_with_type_access_address_unit_and_limits(told):
    size = told["tags"]["size"]
    assert size.pop("schema") == {"type": "integer", "minimum": 1, "maximum": 500, "description": "Batch"}
    assert size == {
        "type": "uint16",
        "access": "rw",
        "address": "holding:0",
        "unit": "pcs",
        "description": "Batch",
        "min": 1,
        "max": 500,
    }


def test_an_enum_is_told_by_number_and_name(told):
    assert told["tags"]["state"]["enum"] == {"0": "idle", "1": "running"}
    assert told["tags"]["state"]["access"] == "ro"


def test_an_array_is_told_by_its_schema(told):
    schema = told["tags"]["lamps"]["schema"]
    assert schema == {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "maxItems": 3}


def test_an_action_is_told_with_the_schema_of_its_arguments(told):
    start = told["actions"]["start"]
    assert start["description"] == "Go"
    assert start["schema"]["required"] == ["name"]
    assert start["schema"]["properties"]["size"] == {"type": "integer", "default": 15}
    assert start["schema"]["additionalProperties"] is False


def test_the_actions_that_every_device_has_are_named(told):
    assert told["built_in"] == list(BUILT_IN)


@pytest.mark.parametrize("codec", list(Codec))
def test_it_fits_into_a_reply(told, codec):
    assert encode(codec, told)
    assert json.loads(encode(Codec.JSON, told)) == told
