"""Exception 6 alone is answered by asking again, a few times and within the caller's time."""

import math

import pytest
from plcmq.devices.channel import busy as retrying
from plcmq.devices.channel.busy import PAUSES, while_busy
from plcmq.devices.modbus.errors import ExceptionReply, NoReply


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(retrying, "PAUSES", (0.0,) * len(PAUSES))


def attempt(*ends):
    """An attempt that ends like this, one time after the other, and what is left of the ends."""
    left = list(ends)

    async def make():
        end = left.pop(0)
        if isinstance(end, Exception):
            raise end
        return end

    return make, left


def busy():
    return ExceptionReply(3, 6)


async def ask(make, until=math.inf):
    return await while_busy(make, lambda: 0.0, until)


async def test_what_succeeds_is_not_done_again():
    make, left = attempt("good", "never")
    assert await ask(make) == "good"
    assert left == ["never"]


async def test_a_busy_device_gets_its_further_tries():
    make, left = attempt(*(busy() for _ in PAUSES), "good")
    assert await ask(make) == "good"
    assert left == []


async def test_a_device_that_stays_busy_is_left_alone():
    make, left = attempt(*(busy() for _ in PAUSES), busy(), "never")
    with pytest.raises(ExceptionReply):
        await ask(make)
    assert left == ["never"]


@pytest.mark.parametrize(
    "error", [*(ExceptionReply(6, code) for code in (1, 2, 3, 4, 5, 10, 11)), NoReply("")]
)
async def test_nothing_else_is_tried_again(error):
    make, left = attempt(error, "never")
    with pytest.raises(type(error)):
        await ask(make)
    assert left == ["never"]


async def test_no_try_is_made_when_the_time_is_up():
    make, left = attempt(busy(), "never")
    with pytest.raises(ExceptionReply):
        await ask(make, until=0.0)
    assert left == ["never"]
