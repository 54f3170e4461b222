"""The device model: what a site file and a Python class both compile to.

Strategy: frozen data and nothing else. It knows no wire, no file format and no socket, so broker, hosts,
simulator and tests can all read it. Addresses are 0-based as on the wire; times are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

Scalar = bool | int | float | str
Value = Scalar | list[Scalar] | None
"""What a tag's value is: a scalar, a list for an array tag, `None` for a float that is not a number."""


class Table(StrEnum):
    """The four tables of the Modbus data model (Modbus Application Protocol V1.1b3, section 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def is_bits(self) -> bool:
        """Whether an address holds one bit rather than a 16-bit register."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def is_writable(self) -> bool:
        """Whether the protocol has a function code that writes it."""
        return self in (Table.COIL, Table.HOLDING)


class Type(StrEnum):
    """The type of a tag's value."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BCD16 = "bcd16"
    BCD32 = "bcd32"


class Order(StrEnum):
    """Big: the most significant part comes first."""

    BIG = "big"
    LITTLE = "little"


class Access(StrEnum):
    """Whether a tag may be written."""

    RO = "ro"
    RW = "rw"


@dataclass(frozen=True, slots=True)
class Verify:
    """How a written value is read back."""

    tag: str | None = None  # another tag to read instead of the written one
    after: float = 0.0  # seconds between the write and the read


@dataclass(frozen=True, slots=True)
class Tag:
    """A named value in a device's memory."""

    name: str
    table: Table
    address: int  # 0-based, of the first register or bit
    type: Type
    access: Access = Access.RO
    count: int | None = None  # elements of an array; None for a scalar
    length: int = 0  # bytes of a string
    bit: int | None = None  # the bit of a register that a bool is; 0 is the least significant
    scale: float = 1.0  # value = raw * scale + offset
    offset: float = 0.0
    word_order: Order = Order.BIG  # of the 16-bit words in a longer value
    byte_order: Order = Order.BIG  # of the bytes in each word
    unit: str = ""
    min: float | None = None
    max: float | None = None
    enum: Mapping[int, str] | None = None  # name by raw number
    verify: Verify | None = None
    description: str = ""

    @property
    def is_scaled(self) -> bool:
        """Whether raw and value differ by scale or offset."""
        return self.scale != 1.0 or self.offset != 0.0


@dataclass(frozen=True, slots=True)
class ArgRef:
    """`$name` in a step: the value of one of the action's arguments."""

    name: str


Operand = Value | ArgRef


@dataclass(frozen=True, slots=True)
class Check:
    """Goes on only if every tag has its value now."""

    conditions: Mapping[str, Operand]


@dataclass(frozen=True, slots=True)
class Write:
    """Writes the tags in the order given."""

    values: Mapping[str, Operand]


@dataclass(frozen=True, slots=True)
class Pulse:
    """Writes true, waits, writes false (1 and 0 for a tag that is no bool)."""

    tag: str
    duration: float = 0.2  # seconds; `for` in a site file


@dataclass(frozen=True, slots=True)
class Wait:
    """Polls until every tag has its value."""

    conditions: Mapping[str, Operand]
    timeout: float = 5.0  # seconds
    poll: float = 0.1  # seconds between two looks
    fail_if: Mapping[str, Operand] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """Reads tags; what is read becomes part of the action's result."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Waits."""

    duration: float  # seconds


@dataclass(frozen=True, slots=True)
class ExpectChange:
    """Waits until a tag (a sequence counter, say) differs from what it was before the first write."""

    tag: str
    timeout: float = 5.0  # seconds
    poll: float = 0.1  # seconds between two looks


Step = Check | Write | Pulse | Wait | Read | Sleep | ExpectChange


class Conductor(Protocol):
    """What the code of a Python action asks for its steps."""

    async def perform(self, step: Step) -> Mapping[str, Value]:
        """Performs a step; what it read, by tag.

        Raises:
            PlcmqError: the step failed, and with it the action.
        """

    async def at_end(self, step: Step) -> None:
        """Has a step performed at the action's end, whatever happens until then."""


Script = Callable[[Conductor, Mapping[str, Value]], Coroutine[object, object, object]]
"""The code of a Python action, ready to run with its arguments; it returns the action's result."""


@dataclass(frozen=True, slots=True)
class Action:
    """A declared command: arguments, steps, and what to do at the end whatever happened.

    Attributes:
        script: Python code that asks for the steps one by one, instead of `steps`.
    """

    name: str
    args: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # JSON Schema by argument
    steps: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = ()
    description: str = ""
    script: Script | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of device."""

    name: str
    tags: Mapping[str, Tag]
    actions: Mapping[str, Action] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How one endpoint wants to be talked to. All times in seconds."""

    timeout: float = 1.0  # for the reply to one transaction
    connect_timeout: float = 3.0  # for the TCP connection to open
    connect_delay: float = 0.0  # between the connection's opening and its first request
    request_gap: float = 0.0  # between a reply and the next request
    idle_close: float | None = None  # close after this time without a request; None: stay connected
    keep_warm: float | None = None  # read one register after this time without a request; None: never
    backoff_max: float = 10.0  # longest time between two attempts to connect
    max_registers: int = 125  # in one read of registers
    max_coils: int = 2000  # in one read of bits
    max_write_registers: int = 123  # in one FC16
    max_write_coils: int = 1968  # in one FC15
    max_gap: int = 8  # unwanted registers (or 16 bits each) that a read may span to save a request
    window: int = 1  # transactions in flight at once
    functions: frozenset[int] = frozenset({1, 2, 3, 4, 5, 6, 15, 16, 43})  # function codes the device has
    any_unit: bool = False  # accept replies that carry another unit id


@dataclass(frozen=True, slots=True)
class Device:
    """One device: a unit behind an endpoint, and what kind it is."""

    id: int
    name: str
    host: str
    profile: str
    port: int = 502
    unit: int = 1
    link: LinkSettings = LinkSettings()
    enabled: bool = True
    description: str = ""

    @property
    def endpoint(self) -> Endpoint:
        """Where its TCP connection goes. Devices that share it share the connection."""
        return Endpoint(self.host, self.port)

    @property
    def place(self) -> str:
        """Endpoint and unit as text: what a device's addresses are addresses of."""
        return f"{self.endpoint}/{self.unit}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address, as text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that a site file or a registry holds."""

    profiles: Mapping[str, Profile] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()


class State(StrEnum):
    """The state of a device, as `devices` and `status` tell it."""

    UP = "up"
    IDLE = "idle"  # closed on purpose; connects on demand
    CONNECTING = "connecting"
    DOWN = "down"
    UNSERVED = "unserved"  # no host serves it
    DISABLED = "disabled"
