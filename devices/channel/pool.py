"""The channels of a host: one for each endpoint, shared by all the devices behind it.

Strategy: joining and leaving of one endpoint happen one after the other, so that a channel whose last device
leaves has closed its socket before a new one to the same endpoint can be made.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from ..model.devices import DeviceDefinition, Endpoint, State
from .channel import Channel, channel_settings


class Channels:
    """Opens and closes channels as devices join and leave."""

    def __init__(
        self, on_state: Callable[[DeviceDefinition, State, str], None], permitted: Callable[[], bool]
    ) -> None:
        self._on_state = on_state
        self._permitted = permitted
        self._channels: dict[Endpoint, Channel] = {}
        self._devices: dict[Endpoint, dict[int, DeviceDefinition]] = defaultdict(dict)
        self._locks: dict[Endpoint, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def join(self, device: DeviceDefinition) -> Channel:
        """The channel of a device, which is new there or defined anew."""
        endpoint = device.endpoint
        async with self._locks[endpoint]:
            devices = self._devices[endpoint]
            devices[device.id] = device
            settings = channel_settings([d.link for d in devices.values()])
            channel = self._channels.get(endpoint)
            is_new = channel is None
            if channel is None:
                channel = self._channels[endpoint] = Channel(endpoint, settings, permitted=self._permitted)
            channel.register(device.id, device.unit, partial(self._on_state, device))
            if is_new:
                channel.start()
            else:
                await channel.reconfigure(settings)
            return channel

    async def leave(self, device: DeviceDefinition) -> None:
        """Takes a device from its endpoint; the last one closes the socket."""
        endpoint = device.endpoint
        async with self._locks[endpoint]:
            devices = self._devices[endpoint]
            del devices[device.id]
            channel = self._channels[endpoint]
            if devices:
                channel.unregister(device.id)
                await channel.reconfigure(channel_settings([d.link for d in devices.values()]))
            else:
                del self._devices[endpoint]
                await channel.close()
                del self._channels[endpoint]
