"""The client of plcmq: requests to devices through a broker, blocking (`get_conn`) or with asyncio
(`connect`).
"""

from .aio.connection import AsyncConnection, connect
from .aio.device import BoundDevice
from .core.retry import Retry
from .core.subscription import WatchEvent
from .protocol.bodies import Codec
from .protocol.endpoint import BadEndpoint
from .protocol.errors import (
    BrokerUnreachable,
    Code,
    Failed,
    Outcome,
    OutcomeUnknown,
    PlcmqError,
    Rejected,
    Unavailable,
)
from .protocol.replies import Reply
from .sync.connection import Connection, get_conn

__all__ = [
    "AsyncConnection",
    "BadEndpoint",
    "BoundDevice",
    "BrokerUnreachable",
    "Code",
    "Codec",
    "Connection",
    "Failed",
    "Outcome",
    "OutcomeUnknown",
    "PlcmqError",
    "Rejected",
    "Reply",
    "Retry",
    "Unavailable",
    "WatchEvent",
    "connect",
    "get_conn",
]
