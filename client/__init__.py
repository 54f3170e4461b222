"""The client of plcmq: requests to devices through a broker, blocking (`get_conn`) or with asyncio
(`connect`).
"""

from .aio import AsyncConnection, connect
from .bound import BoundDevice
from .endpoint import BadEndpoint
from .errors import (
    BrokerUnreachable,
    Code,
    Failed,
    Outcome,
    OutcomeUnknown,
    PlcmqError,
    Rejected,
    Unavailable,
)
from .protocol import Codec
from .replies import Reply
from .retry import Retry
from .sync import Connection, get_conn
from .watching import WatchEvent

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
