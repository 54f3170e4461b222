"""An MES service over plcmq: start a batch, reset, look at a press, list the presses.

Strategy: the service holds one connection to the broker, and views that say what they want. That a PLC takes
one connection, is slow, or is unplugged is the broker's business; here it is an honest HTTP answer.

    PLCMQ_BROKER=tcp://127.0.0.1:7502 uvicorn --factory examples.mes_service.app:create_app
"""

import os
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi_offline import FastAPIOffline
from plcmq.client.fastapi import ERROR_RESPONSES, DeviceConn, Plcmq, add_error_handler, plcmq_lifespan
from pydantic import BaseModel, Field

DEFAULT_BROKER = "tcp://127.0.0.1:7502"


class Batch(BaseModel):
    """What to produce."""

    batsize: int = Field(15, ge=1, description="Batch size")
    noksize: int = Field(3, ge=0, description="Maximum number of consecutive failures")


class Devices(BaseModel):
    """A page of the list of devices."""

    devices: list[dict[str, Any]]
    total: int = Field(description="How many there are on all pages")
    limit: int
    offset: int


async def start(zmqconn: DeviceConn, batch: Batch | None = None) -> Any:
    """Loads the batch parameters and starts the press; answers when it runs."""
    batch = batch or Batch()
    rqargs = {"batch_size": batch.batsize, "nok_num": batch.noksize}
    return await zmqconn.request(action="start_batch", rqargs=rqargs)


async def reset(zmqconn: DeviceConn) -> Any:
    """Resets the press after a fault."""
    return await zmqconn.request(action="reset")


async def status(zmqconn: DeviceConn) -> Any:
    """What the press does now; a value may be half a second old, so that many viewers cost one read."""
    return await zmqconn.read("state", "running", "batch_no", "temperature", max_age=0.5)


async def devices(
    plc: Plcmq,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
    match: Annotated[str | None, Query(description="Part of a name")] = None,
) -> Devices:
    """The devices, page by page, with the state of their links."""
    page = await plc.devices(limit, offset, match)
    return Devices(devices=page["devices"], total=page["total"], limit=limit, offset=offset)


def create_app(broker: str | None = None) -> FastAPI:
    """The service. `broker`: its client endpoint; by default from the environment's PLCMQ_BROKER."""
    broker = broker or os.environ.get("PLCMQ_BROKER", DEFAULT_BROKER)
    # FastAPIOffline brings the files of Swagger UI along: /docs works on a shop floor without internet.
    app = FastAPIOffline(
        title="MES service", lifespan=plcmq_lifespan(broker, timeout=8.0), responses=ERROR_RESPONSES
    )
    add_error_handler(app)
    app.put("/start/{id}", tags=["press"])(start)
    app.put("/reset/{id}", tags=["press"])(reset)
    app.post("/reset/{id}", tags=["press"], include_in_schema=False)(reset)
    app.get("/status/{id}", tags=["press"])(status)
    app.get("/devices", tags=["plant"])(devices)
    return app
