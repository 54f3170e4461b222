"""A broker opens all it needs or leaves nothing behind, and says where it serves."""

from __future__ import annotations

import asyncio

import pytest
from plcmq.broker.config import ServeSettings
from plcmq.broker.service.serve import serve
from plcmq.broker.storage.database import RegistryError
from plcmq.client import connect
from plcmq.client.protocol.sockets import EndpointInUse, bind_router, bound_endpoint, new_context

ANY = "tcp://127.0.0.1:*"


async def test_it_says_where_it_serves_and_ends_when_it_is_told_to(tmp_path):
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    settings = ServeSettings(ANY, ANY, f"sqlite:///{tmp_path}/x.db")
    running = asyncio.create_task(serve(settings, ready=ready.set_result, stop=stop))
    serving = await asyncio.wait_for(ready, 10)
    assert serving.devices == 0
    assert serving.max_clients > 0
    async with connect(serving.bind) as client:
        assert await client.request("ping") == {"pong": True}
    stop.set()
    await asyncio.wait_for(running, 10)


async def test_a_registry_that_cannot_be_opened_leaves_no_socket(tmp_path):
    bind = f"ipc://{tmp_path}/front"
    settings = ServeSettings(bind, ANY, f"sqlite:///{tmp_path}/nowhere/x.db")
    with pytest.raises(RegistryError, match="does not exist"):
        await serve(settings, stop=asyncio.Event())
    context = new_context(4)
    bind_router(context, bind).close(0)
    context.term()


async def test_a_second_broker_at_an_address_is_refused(bench, tmp_path):
    taken = bound_endpoint(bench.front)
    with pytest.raises(EndpointInUse):
        await serve(ServeSettings(taken, ANY, f"sqlite:///{tmp_path}/x.db"), stop=asyncio.Event())
