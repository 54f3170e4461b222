"""Messages between broker and host, cut into frames that the other end takes.

Strategy: pure. A frame above `MAX_FRAME_BYTES` is a protocol error to libzmq, and the end of the connection
with everything on it. So frames are filled to about 1 MiB; what is longer by itself is cut where it can be
(`Serve`), or answered in its place by something short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from ...client.protocol.bodies import MAX_FRAME_BYTES, encode_item
from ...client.protocol.errors import Code, Outcome, failure
from ..planning.learned import Learned
from ..site.definitions.content import Definition
from .messages import Done, Event, Job, Serve
from .wire import Message, joined, pack, pack_one

FULL: Final = 1024 * 1024  # bytes; a frame gets no further message then
AT_ONCE: Final = 64  # messages of a frame at most
LONGEST: Final = MAX_FRAME_BYTES - 64  # bytes of one message; the rest is what a body adds to it


def frames(
    messages: Iterable[Message], instead: Callable[[Message], Message | None]
) -> Iterator[tuple[bytes, int]]:
    """Messages as frames, in order.

    Args:
        messages: what to send.
        instead: asked about a message that no frame can carry: what to send in its place, None for nothing.

    Returns:
        Each frame, with the number of messages that are done with when it has been sent.
    """
    waiting = iter(messages)
    while some := [*islice(waiting, AT_ONCE)]:
        body = pack(some)  # nearly always short: measuring each message would take twice the time
        if len(body) <= FULL:
            yield body, len(some)
        else:
            yield from _measured(some, instead)


def _measured(
    messages: Iterable[Message], instead: Callable[[Message], Message | None]
) -> Iterator[tuple[bytes, int]]:
    parts: list[bytes] = []
    size = done = 0
    for message in messages:
        part = pack_one(message)
        if len(part) > LONGEST:
            other = instead(message)
            part = b"" if other is None else pack_one(other)
        if parts and size + len(part) > FULL:
            yield joined(parts), done
            parts, size, done = [], 0, 0
        done += 1
        if part:
            parts.append(part)
            size += len(part)
    if parts:
        yield joined(parts), done


def shortened(message: Message) -> Message | None:
    """What a host sends in place of a message that is too long: the true outcome, without the content."""
    match message:
        case Done(job=job):
            error = failure(Code.TOO_LARGE, _REASON.format("the result"), outcome=Outcome.EXECUTED)
            return Done(job, error=error, queued=message.queued, device=message.device)
        case Event(watch=watch):
            return Event(watch, {"ended": _REASON.format("the event")})
    return None


def refused(job: Job) -> Done:
    """The answer to a job that is too long to be sent to its host."""
    return Done(job.id, error=failure(Code.TOO_LARGE, _REASON.format("the request")))


_REASON: Final = f"{{}} has more than {MAX_FRAME_BYTES // 2**20} MiB, and no message can carry that"


def with_serves_joined(messages: Sequence[Message]) -> Iterator[Message]:
    """The same messages, with neighbouring `Serve`s in one, and each cut to what a frame has room for.

    So each profile travels once a frame and not once a device.
    """
    if not any(isinstance(message, Serve) for message in messages):
        yield from messages
        return
    run = _Run()
    for message in messages:
        if isinstance(message, Serve) and run.agrees_with(message.profiles):
            run.add(message)
            continue
        yield from run.cut()
        run = _Run()
        if isinstance(message, Serve):
            run.add(message)
        else:
            yield message
    yield from run.cut()


class _Run:
    """Neighbouring `Serve`s, which mean the same definitions by the same names."""

    def __init__(self) -> None:
        self._profiles: dict[str, Definition] = {}
        self._devices: list[Definition] = []
        self._learned: dict[int, Learned] = {}  # by device

    def agrees_with(self, profiles: dict[str, Definition]) -> bool:
        """Whether these profiles can join those before."""
        return all(self._profiles.get(name, form) is form for name, form in profiles.items())

    def add(self, serve: Serve) -> None:
        """Takes in what it says."""
        self._profiles |= serve.profiles
        self._devices += serve.devices
        self._learned |= {learned.device: learned for learned in serve.learned}

    def cut(self) -> Iterator[Serve]:
        """As few `Serve`s as hold it all, each not much longer than `FULL`."""
        lengths = {name: _length(form) for name, form in self._profiles.items()}
        profiles: dict[str, Definition] = {}
        devices: list[Definition] = []
        learned: list[Learned] = []
        size = 0
        for form in self._devices:
            name, known = form["profile"], self._learned.get(form["id"])
            more = _length(form) + (len(pack_one(known)) if known else 0)
            more += 0 if name in profiles else lengths[name]
            if devices and size + more > FULL:
                yield Serve(profiles, devices, learned)
                profiles, devices, learned, size = {}, [], [], 0
                more += lengths[name]
            profiles[name] = self._profiles[name]
            devices.append(form)
            learned += [known] if known else []
            size += more
        if devices:
            yield Serve(profiles, devices, learned)


def _length(plain: Any) -> int:
    return len(encode_item(plain))
