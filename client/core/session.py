"""One client's side of the conversation, without I/O: who asked what, until when, and what came back.

Strategy: both clients hand their requests in (`start`), take out what is to be sent (`next_body`, `sent`),
hand in what arrives (`feed`), and ask now and then who has waited in vain (`expire`). Time comes in as
`now`. What a waiting caller is, a future or a thread, is the clients' business: a call only carries it.

A broker answers within a request's `timeout`, so the client waits a little longer (`GRACE`) for that
answer, which knows more than the client does. If none comes, or the connection breaks, by which it would have
come (`lose`), the client says what it can vouch for: a request that never left did nothing, a read changed
nothing, and of anything else the outcome is unknown.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final, Generic, TypeVar

from ..protocol.bodies import MAX_FRAME_BYTES, Codec, encode
from ..protocol.errors import BrokerUnreachable, Code, Outcome, PlcmqError, failure
from ..protocol.messages import BUILT_IN, MAX_TIMEOUT, RequestId
from ..protocol.replies import Event, Reply, parse_reply

GRACE: Final = 2.0  # seconds that a client waits beyond the timeout, for the broker's own answer

_FRESH: Final = 0.01  # seconds of waiting after which a request is told the time that is left

Waiter = TypeVar("Waiter")


def request_map(
    action: str,
    rqargs: Mapping[str, Any] | None = None,
    device: str | int | None = None,
    key: str | None = None,
    request_id: str | None = None,
    token: str | None = None,
) -> dict[str, Any]:
    """A request as it goes on the wire, without what its caller left out."""
    message: dict[str, Any] = {"action": action}
    if rqargs:
        message["rqargs"] = rqargs
    if device is not None:
        message["device"] = device
    if key is not None:
        message["key"] = key
    if request_id is not None:
        message["id"] = request_id
    if token is not None:
        message["token"] = token
    return message


def changes_nothing(message: Mapping[str, Any]) -> bool:
    """Whether a request leaves every device as it is, whatever becomes of it.

    A device may declare an action named like one of the broker's; without a device only a `batch` reaches
    devices.
    """
    if message.get("device") is not None:
        built_in = BUILT_IN.get(message.get("action", ""))
        return built_in is not None and built_in.repeatable
    if message.get("action") != "batch":
        return True
    requests = (message.get("rqargs") or {}).get("requests", ())
    return all(isinstance(one, Mapping) and changes_nothing(one) for one in requests)


class Call(Generic[Waiter]):
    """One request on its way.

    Attributes:
        reply: what it came to; None for as long as it waits.
        deadline: when the client stops waiting, on the clock that `now` comes from.
    """

    __slots__ = (
        "body",
        "deadline",
        "grace",
        "id",
        "message",
        "reply",
        "sent",
        "started",
        "timeout",
        "waiter",
    )

    def __init__(
        self, message: dict[str, Any], timeout: float, grace: float, waiter: Waiter, now: float
    ) -> None:
        self.id: RequestId = message["id"]
        self.message = message
        self.body = b""
        self.started = now
        self.timeout = timeout  # seconds
        self.grace = grace  # seconds
        self.deadline = now + timeout  # nobody will answer before it is sent: no grace yet
        self.sent = False
        self.reply: Reply | None = None
        self.waiter = waiter

    def encode(self, codec: Codec, timeout: float) -> None:
        """Sets the body to send.

        Raises:
            Rejected: it cannot be sent, for what is in it or for its size.
        """
        self.message["timeout"] = timeout
        try:
            self.body = encode(codec, self.message)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise failure(Code.BAD_ARGS, f"the request cannot be put into {codec.value}: {error}") from error
        if len(self.body) > MAX_FRAME_BYTES:
            message = f"the request has {len(self.body)} bytes; a message takes at most {MAX_FRAME_BYTES}"
            raise failure(Code.TOO_LARGE, message)


class Session(Generic[Waiter]):
    """The requests of one connection.

    Attributes:
        pending: the calls that wait, in the order they started.
        wake_at: when `expire` is due next; infinite while nothing waits.
        subscribers: what is to hear the events of a `watch`, by the id of its request.
        closed: whether it was abandoned.
        dropped: messages that were for nobody, such as the late reply to a call that has expired.
        in_flight: requests sent and not answered, those too for which nobody waits any more.
    """

    def __init__(self, endpoint: str, codec: Codec = Codec.MSGPACK) -> None:
        self.endpoint = endpoint
        self.codec = codec
        self.pending: dict[RequestId, Call[Waiter]] = {}
        self.wake_at = math.inf
        self.subscribers: dict[RequestId, Callable[[Mapping[str, Any]], None]] = {}
        self.closed = False
        self.dropped = 0
        self.in_flight = 0
        self._unsent: deque[Call[Waiter]] = deque()
        self._ids = count(1)

    def __repr__(self) -> str:
        return f"<Session {self.endpoint} pending={len(self.pending)} unsent={len(self._unsent)}>"

    def start(
        self, message: dict[str, Any], timeout: float, waiter: Waiter, now: float, grace: float = GRACE
    ) -> Call[Waiter]:
        """Takes in a request as `request_map` makes it; it is sent when its turn comes.

        Args:
            timeout: seconds, above 0 and at most 3600.
            grace: seconds to wait beyond it, once it is sent; below 0 it is given up so much earlier.

        Raises:
            Rejected: it cannot be sent.
        """
        if not 0 < timeout <= MAX_TIMEOUT:
            text = f"`timeout` must be seconds above 0 and at most {MAX_TIMEOUT:g}, not {timeout!r}"
            raise failure(Code.BAD_REQUEST, text)
        if message.setdefault("id", None) is None:
            message["id"] = next(self._ids)
        elif message["id"] in self.pending:
            raise failure(Code.BAD_REQUEST, f"a request with the id {message['id']!r} is waiting already")
        call = Call(message, timeout, grace, waiter, now)
        call.encode(self.codec, timeout)
        self.pending[call.id] = call
        self._unsent.append(call)
        if call.deadline < self.wake_at:
            self.wake_at = call.deadline
        return call

    @property
    def has_unsent(self) -> bool:
        """Whether `next_body` may have something."""
        return bool(self._unsent)

    def next_body(self, now: float) -> bytes | None:
        """The next request to send; None if there is none. Say `sent` if it went."""
        unsent = self._unsent
        while unsent:
            call = unsent[0]
            if self.pending.get(call.id) is call and now < call.deadline:
                if now - call.started > _FRESH:
                    # The broker counts from receipt: what is late already has less time.
                    call.encode(self.codec, call.deadline - now)
                return call.body
            unsent.popleft()
        return None

    def sent(self) -> None:
        """The last `next_body` was handed to a connection that stands."""
        call = self._unsent.popleft()
        call.sent = True
        self.in_flight += 1
        call.deadline += call.grace
        if call.deadline < self.wake_at:
            self.wake_at = call.deadline

    def feed(self, body: bytes) -> Call[Waiter] | None:
        """Takes in a message. The call that it answers; None if it is an event, which its subscriber gets,
        or for nobody (any more)."""
        try:
            reply = parse_reply(body)
        except ValueError:
            self.dropped += 1
            return None
        if isinstance(reply, Event):
            self._feed_event(reply)
            return None
        if self.in_flight:
            self.in_flight -= 1
        call = self.pending.pop(reply.id, None)
        if call is None:
            self.dropped += 1
            return None
        call.reply = reply
        return call

    def _feed_event(self, event: Event) -> None:
        subscriber = self.subscribers.get(event.id)
        if subscriber is None:
            self.dropped += 1
        else:
            subscriber(event.content)

    def expire(self, now: float) -> list[Call[Waiter]]:
        """The calls that have waited too long; they get their errors."""
        expired = [call for call in self.pending.values() if call.deadline <= now]
        for call in expired:
            self.give_up(call)
        self.wake_at = min((call.deadline for call in self.pending.values()), default=math.inf)
        return expired

    def give_up(self, call: Call[Waiter]) -> None:
        """Ends a call that has waited too long."""
        self._end(call, self._no_answer(call))

    def lose(self) -> list[Call[Waiter]]:
        """No connection stands: nothing that was sent will be answered. The calls that waited for that get
        their errors, and watches end; what was not sent goes on waiting for a connection."""
        if not (self.in_flight or self.subscribers):
            return []
        self.in_flight = 0
        for watch in self.subscribers.keys() - self.pending.keys():
            self.subscribers.pop(watch)({"ended": "the connection to the broker was lost"})
        lost = [call for call in self.pending.values() if call.sent]
        for call in lost:
            self._end(call, self._lost(call))
        return lost

    def forget(self, call: Call[Waiter]) -> None:
        """Nobody waits for this call any more."""
        # An id of the caller's own may have passed on to a later call.
        if self.pending.get(call.id) is call:
            del self.pending[call.id]

    def abandon(self) -> list[Call[Waiter]]:
        """The connection is being closed: every call that still waits gets an error that says so, and
        every watch ends."""
        self.closed = True
        calls = list(self.pending.values())
        for call in calls:
            self._end(call, self._closed(call))
        for subscriber in list(self.subscribers.values()):
            subscriber({"ended": "the connection was closed"})
        self._unsent.clear()
        self.wake_at = math.inf
        return calls

    def _end(self, call: Call[Waiter], error: PlcmqError) -> None:
        self.forget(call)
        call.reply = Reply(call.id, error=error, answered=False)

    def _no_answer(self, call: Call[Waiter]) -> PlcmqError:
        if not call.sent:
            return BrokerUnreachable(self.endpoint, call.timeout)
        waited = call.timeout + call.grace
        message = f"no answer to {_title(call)} from the broker at {self.endpoint} within {waited:g} s"
        if changes_nothing(call.message):
            return failure(Code.TIMEOUT, f"{message}; nothing was changed")
        return failure(Code.OUTCOME_UNKNOWN, f"{message}; look at the device before you repeat it")

    def _lost(self, call: Call[Waiter]) -> PlcmqError:
        message = f"the connection to the broker at {self.endpoint} broke before it answered {_title(call)}"
        if changes_nothing(call.message):
            return failure(Code.NO_HOST, f"{message}; nothing was changed")
        return failure(Code.OUTCOME_UNKNOWN, f"{message}; look at the device before you repeat it")

    def _closed(self, call: Call[Waiter]) -> PlcmqError:
        message = f"the connection to {self.endpoint} was closed while {_title(call)} waited"
        harmless = not call.sent or changes_nothing(call.message)
        outcome = Outcome.NOT_EXECUTED if harmless else Outcome.UNKNOWN
        return failure(Code.CANCELLED, message, outcome=outcome)


def closed_error(endpoint: str) -> PlcmqError:
    """The error of whoever uses a connection that has been closed."""
    return failure(Code.CANCELLED, f"this connection to {endpoint} has been closed; open a new one")


def _title(call: Call[Any]) -> str:
    device = call.message.get("device")
    return f"{call.message['action']!r}" + ("" if device is None else f" for device {device!r}")
