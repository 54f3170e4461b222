"""The press of examples/press/site.yaml, written in Python."""

from __future__ import annotations

from typing import Annotated

from plcmq.devices import Device, Tag, action


class Press(Device):
    """Hydraulic press with a batch counter"""

    batch_size = Tag("holding:0", "uint16", access="rw", min=1, max=500, unit="pcs")
    nok_limit = Tag("holding:1", "uint16", access="rw")
    start = Tag("coil:0", "bool", access="rw")
    running = Tag("discrete:0", "bool")
    temperature = Tag("input:0", "int16", scale=0.1, unit="degC")
    batch_no = Tag("holding:10", "uint32")
    state = Tag("holding:12", "uint16", enum={0: "idle", 1: "running", 2: "fault"})
    door_open = Tag("holding:13", "bool", bit=3)
    error_code = Tag("holding:14", "uint16")
    recipe = Tag("holding:20", "string", length=16, access="rw")

    @action
    async def start_batch(
        self,
        batch_size: Annotated[int, {"minimum": 1, "maximum": 500}] = 15,
        nok_num: Annotated[int, {"minimum": 0}] = 3,
    ) -> dict:
        """Load the batch parameters and start the press

        Args:
            batch_size: Batch size
            nok_num: Maximum number of consecutive failures
        """
        await self.at_end(start=False)
        await self.check(running=False)
        await self.write(batch_size=batch_size, nok_limit=nok_num)
        await self.write(start=True)
        await self.wait(running=True, timeout=5, fail_if={"state": "fault"})
        return await self.read("batch_no", "state")
