"""A connection is used where it belongs, or nothing is sent."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from plcmq.client import connect
from plcmq.client.protocol.errors import Code, Outcome, PlcmqError

WRITE = {"values": {"a": 1}}


def writes(broker: Any) -> int:
    return sum(request.action == "write" for request in broker.requests)


def test_a_loop_that_was_closed_is_told_of_and_a_new_one_opens_anew(fake_broker: Any) -> None:
    plc = connect(fake_broker.endpoint)

    async def first() -> None:
        await (await plc).request("ping")

    async def second() -> None:
        with pytest.raises(PlcmqError, match="an event loop that was closed") as refused:
            await plc.request("write", WRITE, device="press-1")
        assert (refused.value.code, refused.value.outcome) == (Code.BAD_REQUEST, Outcome.NOT_EXECUTED)
        assert writes(fake_broker) == 0
        await plc
        await plc.request("write", WRITE, device="press-1")
        await plc.close()

    asyncio.run(first())
    asyncio.run(second())
    assert writes(fake_broker) == 1


@pytest.mark.parametrize("call", ["request", "open", "close"])
async def test_another_running_loop_is_refused_and_nothing_is_sent(fake_broker: Any, call: str) -> None:
    async with connect(fake_broker.endpoint) as plc:
        seen: list[BaseException] = []

        async def misuse() -> None:
            try:
                if call == "request":
                    await plc.request("write", WRITE, device="press-1")
                else:
                    await getattr(plc, call)()
            except PlcmqError as error:
                seen.append(error)

        thread = threading.Thread(target=lambda: asyncio.run(misuse()))
        thread.start()
        await asyncio.to_thread(thread.join)
        (error,) = seen
        assert "belongs to another event loop" in str(error)
        assert writes(fake_broker) == 0
        await plc.request("write", WRITE, device="press-1")  # its own loop goes on
        assert writes(fake_broker) == 1
