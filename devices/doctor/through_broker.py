"""Examines a device through the broker that serves it, so that the PLC sees no second connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ...client.protocol.errors import Code, PlcmqError
from ..modbus.errors import BadReply, ExceptionReply, LinkError, NoReply
from ..model.devices import DeviceDefinition
from ..model.tags import Table
from .checks import Finding, Verdict


class Requester(Protocol):
    """What this needs of a connection to the broker."""

    async def request(
        self,
        action: str,
        rqargs: Mapping[str, Any] | None = None,
        *,
        device: str | int | None = None,
    ) -> Any:
        """Asks a device for an action, and returns its result."""
        ...


class BrokerLine:
    """Asks a device through the broker that serves it."""

    is_own = False

    def __init__(self, conn: Requester, device: DeviceDefinition) -> None:
        self._conn = conn
        self._device = device

    async def connect(self) -> list[Finding]:
        """What the device's host says of the connection."""
        try:
            status = await self._conn.request("status", device=self._device.id)
        except PlcmqError as error:
            return [Finding("tcp", Verdict.FAIL, error.message)]
        state, reason = status["state"], status.get("reason") or ""
        verdict = Verdict.FAIL if state == "down" else Verdict.OK
        text = f"{self._device.endpoint} is {state}" + (f": {reason}" if reason else "")
        return [Finding("tcp", verdict, text)]

    async def read(self, table: Table, address: int, count: int) -> bytes:
        """One raw read."""
        result = await self._ask("read_raw", {"table": str(table), "address": address, "count": count})
        if table.is_bits:
            number = sum(int(bit) << place for place, bit in enumerate(result["bits"]))
            return number.to_bytes((count + 7) // 8, "little")
        return b"".join(int(register).to_bytes(2) for register in result["registers"])

    async def identify(self) -> Mapping[str, str]:
        """The identification."""
        objects: Mapping[str, str] = (await self._ask("identify", {}))["objects"]
        return objects

    async def together(self, _table: Table, _address: int, _width: int, _window: int, /) -> str | None:
        """Not tried: others use the connection, and its host tries it out by itself."""
        return None

    async def pause(self, seconds: float) -> None:
        """The device's settings have the host do so."""

    async def _ask(self, action: str, rqargs: dict[str, Any]) -> Mapping[str, Any]:
        try:
            result: Mapping[str, Any] = await self._conn.request(action, rqargs, device=self._device.id)
        except PlcmqError as error:
            if error.code is Code.DEVICE_ERROR and "exception" in error.details:
                raise ExceptionReply(error.details.get("function", 0), error.details["exception"]) from error
            kinds = {Code.TIMEOUT: NoReply, Code.BAD_REPLY: BadReply}
            raise kinds.get(error.code, LinkError)(error.message) from error
        return result
