"""One channel for each endpoint, shared by the devices behind it."""

import asyncio
from dataclasses import replace

import pytest
from plcmq.devices.channel.channel import Lane
from plcmq.devices.channel.pool import Channels
from plcmq.devices.modbus.errors import NotSent
from plcmq.devices.modbus.pdu import read
from plcmq.devices.model.devices import DeviceDefinition, LinkSettings, State
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.evidence import Ending
from plcmq.devices.simulator.plc import SimulatedPlc

ONE = read(Table.HOLDING, 0, 1)


@pytest.fixture
async def plc():
    async with SimulatedPlc() as plc:
        plc.add_unit(2)
        yield plc


@pytest.fixture
def states():
    """The states that each device has been told to have."""
    return {}


@pytest.fixture
async def channels(states):
    channels = Channels(
        lambda device, state, _reason: states.setdefault(device.id, []).append(state), lambda: True
    )
    yield channels
    for devices in list(channels._devices.values()):
        for device in list(devices.values()):
            await channels.leave(device)


def device(plc, number=1, **link):
    return DeviceDefinition(
        number, f"press-{number}", plc.host, "press", plc.port, number, LinkSettings(**link)
    )


async def ask(channel, number=1):
    async with channel.turn(Lane.READ, number) as turn:
        return await turn.transact(number, ONE)


async def test_devices_of_one_endpoint_get_the_same_channel(channels, plc):
    one, two = await channels.join(device(plc, 1)), await channels.join(device(plc, 2))
    assert one is two
    assert await asyncio.gather(ask(one, 1), ask(two, 2)) == [b"\0\0", b"\0\0"]
    assert plc.evidence.sockets.opened == 1


async def test_each_device_hears_of_its_own_state(channels, plc, states):
    channel = await channels.join(device(plc, 1))
    await ask(channel)
    await channels.join(device(plc, 2))
    assert states[1][-1] is State.UP
    assert states[2] == [State.UP]


async def test_settings_are_those_that_all_its_devices_bear(channels, plc):
    channel = await channels.join(device(plc, 1, request_gap=0.01, max_registers=100))
    await channels.join(device(plc, 2, timeout=2.0, max_registers=50))
    assert (channel.settings.request_gap, channel.settings.timeout) == (0.01, 2.0)
    assert channel.settings.max_registers == 50
    await channels.leave(device(plc, 2))
    assert channel.settings.timeout == 1.0


async def test_a_device_defined_anew_replaces_its_old_settings(channels, plc):
    channel = await channels.join(device(plc, 1, timeout=3.0))
    assert await channels.join(replace(device(plc, 1), description="new")) is channel
    assert channel.settings.timeout == 1.0


async def test_who_leaves_is_turned_away_and_the_others_go_on(channels, plc):
    channel = await channels.join(device(plc, 1))
    await channels.join(device(plc, 2))
    async with channel.turn(Lane.READ, 1):
        waits = asyncio.create_task(ask(channel, 2))
        await asyncio.sleep(0)
        await channels.leave(device(plc, 2))
        with pytest.raises(NotSent):
            await waits
    await ask(channel, 1)


async def test_the_last_one_closes_the_socket_before_a_new_one_is_opened(channels, plc):
    first = await channels.join(device(plc, 1))
    await ask(first)
    leaving = asyncio.create_task(channels.leave(device(plc, 1)))
    await asyncio.sleep(0)
    second = await channels.join(device(plc, 1))
    assert leaving.done()
    assert second is not first
    await ask(second)
    assert (plc.evidence.sockets.peak, plc.evidence.sockets.opened) == (1, 2)
    assert plc.evidence.sockets.closed[Ending.FIN] == 1
