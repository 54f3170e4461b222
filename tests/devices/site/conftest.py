from __future__ import annotations

import pytest
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.load import parse_site

PRESS = """\
profiles:
  press:
    description: Hydraulic press with a batch counter
    tags:
      batch_size:  {address: "holding:0", type: uint16, access: rw, min: 1, max: 500, unit: pcs}
      nok_limit:   {address: "holding:1", type: uint16, access: rw}
      start:       {address: "coil:0", type: bool, access: rw}
      running:     {address: "discrete:0", type: bool}
      temperature: {address: "input:0", type: int16, scale: 0.1, unit: degC}
      batch_no:    {address: "holding:10", type: uint32}
      state:       {address: "holding:12", type: uint16, enum: {0: idle, 1: running, 2: fault}}
      door_open:   {address: "holding:13", type: bool, bit: 3}
      recipe:      {address: "holding:20", type: string, length: 16, access: rw}
    actions:
      start_batch:
        description: Load the batch parameters and start the press
        args:
          batch_size: {type: integer, minimum: 1, maximum: 500, default: 15}
          nok_num: {type: integer, minimum: 0, default: 3}
        steps:
          - check: {running: false}
          - write: {batch_size: $batch_size, nok_limit: $nok_num}
          - write: {start: true}
          - wait:  {running: true, timeout: 5, fail_if: {state: fault}}
          - read:  [batch_no, state]
        finally:
          - write: {start: false}
devices:
  - {id: 1, name: press-1, host: 192.168.0.10, port: 502, unit: 1, profile: press}
  - id: 2
    name: press-2
    host: 192.168.0.11
    profile: press
    link: {timeout: 1.0, connect_delay: 0.2, request_gap: 0.05, max_registers: 100}
"""


@pytest.fixture
def press_text() -> str:
    """The example of the site file's reference."""
    return PRESS


@pytest.fixture
def press() -> SiteContent:
    return parse_site(PRESS, "press.yaml")
