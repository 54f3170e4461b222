"""The gateway as an ASGI app: routes, hub, catalogue and metrics around one connection to the broker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from ..client.aio.connection import AsyncConnection
from .documents.catalogue import Catalogue
from .exposition.metrics import Metrics
from .front.middleware import Front
from .front.origin import Rules
from .front.problems import add_handlers
from .live.hub import Hub
from .live.sources import Sources
from .settings import GatewaySettings
from .views import (
    actions,
    batch,
    devices,
    health,
    live,
    locks,
    metrics,
    page,
    plant,
    profiles,
    streams,
    tags,
    trace,
)
from .views.asking import Asking

_TEXT = """Every PLC of the plant over plain HTTP. Errors are problem details (RFC 9457): `code` says what
went wrong and `outcome` what happened at the device (`not_executed`, `executed` or `unknown`). A command with
an `Idempotency-Key` is carried out once, however often it is sent."""


class Gateway:
    """The app, and what has to be told when it ends.

    Attributes:
        app: what a server serves.
        measured: the metrics of this process.
        hub: whose streams must be ended before a server waits for them.
    """

    def __init__(self, settings: GatewaySettings, plc: AsyncConnection) -> None:
        """`plc` is opened and closed by the app's lifespan."""
        self._plc = plc
        self._settings = settings
        inner = FastAPIOffline(
            title="plcmq",
            version="1",
            description=_TEXT,
            lifespan=self._lifespan,
            root_path=settings.root_path,
        )
        # The document is the catalogue's, not that of the fixed routes.
        inner.router.routes[:] = [route for route in inner.routes if not _is_document(route)]
        asking = Asking(plc, settings.timeout)
        measured = Metrics(plc, settings.metrics_devices)
        sources = Sources(plc, lambda: measured.own() | {"failures": asking.failed[::-1]}, self._revision)
        self.hub = Hub(sources, is_up=self._is_up)
        measured.watch(self.hub)
        routers = (
            devices.routes(asking),
            tags.routes(asking),
            actions.routes(asking, self._patience),
            locks.routes(asking),
            batch.routes(asking),
            health.routes(asking),
            profiles.routes(asking),
            plant.routes(asking, read_only=settings.read_only),
            trace.routes(asking),
            streams.routes(self.hub, self._is_full),
            live.routes(self.hub, self._is_full),
            metrics.routes(measured),
        )
        for router in routers:
            inner.include_router(router)
        add_handlers(inner, [route for router in routers for route in router.routes])
        self._catalogue = Catalogue(plc, inner.openapi)
        inner.include_router(page.routes(lambda: (self._catalogue.document, self._catalogue.etag)))
        self.measured = measured
        self.app: ASGIApp = Front(inner, rules_of(settings), measured.observe)

    def _revision(self) -> int:
        return self._catalogue.revision

    def _patience(self, action: str) -> float | None:
        return self._catalogue.patience(action)

    def _is_up(self) -> bool:
        return self._catalogue.is_up

    def _is_full(self) -> bool:
        return len(self.hub.viewers) >= self._settings.viewers

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        await self._plc.open(check=False)
        following = asyncio.get_running_loop().create_task(self._catalogue.run())
        try:
            yield
        finally:
            self.hub.end()
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await self._plc.close()


def _is_document(route: BaseRoute) -> bool:
    return getattr(route, "path", None) == "/openapi.json"


def rules_of(settings: GatewaySettings) -> Rules:
    """Who may ask, by the settings and this machine's name."""
    own = {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
    named = {name.lower() for name in settings.hosts}
    return Rules(frozenset(own | named), frozenset(settings.origins), settings.read_only)
