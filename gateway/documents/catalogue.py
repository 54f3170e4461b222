"""The broker's profiles, followed by their revision, and the OpenAPI document that comes from them.

Strategy: `info` is asked once a second, which costs next to nothing; only a new revision leads to `profiles`,
and to a new document, which is made and encoded in a thread. A broker that is away leaves the last one.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ...client.aio.connection import AsyncConnection
from ...client.protocol.errors import PlcmqError
from ..front.problems import as_json
from .openapi import with_profiles

logger = logging.getLogger(__name__)

PERIOD: Final = 1.0  # seconds
WITHIN: Final = 1.5  # seconds in which the broker must answer, or what is shown is not live
PAGE: Final = 100  # profiles in one question


class Catalogue:
    """What the broker knows of profiles.

    Attributes:
        revision: of the profiles that are here; -1 before the first.
        is_up: whether the broker answered the last question.
        document: the OpenAPI document as bytes.
        etag: of the document.
    """

    def __init__(self, plc: AsyncConnection, base: Callable[[], dict[str, Any]]) -> None:
        """`base` gives the document of the fixed routes."""
        self.revision = -1
        self.is_up = False
        self.document = b""
        self.etag = ""
        self._patience: dict[str, float] = {}
        self._plc = plc
        self._base = base
        self._build([])

    async def run(self) -> None:
        """Follows the broker until it is cancelled."""
        while True:
            try:
                await self.look()
            except (PlcmqError, TimeoutError):
                if self.is_up:
                    logger.warning("the broker at %s does not answer", self._plc.endpoint)
                self.is_up = False
            except Exception:  # a task boundary: a profile that makes no document must not end the gateway
                logger.exception("the OpenAPI document could not be made")
            await asyncio.sleep(PERIOD)

    def patience(self, action: str) -> float | None:
        """Seconds that an action may take by its profile; the longest of all profiles that declare it."""
        return self._patience.get(action)

    async def look(self) -> None:
        """Asks for the revision, and for the profiles where it is another one."""
        async with asyncio.timeout(WITHIN):
            revision = (await self._plc.info()).get("revision")
        self.is_up = True
        if revision is None or revision == self.revision:
            return
        profiles: list[dict[str, Any]] = []
        while True:
            page = await self._plc.ask("profiles", {"limit": PAGE, "offset": len(profiles)})
            profiles += page["profiles"]
            if not page["profiles"] or len(profiles) >= page["total"]:
                break
        await asyncio.to_thread(self._build, profiles)
        self._patience = patience_of(profiles)
        self.revision = revision

    def _build(self, profiles: list[dict[str, Any]]) -> None:
        document = as_json(with_profiles(self._base(), profiles))
        self.etag = f'"{hashlib.sha256(document).hexdigest()[:24]}"'
        self.document = document


def patience_of(profiles: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The own times of actions by their names."""
    times: dict[str, float] = {}
    for profile in profiles:
        for action, described in (profile.get("actions") or {}).items():
            seconds = described.get("timeout")
            if isinstance(seconds, int | float):
                times[action] = max(float(seconds), times.get(action, 0.0))
    return times
