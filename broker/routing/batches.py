"""Batches: many requests in one, run side by side, answered in one.

Strategy: pure. A batch is started in pieces, and the server turns to others between two of them; else a
single message of a thousand requests would hold everybody up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ...client.protocol.errors import Code, PlcmqError, failure
from ...client.protocol.messages import Limits, MalformedRequest, Request, request_from_map
from ...devices.interface.requests import bad_args, only
from .pending import Batch, Pending

MAX_BATCH: Final = 1000  # requests in one `batch`
PIECE: Final = 32  # requests that are started in one go


class Batches:
    """The batches of which not every request has been started.

    Args:
        limits: of one request.
        start: starts a request that is a part of a batch.
        refuse: answers a part that is no request.
    """

    def __init__(
        self,
        limits: Limits,
        start: Callable[[Pending, Request, float], None],
        refuse: Callable[[Pending, PlcmqError, float], None],
    ) -> None:
        self._limits = limits
        self._start = start
        self._refuse = refuse
        self._unstarted: deque[tuple[Batch, int, Any]] = deque()  # batch, place in it, the request as it came

    def __len__(self) -> int:
        return len(self._unstarted)

    def begin(self, pending: Pending, rqargs: dict[str, Any], now: float) -> None:
        """Takes a batch, and starts as much of it as goes at once.

        Raises:
            PlcmqError: `bad_args`, `bad_request`.
        """
        only(rqargs, "requests")
        contents = rqargs.get("requests")
        if not isinstance(contents, list) or not 1 <= len(contents) <= MAX_BATCH:
            raise bad_args("requests", f"must be a list of 1 to {MAX_BATCH} requests")
        if pending.batch is not None:
            raise failure(Code.BAD_REQUEST, "a batch cannot hold a batch")
        batch = Batch(pending, len(contents), [{}] * len(contents))
        is_first = not self._unstarted
        self._unstarted.extend((batch, place, content) for place, content in enumerate(contents))
        if is_first:
            self.go_on(now)

    def go_on(self, now: float) -> None:
        """Starts the next piece."""
        for _ in range(min(PIECE, len(self._unstarted))):
            batch, place, content = self._unstarted.popleft()
            whole = batch.pending
            part = Pending(whole.client, whole.envelope, None, whole.codec, now, whole.deadline, batch, place)
            try:
                request = request_from_map(content, whole.codec, self._limits)
            except MalformedRequest as malformed:
                part.id = malformed.id
                self._refuse(part, malformed.error, now)
                continue
            part.id = request.id
            if request.timeout is not None:
                part.deadline = min(whole.deadline, now + request.timeout)
            self._start(part, request, now)
