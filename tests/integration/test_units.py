"""Several units behind one endpoint, as a gateway has: one socket, fair turns, a breaker for each (F9).

What a dead unit costs the others is counted as time of the connection: each request to it keeps all others
waiting for its timeout.
"""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from plcmq.client import PlcmqError
from plcmq.devices.simulator.faults.base import Fault
from plcmq.devices.simulator.faults.gateway import DeadUnit
from plcmq.devices.simulator.plc import SimulatedPlc

UNITS = range(1, 9)
DEAD, LIVING = 8, range(1, 8)
DELAY, TIMEOUT = 0.003, 0.5  # seconds
ROUNDS = 200
WRITE = 6  # function code
LINK = {"timeout": TIMEOUT, "backoff_max": 0.5}


class Units(Fault):
    """No fault: counts the requests of each unit, and writes down which were writes."""

    def __init__(self):
        super().__init__()
        self.requests = Counter()
        self.writes = []

    def before(self, exchange):
        self.requests[exchange.unit] += 1
        self.writes.append(exchange.function == WRITE)


@asynccontextmanager
async def gateway(plant):
    """Eight presses behind one endpoint, a broker and a client."""
    units = Units()
    async with SimulatedPlc(plant.profile, unit=1, name="press-1", delay=DELAY) as plc:
        plc.add(units)
        for number in UNITS:
            if number > 1:
                plc.add_unit(number, plant.profile, f"press-{number}")
            await plant.define(number, plc.port, unit=number, link=LINK)
        async with plant.broker(), plant.client() as client:
            await asyncio.gather(*(read(client, number) for number in UNITS))
            yield plc, client, units


async def read(client, number):
    return await client.read(f"press-{number}", "stroke_no")


async def error_of(client, number):
    with pytest.raises(PlcmqError) as caught:
        await read(client, number)
    return caught.value


@pytest.mark.slow
async def test_with_one_of_eight_units_dead_the_others_keep_nine_tenths_of_their_rate(plant):
    async with gateway(plant) as (plc, client, units):
        stop, errors = asyncio.Event(), []

        async def bother():
            while not stop.is_set():
                errors.append(await error_of(client, DEAD))
                await asyncio.sleep(DELAY)

        async def go_on(number):
            for _ in range(ROUNDS):
                await read(client, number)

        with plc.fault(DeadUnit(units=frozenset({DEAD}), block=TIMEOUT / 2)):
            for _ in range(2):
                assert (await error_of(client, DEAD)).code == "timeout"
            units.requests.clear()
            begin = asyncio.get_running_loop().time()
            bothering = [asyncio.create_task(bother()) for _ in range(5)]
            await asyncio.gather(*(go_on(number) for number in LIVING))
            elapsed = asyncio.get_running_loop().time() - begin
            stop.set()
            await asyncio.gather(*bothering)
        lost = units.requests[DEAD] * TIMEOUT
        assert lost <= 0.1 * elapsed, units.requests
        assert {units.requests[number] for number in LIVING} == {ROUNDS}
        assert {(error.code, error.outcome) for error in errors} <= {
            ("device_down", "not_executed"),
            ("timeout", "not_executed"),
        }
        counters = (await client.request("status", device="press-1"))["counters"]
        assert (counters["connects"], counters["disconnects"]) == (1, 0)
        assert plc.evidence.sockets.opened == 1


async def test_callers_of_a_dead_unit_fail_at_once_while_its_breaker_is_open(plant):
    async with gateway(plant) as (plc, client, units):
        with plc.fault(DeadUnit(units=frozenset({DEAD}), block=TIMEOUT / 2)):
            for _ in range(2):
                await error_of(client, DEAD)
            before = units.requests[DEAD]
            for error in await asyncio.gather(*(error_of(client, DEAD) for _ in range(50))):
                assert (error.code, error.outcome, error.retryable) == ("device_down", "not_executed", True)
            assert units.requests[DEAD] == before
            assert (await client.request("status", device="press-1"))["state"] == "up"
            await asyncio.gather(*(read(client, number) for number in LIVING))
        assert plc.evidence.sockets.opened == 1


async def test_a_unit_that_the_gateway_calls_silent_is_no_fault_of_the_connection(plant):
    async with gateway(plant) as (plc, client, _units):
        with plc.fault(DeadUnit(units=frozenset({DEAD}), block=0.01, code=11)):
            codes = [(await error_of(client, DEAD)).code for _ in range(3)]
            assert codes == ["device_error", "device_error", "device_down"]
            await asyncio.gather(*(read(client, number) for number in LIVING))
        assert plc.evidence.sockets.opened == 1


async def test_a_command_goes_before_the_reads_of_all_units(plant):
    """Its second write comes right behind its first, or behind the one read that was under way then."""
    async with gateway(plant) as (_plc, client, units):
        stop = asyncio.Event()

        async def poll(number):
            while not stop.is_set():
                await read(client, number)

        polling = [asyncio.create_task(poll(number)) for number in UNITS for _ in range(2)]
        for number in range(1, 11):
            await client.request("stroke", {"number": number}, device="press-1")
        stop.set()
        await asyncio.gather(*polling)
    places = [place for place, is_write in enumerate(units.writes) if is_write]
    assert len(places) == 20
    assert all(second - first <= 2 for first, second in zip(places[::2], places[1::2], strict=True))
