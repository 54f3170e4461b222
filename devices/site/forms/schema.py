"""The site file's forms: which fields there are, of which type, and what they mean.

Strategy: pydantic checks one value at a time and describes itself, so the JSON Schema for editors and the
check are the same text. Everything is strict: no text becomes a number, no unknown field passes. What needs
two values to judge is in `rules`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from ...modbus.limits import (
    LAST_ADDRESS,
    MAX_FUNCTION,
    MAX_READ_BITS,
    MAX_READ_REGISTERS,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
)
from ...model.devices import LinkSettings
from ...model.tags import Order
from ..definitions.presets import preset_settings
from .base import StrictForm
from .tag import TagForm
from .values import (
    Area,
    Confirmation,
    DeviceName,
    DeviceProfile,
    Host,
    Id,
    Interval,
    Loose,
    Name,
    Operand,
    PresetName,
    ReplyTime,
    Seconds,
    as_list,
    as_tag,
)

ConditionsForm = Annotated[dict[Name, Operand], Field(min_length=1)]


class PulseForm(StrictForm):
    """A pulse: true, wait, false. `pulse: start` is short for `pulse: {tag: start}`."""

    tag: Name = Field(description="The tag to pulse: a bool, or an integer that gets 1 and then 0.")
    for_: Interval = Field(default=0.2, alias="for", description="Seconds between the two writes.")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any] | str:
        fields: dict[str, Any] = handler(self)
        return self.tag if fields.keys() == {"tag"} else fields


class ExpectChangeForm(StrictForm):
    """A wait for a change. `expect_change: seq` is short for `expect_change: {tag: seq}`."""

    tag: Name = Field(description="The tag that must change, such as a sequence counter that the PLC echoes.")
    timeout: Interval = Field(default=5.0, description="Seconds until the step fails.")
    poll: Interval = Field(default=0.1, description="Seconds between two looks.")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any] | str:
        fields: dict[str, Any] = handler(self)
        return self.tag if fields.keys() == {"tag"} else fields


class WaitForm(StrictForm):
    """A wait: every field other than these three is a tag and the value to wait for."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Operand] = Field(init=False)

    timeout: Interval = Field(default=5.0, description="Seconds until the step fails.")
    poll: Interval = Field(default=0.1, description="Seconds between two looks.")
    fail_if: dict[Name, Operand] = Field(
        default={}, description="Fail at once if any of these tags has this value."
    )

    @model_serializer(mode="wrap")
    def _conditions_first(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {**self.conditions, **fields}

    @property
    def conditions(self) -> dict[str, object]:
        """The tags and the values to wait for."""
        return dict(self.__pydantic_extra__)


class RawForm(StrictForm):
    """A PDU of one's own."""

    function: Annotated[int, Field(ge=1, le=MAX_FUNCTION)] = Field(description="The function code.")
    data: str = Field(
        default="", description="What follows it, as hexadecimal text, or `$argument` that has such."
    )


class StepForm(StrictForm):
    """One step: a map with exactly one of these fields."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    check: ConditionsForm | None = Field(
        default=None, description="Go on only if every tag has its value now."
    )
    write: ConditionsForm | None = Field(default=None, description="Write tags, in the order given.")
    pulse: Annotated[PulseForm, BeforeValidator(as_tag, json_schema_input_type=str | PulseForm)] | None = (
        Field(default=None, description="Write true, wait, write false.")
    )
    wait: WaitForm | None = Field(default=None, description="Poll until every tag has its value.")
    read: (
        Annotated[
            list[Name],
            BeforeValidator(as_list, json_schema_input_type=str | list[str]),
            Field(min_length=1),
        ]
        | None
    ) = Field(default=None, description="Read tags into the action's result.")
    raw: RawForm | None = Field(
        default=None, description="Send a PDU of one's own; what comes back is `data` in the result."
    )
    sleep: Seconds | None = Field(default=None, description="Wait this many seconds.")
    expect_change: (
        Annotated[ExpectChangeForm, BeforeValidator(as_tag, json_schema_input_type=str | ExpectChangeForm)]
        | None
    ) = Field(default=None, description="Wait until a tag differs from what it was before the first write.")

    @model_validator(mode="after")
    def _one(self) -> StepForm:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            names = ", ".join(type(self).model_fields)
            have = f"{len(given)} ({', '.join(given)})" if given else "none"
            raise ValueError(f"a step is a map with exactly one of {names}; this one has {have}")
        return self


class ActionForm(StrictForm):
    """A declared command."""

    description: str = Field(default="", description="What it does, for people.")
    args: dict[Name, dict[str, Any]] = Field(
        default={}, description="JSON Schema (draft 7) of each argument; one without `default` must be given."
    )
    steps: list[StepForm] = Field(min_length=1, description="What it does, in order.")
    finally_: list[StepForm] = Field(
        default=[], alias="finally", description="Steps that run at the end, also when a step has failed."
    )
    timeout: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None,
        description="Seconds that a caller waits who does not say; else it follows from the waits, pulses "
        "and sleeps of the steps, and 5 s.",
    )
    urgent: bool = Field(
        default=False, description="It may start while another action of the device waits or sleeps."
    )
    interrupts: bool = Field(
        default=False,
        description="It ends the action under way first, whoever started it, goes ahead of everything that "
        "waits, and passes locks: a stop.",
    )
    confirm: Confirmation | None = Field(
        default=None, description="What a person is asked before it runs; `false`: nothing."
    )


class HeartbeatForm(StrictForm):
    """A tag that is written over and over while the connection stands."""

    tag: Name = Field(description="Which.")
    every: Interval = Field(default=1.0, description="Seconds between two writes.")
    values: list[Operand] = Field(
        default=[], description="What is written, one after the other, over and over."
    )
    value: Operand | None = Field(default=None, description="What is written each time.")
    count: bool = Field(default=False, description="A number that grows by 1, up to the type's end.")

    @model_validator(mode="after")
    def _one(self) -> HeartbeatForm:
        if bool(self.values) + (self.value is not None) + self.count != 1:
            raise ValueError("a heartbeat has exactly one of values, value, count")
        return self


class ProfileForm(StrictForm):
    """A kind of device: its tags and its actions."""

    description: str = Field(default="", description="What it is, for people.")
    word_order: Annotated[Order, Loose] = Field(
        default=Order.BIG,
        description="Order of the 16-bit words in longer values: `big` (ABCD) or `little` (CDAB).",
    )
    byte_order: Annotated[Order, Loose] = Field(
        default=Order.BIG,
        description="Order of the bytes in each word: `big`, or `little` (BADC; both little: DCBA).",
    )
    extends: Name | list[Name] | None = Field(
        default=None,
        description="Profiles whose tags, actions and settings are inherited; what stands here replaces "
        "them, `null` removes a tag or an action.",
    )
    address_base: Literal[0, 1] = Field(
        default=0, description="What the numbers after `table:` count from in this profile."
    )
    on_connect: list[StepForm] = Field(
        default=[], description="Steps that run after each new connection, before anything else is sent."
    )
    heartbeat: list[HeartbeatForm] = Field(
        default=[], description="Tags that are written over and over while the connection stands."
    )
    tags: dict[Name, TagForm] = Field(default={}, description="The device's values, by name.")
    actions: dict[Name, ActionForm] = Field(default={}, description="The device's commands, by name.")


_LINK: Final = LinkSettings()


class LinkForm(StrictForm):
    """How the device wants to be talked to. All times in seconds. What stands beside a preset wins."""

    preset: PresetName | None = Field(
        default=None, description="The settings that fit a well-known kind of device, by its name."
    )
    timeout: ReplyTime = Field(default=_LINK.timeout, description="For the reply to one Modbus request.")
    connect_timeout: Interval = Field(
        default=_LINK.connect_timeout, description="For the TCP connection to open."
    )
    connect_delay: Seconds = Field(
        default=_LINK.connect_delay, description="Between the connection's opening and its first request."
    )
    request_gap: Seconds = Field(
        default=_LINK.request_gap, description="Between a reply and the next request."
    )
    idle_close: Interval | None = Field(
        default=_LINK.idle_close, description="Close after this time without a request; null: stay connected."
    )
    keep_warm: Interval | None = Field(
        default=_LINK.keep_warm,
        description="Read one register after this time without a request; null: never.",
    )
    backoff_max: Interval = Field(
        default=_LINK.backoff_max, description="Longest time between two attempts to connect."
    )
    max_registers: int = Field(
        default=_LINK.max_registers, ge=1, le=MAX_READ_REGISTERS, description="Registers in one read."
    )
    max_coils: int = Field(default=_LINK.max_coils, ge=1, le=MAX_READ_BITS, description="Bits in one read.")
    max_write_registers: int = Field(
        default=_LINK.max_write_registers,
        ge=1,
        le=MAX_WRITE_REGISTERS,
        description="Registers in one write (FC 16).",
    )
    max_write_coils: int = Field(
        default=_LINK.max_write_coils, ge=1, le=MAX_WRITE_BITS, description="Bits in one write (FC 15)."
    )
    max_gap: int = Field(
        default=_LINK.max_gap,
        ge=0,
        le=MAX_READ_BITS,
        description="Unwanted registers (or 16 bits each) that a read may span to save a request.",
    )
    window: int = Field(default=_LINK.window, ge=1, le=16, description="Modbus requests in flight at once.")
    functions: list[Annotated[int, Field(ge=1, le=127)]] = Field(
        default=sorted(_LINK.functions), min_length=1, description="The function codes that the device has."
    )
    any_unit: bool = Field(default=_LINK.any_unit, description="Accept replies that carry another unit id.")

    @field_validator("functions")
    @classmethod
    def _sorted(cls, functions: list[int]) -> list[int]:
        return sorted(set(functions))

    @model_serializer(mode="wrap")
    def _beside_preset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With a preset what counts is what differs from it, not from the defaults."""
        fields: dict[str, Any] = handler(self)
        if self.preset is None:
            return fields
        usual = {**LinkForm().model_dump(mode="json"), **preset_settings(self.preset)}
        given = [name for name in type(self).model_fields if name in self.model_fields_set]
        differing = {name: value for name in given if (value := getattr(self, name)) != usual[name]}
        return {"preset": self.preset, **differing}


class DeviceForm(StrictForm):
    """One device: a unit behind an endpoint, and what kind it is."""

    id: Id = Field(description="Its number, for good: whatever else changes, this identifies it.")
    name: DeviceName = Field(description="Its name; unique, not a number.")
    host: Host = Field(description="Host name or IP address.")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port.")
    unit: int = Field(default=1, ge=0, le=255, description="Modbus unit id.")
    profile: DeviceProfile = Field(
        description="Name of its profile, or `module:Class` for one written in Python."
    )
    address_offset: int = Field(
        default=0,
        ge=-LAST_ADDRESS,
        le=LAST_ADDRESS,
        description="Added to every address of its profile.",
    )
    area: Area = Field(
        default="", description="Where in the plant it is, from large to small: `hall-2/line-1`."
    )
    link: LinkForm = Field(default=LinkForm(), description="How it wants to be talked to.")
    enabled: bool | None = Field(
        default=None,
        description="Whether it is served; unless given, it stays as it is, and a new device is enabled.",
    )
    description: str = Field(default="", description="What it is, for people.")


class SiteForm(StrictForm):
    """A plcmq site file: profiles (kinds of devices) and devices."""

    include: str | list[str] | None = Field(
        default=None,
        description="Other files of this site, relative to this one and within its folder, such as "
        "`profiles/*.yaml`.",
    )
    profiles: dict[Name, ProfileForm] = Field(default={}, description="Kinds of devices, by name.")
    devices: list[DeviceForm] = Field(default=[], description="The devices.")
