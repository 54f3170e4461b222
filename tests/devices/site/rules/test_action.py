"""Steps against tags and arguments."""

from __future__ import annotations

import pytest
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site

PROFILE = """
profiles:
  p:
    tags:
      on: {address: "coil:0", type: bool, access: rw}
      seen: {address: "discrete:0", type: bool}
      size: {address: "holding:0", type: uint16, access: rw, min: 1, max: 500}
      temp: {address: "holding:1", type: int16, scale: 0.1, access: rw}
      state: {address: "holding:2", type: uint16, enum: {0: idle, 1: running}, access: rw}
      flag: {address: "holding:3", type: bool, bit: 2, access: rw}
      name: {address: "holding:4", type: string, length: 4, access: rw}
      list: {address: "holding:8", type: uint16, count: 2, access: rw}
      seq: {address: "holding:10", type: uint16}
    actions:
      go: {args: {n: {type: integer}}, steps: [STEP], finally: [{sleep: 0}]}
"""


def problems_of(step: str) -> str:
    try:
        parse_site(PROFILE.replace("STEP", step))
    except SiteError as error:
        return "; ".join(f"{problem.path[-1]}: {problem.message}" for problem in error.problems)
    return ""


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{write: {siz: 3}}", "siz: unknown tag `siz`; did you mean `size`?"),
        ("{write: {seen: true}}", "seen: tag `seen` is only read; table discrete cannot be written"),
        ("{write: {seq: 1}}", "seq: tag `seq` is only read; set `access: rw` there"),
        ("{write: {size: $m}}", "size: unknown argument `$m`; it must stand under `args`"),
        ("{write: {size: 501}}", "size: 501 is above the maximum 500"),
        ("{write: {size: 1.5}}", "size: must be a whole number"),
        ("{write: {on: 1}}", "on: must be true or false, not 1"),
        ("{write: {on: on}}", "on: must be true or false, not 'on'"),
        ("{write: {flag: 1}}", "flag: must be true or false"),
        ("{write: {temp: 4000}}", "temp: 4000 (raw 40000) does not fit"),
        ("{write: {state: idel}}", "state: must be one of idle (0), running (1)"),
        ("{write: {name: abcde}}", "name: has 5 bytes in UTF-8; there is room for 4"),
        ("{write: {list: [1]}}", "list: has 2 elements; 1 are given"),
        ("{write: {list: [1, $n]}}", "list: an argument cannot stand inside a list"),
        ("{check: {state: idel}}", "state: must be one of idle (0), running (1)"),
        ("{check: {seen: 1}}", "seen: must be true or false"),
        ("{check: {state: 70000}}", "state: 70000 does not fit"),
        ("{wait: {timeout: 5}}", "wait: waits for nothing"),
        ("{wait: {on: true, fail_if: {stat: idle}}}", "stat: unknown tag `stat`; did you mean `state`?"),
        ("{wait: {on: $m}}", "on: unknown argument `$m`"),
        ("{pulse: seen}", "pulse: tag `seen` is only read"),
        ("{pulse: name}", "pulse: `name` cannot be pulsed"),
        ("{pulse: size}", "pulse: 0 is below the minimum 1"),
        ("{read: [on, of]}", "1: unknown tag `of`"),
        ("{expect_change: sek}", "expect_change: unknown tag `sek`; did you mean `seq`?"),
    ],
)
def test_a_step_that_cannot_work_is_refused(step: str, said: str) -> None:
    assert said in problems_of(step)


@pytest.mark.parametrize(
    "step",
    [
        "{write: {size: $n, on: true, temp: 23.54, state: running, flag: false, name: 'a', list: [1, 2]}}",
        "{write: {state: 1, list: $n, name: $$n}}",
        "{check: {size: 501, state: 7, seen: false, temp: 1.5}}",
        "{wait: {seen: true, timeout: 5, poll: 0.5, fail_if: {state: running}}}",
        "{pulse: {tag: on, for: 0.5}}",
        "{pulse: state}",
        "{read: name}",
        "{expect_change: {tag: seq, timeout: 3}}",
        "{sleep: 0.5}",
    ],
)
def test_a_step_that_can_work_is_accepted(step: str) -> None:
    assert problems_of(step) == ""


def test_an_action_cannot_have_the_name_of_a_built_in_one() -> None:
    with pytest.raises(SiteError, match="`status` is an action that every device has"):
        parse_site(PROFILE.replace("STEP", "{sleep: 1}").replace("go:", "status:"))


def test_finally_is_checked_like_steps() -> None:
    with pytest.raises(SiteError, match=r"finally\[0\]\.write\.seq: tag `seq` is only read"):
        parse_site(PROFILE.replace("STEP", "{sleep: 1}").replace("{sleep: 0}", "{write: {seq: 0}}"))


def test_the_schema_of_an_argument_is_checked() -> None:
    with pytest.raises(SiteError, match=r"actions\.go\.args\.n\.type: unknown type 'integr'"):
        parse_site(PROFILE.replace("STEP", "{sleep: 1}").replace("integer", "integr"))
