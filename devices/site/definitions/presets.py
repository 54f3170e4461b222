"""Link settings by name, for devices whose ways are documented: `link: {preset: huawei-sun2000}`.

Strategy: data, each entry with its source. A preset holds only what its source says or what follows from it;
what a site gives beside it wins, setting by setting. Presets say nothing of tags: those are in profiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .problems import suggestion


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that fit one kind of device.

    Attributes:
        name: as a site file gives it.
        why: what the device does, and so why these settings.
        source: who says so.
        settings: as in a site file's `link`; times in seconds.
    """

    name: str
    why: str
    source: str
    settings: Mapping[str, Any]


_ALL: Final = (
    Preset(
        "huawei-sun2000",
        "One client; not ready for 1 to 2 s after a connection has opened; wants 50 ms between requests; "
        "slow answers are usual.",
        "wlcrs/huawei_solar #13; evcc #30803, #31996, #32235; openhab-core #2926",
        {"timeout": 5.0, "connect_delay": 2.0, "request_gap": 0.05, "backoff_max": 30.0},
    ),
    Preset(
        "solaredge",
        "One client; a second one is refused, and so are we as long as it stays: no use in knocking often.",
        "binsentsu/home-assistant-solaredge-modbus #87, #107; evcc #3183",
        {"backoff_max": 30.0},
    ),
    Preset(
        "solis",
        "Loses requests that come within 300 ms of the last reply.",
        "solis #480",
        {"request_gap": 0.3},
    ),
    Preset(
        "sma-stp60",
        "At most one Modbus request in a second.",
        "SMA STP60 SunSpec Modbus, Technical Information, page 50",
        {"request_gap": 1.0, "timeout": 2.0},
    ),
    Preset(
        "beckhoff-bk9000",
        "Closes a connection after about 10 s without a request (BK9xxx and BC9xxx). The watchdog for "
        "outputs, 1000 ms unless changed, is another matter: give `keep_warm: 0.4` if it is on.",
        "Beckhoff Infosys 12262564235, 2802236939",
        {"keep_warm": 5.0},
    ),
    Preset(
        "wago-750",
        "Writes take less than reads: 100 registers and 800 coils. The register watchdog counts in 100 ms "
        "and has 10 s unless changed, which `keep_warm` feeds if its mask holds function code 3.",
        "WAGO 750-881 manual, registers 0x1000 to 0x1009 and 0x1029",
        {"max_write_registers": 100, "max_write_coils": 800, "keep_warm": 3.0},
    ),
    Preset(
        "wago-pfc200",
        "A request is processed only when the answer before it has left; answers may be up to 32 ms late by "
        "configuration.",
        "WAGO 750-8207 manual, page 294",
        {"window": 1},
    ),
    Preset(
        "siemens-s7",
        "One connection to a port (S7-1200); the server answers once a scan; has no function "
        "codes 22, 23 and 43.",
        "S7-1200 System Manual 11/2011, page 592; S7-1500 reports of about 200 ms for 125 registers",
        {"timeout": 2.0, "functions": [1, 2, 3, 4, 5, 6, 15, 16]},
    ),
    Preset(
        "schneider-quantum-noe",
        "Takes 100 registers in one write, and 8 requests a scan.",
        "Schneider Electric FA197598; 140 NOE user manual",
        {"max_write_registers": 100},
    ),
    Preset(
        "automationdirect-dl205",
        "Takes 100 registers in one write. Its words are in little order, which is the profile's business.",
        "DL205 and DL260 reports (ECOM modules), FC16 limit 100",
        {"max_write_registers": 100},
    ),
    Preset(
        "eastron-sdm",
        "Refuses a read of more than 30 values, which are 60 registers. Behind a serial gateway as a rule.",
        "Eastron SDM72D-M user manual V1.5, page 14",
        {"max_registers": 60, "timeout": 2.0},
    ),
)

PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _ALL}
"""All presets, by name."""


def known_preset(name: str) -> str:
    """The name again, if there is such a preset.

    Raises:
        ValueError: there is none; with the nearest name or all of them.
    """
    if name not in PRESETS:
        hint = suggestion(name, PRESETS) or f"; there are {', '.join(PRESETS)}"
        raise ValueError(f"unknown preset `{name}`{hint}")
    return name


def preset_settings(name: str) -> dict[str, Any]:
    """What a preset sets.

    Raises:
        ValueError: there is none of that name.
    """
    return dict(PRESETS[known_preset(name)].settings)
