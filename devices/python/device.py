"""Devices written in Python: a class with tags, and coroutines that are its actions.

    class Press(Device):
        \"\"\"Hydraulic press with a batch counter.\"\"\"

        batch_size = Tag("holding:0", "uint16", access="rw", min=1, max=500)
        start = Tag("coil:0", "bool", access="rw")
        running = Tag("discrete:0", "bool")

        @action
        async def start_batch(self, batch_size: int = 15) -> dict:
            \"\"\"Load the batch size and start the press.\"\"\"
            await self.write(batch_size=batch_size)
            await self.pulse("start")
            await self.wait(running=True, timeout=5)
            return await self.read("batch_size")

Strategy: this file only collects and asks. Each `await self.…` hands one step of the device model to whoever
conducts the run, and the engine that performs the steps of site files performs it. A class is turned into a
profile by `site.python_class`. Nothing here needs more than the standard library, so that a package with
device classes is light to import.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar, Final, TypeVar, overload

from .. import model
from ..model.comparison import as_read
from ..model.plain import check_scalar

__all__ = ["Change", "Device", "Tag", "action"]

MAX_TIMEOUT: Final = 3600.0  # seconds
_MARK: Final = "__plcmq_action__"

Decorated = TypeVar("Decorated", bound=Callable[..., Coroutine[Any, Any, Any]])
TagValues = Mapping[str, Any]


@dataclass(eq=False)
class Tag:
    """A named value in the device's memory; its name is that of the class attribute.

    The fields are those of a tag in a site file, with the same rules (docs/site-file.md); they are checked
    when a site uses the class.
    """

    address: str  # `table:number`, 0-based, or Modicon notation
    type: str
    _: KW_ONLY
    access: str = "ro"
    count: int | None = None
    length: int | None = None  # bytes of a string
    bit: int | None = None
    scale: float = 1.0
    offset: float = 0.0
    word_order: str | None = None  # as the class unless given
    byte_order: str | None = None
    unit: str = ""
    min: float | None = None
    max: float | None = None
    enum: Mapping[int, str] | None = None
    verify: bool | Mapping[str, object] | None = None
    urgent: bool = False
    order: str | None = None
    byte: str | None = None
    bits: Sequence[int] | None = None
    flags: Mapping[int, str] | None = None
    no_value: str | Sequence[int] | None = None
    scale_exponent: str | None = None
    precision: int | None = None
    strict: bool = False
    pad: str | None = None
    encoding: str | None = None
    chars: str | None = None
    header: str | None = None
    write_function: int | None = None
    alone: bool = False
    description: str = ""
    name: str = ""

    def __set_name__(self, owner: object, name: str) -> None:
        self.name = self.name or name

    def form(self) -> dict[str, object]:
        """The tag as a site file has it."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        needed = ("address", "type")
        defaults = {field.name: field.default for field in fields(self)}
        return {
            name: _copied(value) for name, value in given.items() if name in needed or value != defaults[name]
        }


@dataclass(frozen=True, slots=True)
class ActionOptions:
    """What an action says of itself besides its code; as in a site file."""

    timeout: float | None = None
    urgent: bool = False
    interrupts: bool = False
    confirm: str | bool | None = None


@overload
def action(code: Decorated, /) -> Decorated: ...


@overload
def action(
    *,
    timeout: float | None = None,
    urgent: bool = False,
    interrupts: bool = False,
    confirm: str | bool | None = None,
) -> Callable[[Decorated], Decorated]: ...


def action(
    code: Decorated | None = None,
    /,
    *,
    timeout: float | None = None,
    urgent: bool = False,
    interrupts: bool = False,
    confirm: str | bool | None = None,
) -> Decorated | Callable[[Decorated], Decorated]:
    """Makes a coroutine of a `Device` one of its actions: `@action`, or `@action(interrupts=True)`.

    Its parameters are the action's arguments: their types and defaults become their JSON Schema, the first
    paragraph of its docstring the action's description, and `Args:` in it the descriptions of the arguments.
    It returns the action's result, a map, or nothing.

    Args:
        code: the coroutine.
        timeout: seconds that a caller waits who does not say.
        urgent: it may start while another action of the device waits or sleeps.
        interrupts: it ends the action under way first, goes ahead of everything, and passes locks: a stop.
        confirm: what a person is asked before it runs; False: nothing.
    """
    if timeout is not None and not 0 < timeout <= MAX_TIMEOUT:
        raise ValueError(f"an action's timeout is above 0 and at most {MAX_TIMEOUT:g} s, not {timeout!r}")
    options = ActionOptions(timeout, urgent, interrupts, confirm)

    def mark(decorated: Decorated) -> Decorated:
        setattr(decorated, _MARK, options)
        return decorated

    return mark if code is None else mark(code)


def is_action(value: object) -> bool:
    """Whether a class attribute is an action."""
    return callable(value) and isinstance(getattr(value, _MARK, None), ActionOptions)


def options_of(code: Callable[..., object]) -> ActionOptions:
    """What an action says of itself."""
    options = getattr(code, _MARK)
    assert isinstance(options, ActionOptions)
    return options


class Device:
    """Base of all devices written in Python. Each run of an action has an instance of its own.

    Class attributes:
        word_order: of the 16-bit words in longer values, "big" (ABCD) or "little" (CDAB).
        byte_order: of the bytes in each word, "big" or "little".
        address_base: what the numbers after `table:` count from, 0 or 1.
        on_connect: steps after each new connection, and
        heartbeat: tags that are written over and over; both as a site file has them.

    A step that fails raises a `PlcmqError` and has failed the action, even if the code catches it. What the
    code does then, in a `finally` or `except` block, is cleaning up: it has a second beyond the caller's
    time, and nothing is written where nothing had been.
    """

    word_order = "big"
    byte_order = "big"
    address_base = 0
    on_connect: ClassVar[Sequence[Mapping[str, Any]]] = ()
    heartbeat: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def __init__(self, conductor: model.Conductor, tags: Mapping[str, model.Tag]) -> None:
        self.__conductor = conductor
        self.__tags = tags

    async def check(self, conditions: TagValues | None = None, /, **more: object) -> None:
        """Goes on only if every tag has its value now.

        Raises:
            PlcmqError: a tag has another value, or could not be read.
        """
        await self.__perform(model.Check(self.__conditions(conditions, more)))

    async def write(self, values: TagValues | None = None, /, **more: object) -> None:
        """Writes the tags in the order given.

        Raises:
            PlcmqError: with the true outcome.
        """
        await self.__perform(self.__write(values, more))

    async def pulse(self, tag: str | Tag, for_: float = 0.2) -> None:
        """Writes true, waits `for_` seconds, writes false (1 and 0 for a tag that is no bool).

        Raises:
            PlcmqError: with the true outcome.
        """
        name = self.__writable(tag)
        known = self.__tags[name]
        if known.count is not None or known.type is model.Type.STRING:
            raise ValueError(f"{name!r} cannot be pulsed: it is neither a bool nor a number")
        await self.__perform(model.Pulse(name, float(for_)))

    async def wait(
        self,
        conditions: TagValues | None = None,
        /,
        *,
        timeout: float = 5.0,
        poll: float = 0.1,
        fail_if: TagValues | None = None,
        **more: object,
    ) -> None:
        """Polls until every tag has its value.

        Args:
            conditions: tags and values whose names cannot be keywords.
            timeout: seconds until the step fails.
            poll: seconds between two looks.
            fail_if: fail at once if any of these tags has this value.
            more: tags and values.

        Raises:
            PlcmqError: the time was up, `fail_if` came true, or a tag could not be read.
        """
        wanted = self.__conditions(conditions, more)
        bad = self.__conditions(fail_if, {}) if fail_if else {}
        await self.__perform(model.Wait(wanted, float(timeout), float(poll), bad))

    async def read(self, *tags: str | Tag) -> dict[str, model.Value]:
        """Reads tags; their values by name.

        Raises:
            PlcmqError: one of them could not be read.
        """
        if not tags:
            raise ValueError("name at least one tag")
        return await self.__perform(model.Read(tuple(map(self.__known, tags))))

    async def raw(self, function: int, data: str = "") -> str:
        """Sends a PDU of one's own; what comes back behind its function code, as hexadecimal text.

        Args:
            function: the function code.
            data: what follows it, as hexadecimal text.

        Raises:
            PlcmqError: with the true outcome.
        """
        return str((await self.__perform(model.Raw(function, data)))["data"])

    async def sleep(self, seconds: float) -> None:
        """Waits, until the caller's time is up at the latest.

        Raises:
            PlcmqError: it was, or the action was cancelled.
        """
        await self.__perform(model.Sleep(float(seconds)))

    def expect_change(self, tag: str | Tag, *, timeout: float = 5.0, poll: float = 0.1) -> Change:
        """Waits until a tag (a sequence counter, say) differs from what it was before the write.

        `async with self.expect_change("seq"): await self.pulse("start")` reads the tag, does what is inside,
        and waits. `await self.expect_change("seq")` waits for another value than what was read before.

        Args:
            tag: which.
            timeout: seconds until the step fails.
            poll: seconds between two looks.
        """
        step = model.ExpectChange(self.__known(tag), float(timeout), float(poll))
        return Change(step, self.__perform)

    async def at_end(self, values: TagValues | None = None, /, **more: object) -> None:
        """Has tags written at the action's end, whatever happens until then; the last call's come first.

        It is what `finally` is in a site file. Unlike a `finally` block it also works where a cancellation or
        the end of the caller's time meets the block itself, or where the code hangs.
        """
        await self.__conductor.at_end(self.__write(values, more))

    async def __perform(self, step: model.Step) -> dict[str, model.Value]:
        return dict(await self.__conductor.perform(step))

    def __known(self, tag: str | Tag) -> str:
        name = tag.name if isinstance(tag, Tag) else tag
        if name not in self.__tags:
            raise ValueError(f"{type(self).__name__} has no tag {name!r}; it has {', '.join(self.__tags)}")
        return name

    def __writable(self, tag: str | Tag) -> str:
        name = self.__known(tag)
        if self.__tags[name].access is model.Access.RO:
            raise ValueError(f'tag {name!r} is only read: it has no `access="rw"`')
        return name

    def __write(self, values: TagValues | None, more: TagValues) -> model.Write:
        wanted = {**(values or {}), **more}
        if not wanted:
            raise ValueError("name at least one tag and its value")
        return model.Write({self.__writable(tag): _plain(value) for tag, value in wanted.items()})

    def __conditions(self, conditions: TagValues | None, more: TagValues) -> dict[str, model.Operand]:
        wanted = {**(conditions or {}), **more}
        if not wanted:
            raise ValueError("name at least one tag and the value that it shall have")
        names = {self.__known(tag): _plain(value) for tag, value in wanted.items()}
        return {name: as_read(value, self.__tags[name]) for name, value in names.items()}


class Change:
    """A change that is expected: to be awaited, or to be entered before what causes it."""

    def __init__(
        self,
        step: model.ExpectChange,
        perform: Callable[[model.Step], Coroutine[Any, Any, dict[str, model.Value]]],
    ) -> None:
        self._step = step
        self._perform = perform

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def __aenter__(self) -> None:
        await self._perform(model.Read((self._step.tag,)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._wait()

    async def _wait(self) -> None:
        await self._perform(self._step)


def _copied(value: object) -> object:
    """A definition's value as plain data."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple | list) else value


def _plain(value: object) -> model.Value:
    """A value as tags have it: members of enumerations are what they stand for."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, list | tuple):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> model.Scalar:
    value = value.value if isinstance(value, Enum) else value
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"{value!r} is no value of a tag")
    check_scalar(value)
    return value
