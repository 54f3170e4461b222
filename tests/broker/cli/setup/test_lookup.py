"""Devices for commands: what the broker tells, what the registry has, and what is said of neither."""

from __future__ import annotations

import pytest
from plcmq.broker.cli.setup.lookup import Told, find_device, row_of, told_by_broker
from plcmq.broker.cli.terminal.reporting import CommandFailed
from plcmq.client import Code
from plcmq.client.protocol.errors import failure
from plcmq.devices.model.devices import DeviceDefinition

PRESS = DeviceDefinition(1, "press-1", "192.0.2.1", profile="press")
UP = {"id": 1, "name": "press-1", "state": "up"}


def test_a_device_is_as_the_broker_tells_it():
    assert row_of(PRESS, Told((UP,))) == UP


def test_a_device_of_another_name_under_the_same_id_is_another_one():
    row = row_of(PRESS, Told(({"id": 1, "name": "oven", "state": "up"},)))
    assert (row["state"], "another registry" in row["reason"]) == ("unknown", True)


def test_why_nothing_is_told_is_the_reason_of_the_unknown_state():
    assert row_of(PRESS, Told(why_not="no broker answers"))["reason"] == "no broker answers"


def test_all_pages_are_asked_for(broker):
    broker.answers["devices"] = {"devices": [UP], "total": 2}
    assert told_by_broker(broker.address, None).rows == (UP, UP)
    assert broker.asked("devices").rqargs["offset"] == 1


def test_an_error_of_the_broker_is_why_nothing_is_told(broker):
    broker.answers["devices"] = failure(Code.FORBIDDEN, "not for you")
    assert told_by_broker(broker.address, None).why_not.startswith("the broker does not tell: ")


@pytest.mark.parametrize("name", ["press-1", "1"])
def test_a_device_is_found_by_name_and_by_id(name):
    assert find_device([UP], name) == UP


def test_an_empty_registry_says_how_to_fill_it():
    with pytest.raises(CommandFailed) as failed:
        find_device([], "press-1")
    assert "plcmq apply" in failed.value.hint
