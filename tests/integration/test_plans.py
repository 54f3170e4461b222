"""Few requests for many readers, whole values, commands first: judged by what the PLC has seen."""

import asyncio
import struct
from itertools import pairwise, product

import pytest
from plcmq.devices.simulator.faults.base import Fault
from plcmq.devices.simulator.faults.register_map import Tear
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.definitions.content import SiteContent

CALLERS = 100
ROUNDS = 20
DELAY = 0.005  # seconds that the PLC takes for a request
WRITE = 6  # function code

ORDERS = {"big": ">", "little": "<"}
NUMBERS = {  # by type: struct's letter of it, and values
    "int16": ("h", (-32768, -2, 0x1234)),
    "uint16": ("H", (0, 0x1234, 65535)),
    "int32": ("i", (-(2**31), -2, 0x12345678)),
    "uint32": ("I", (0x12345678, 2**32 - 1)),
    "int64": ("q", (-(2**63), 0x0123456789ABCDEF)),
    "uint64": ("Q", (0x0123456789ABCDEF, 2**64 - 1)),
    "float32": ("f", (-1.5, 3.4028234663852886e38, 2.0**-149)),
    "float64": ("d", (-1.5, 0.1, 1.7976931348623157e308)),
}
GOLDEN = [
    (f"{kind}-{word}-{byte}", kind, word, byte)
    for kind, word, byte in product([*NUMBERS, "bcd16", "bcd32", "string"], ORDERS, ORDERS)
]


class Recorder(Fault):
    """No fault: writes down the function codes in the order in which the PLC gets them."""

    def __init__(self):
        super().__init__()
        self.functions = []

    def before(self, exchange):
        self.functions.append(exchange.function)


def tags_for(plant, tags, actions=None):
    """Gives the plant's presses these tags instead of their own."""
    profile = {"tags": tags} | ({"actions": actions} if actions else {})
    plant.content = SiteContent({"press": profile})
    plant.profile = compile_site(plant.content).profiles["press"]


async def test_a_hundred_callers_of_a_hundred_tags_cost_at_most_three_requests_a_round(plant):
    names = [f"t{i}" for i in range(CALLERS)]
    tags_for(plant, {name: {"address": f"holding:{i}", "type": "uint16"} for i, name in enumerate(names)})
    async with plant.press(1, delay=DELAY) as plc, plant.broker(), plant.client() as client:
        plc.unit.holding[0:CALLERS] = list(range(CALLERS))
        await client.read("press-1", *names)
        before = plc.evidence.requests
        for _ in range(ROUNDS):
            values = await asyncio.gather(*(client.read("press-1", name) for name in names))
            assert values == list(range(CALLERS))
        assert plc.evidence.requests - before <= 3 * ROUNDS


async def test_a_torn_value_never_appears(plant):
    """Both words change between any two requests; the limit of 3 registers invites to split every pair."""
    names = [f"t{i}" for i in range(10)]
    tags_for(plant, {name: {"address": f"holding:{2 * i}", "type": "uint32"} for i, name in enumerate(names)})
    tears = [Tear(address=2 * i) for i in range(10)]
    async with (
        plant.press(1, link={"max_registers": 3}) as plc,
        plant.broker(),
        plant.client() as client,
    ):
        for tear in tears:
            plc.add(tear)

        async def look(*wanted):
            for _ in range(ROUNDS):
                result = await client.request("read", {"tags": wanted}, device="press-1")
                assert result["values"].keys() == set(wanted)
                assert all(value >> 16 == value & 0xFFFF for value in result["values"].values()), result

        await asyncio.gather(look(*names), look(*names[3:6]), *(look(name) for name in names))
        assert sum(plc.unit.holding[0:20]) > 0
        assert [tear.struck for tear in tears] == [0] * 10


async def test_a_command_waits_for_one_transaction_at_most_under_full_polling(plant):
    """Each of its writes comes right behind its last one, or behind the one read that was under way then."""
    names = [f"t{i}" for i in range(16)]
    tags = {name: {"address": f"holding:{1000 + 200 * i}", "type": "uint16"} for i, name in enumerate(names)}
    tags["out"] = {"address": "holding:0", "type": "uint16", "access": "rw"}
    writes = {"steps": [{"write": {"out": value}} for value in range(1, 6)]}
    tags_for(plant, tags, {"go": writes})
    async with plant.press(1, delay=0.002) as plc, plant.broker(), plant.client() as client:
        stop, recorder = asyncio.Event(), Recorder()
        plc.add(recorder)

        async def poll(name):
            while not stop.is_set():
                await client.read("press-1", name)

        polling = [asyncio.create_task(poll(name)) for name in names * 3]
        await plc.evidence.wait_until(lambda e: e.reads > 2 * len(names))
        for _ in range(5):
            await client.request("go", device="press-1")
        stop.set()
        await asyncio.gather(*polling)
    places = [place for place, function in enumerate(recorder.functions) if function == WRITE]
    assert len(places) == 25
    for first in range(0, 25, 5):
        command = places[first : first + 5]
        assert all(later - earlier <= 2 for earlier, later in pairwise(command))
    assert len(recorder.functions) > 50, "there was polling all the time"


def registers_of(kind, word, byte, value):
    """The registers that hold a value, by struct alone."""
    if kind == "string":
        raw, word = value.encode().ljust(8, b"\0"), "big"  # a text has no most significant word
    elif kind in ("bcd16", "bcd32"):
        raw = bytes.fromhex(f"{value:0{4 if kind == 'bcd16' else 8}d}")
    else:
        raw = struct.pack(">" + NUMBERS[kind][0], value)
    registers = list(struct.unpack(f"{ORDERS[byte]}{len(raw) // 2}H", raw))
    return registers if word == "big" else registers[::-1]


def values_of(kind):
    others = {"bcd16": (0, 1234, 9999), "bcd32": (12345678, 99999999), "string": ("ABCDEFG", "x")}
    return others[kind] if kind in others else NUMBERS[kind][1]


@pytest.mark.parametrize("at", range(3))
async def test_golden_values_of_every_type_and_order_go_and_come_as_struct_has_them(plant, at):
    places = {name: 10 * i for i, (name, *_) in enumerate(GOLDEN)}
    tags = {}
    for name, kind, word, byte in GOLDEN:
        tags[name] = {"address": f"holding:{places[name]}", "type": kind, "access": "rw"}
        tags[name] |= {"word_order": "little"} if word == "little" else {}
        tags[name] |= {"byte_order": "little"} if byte == "little" else {}
        tags[name] |= {"length": 8} if kind == "string" else {}
    tags_for(plant, tags)
    golden = {name: values_of(kind)[at % len(values_of(kind))] for name, kind, *_ in GOLDEN}
    async with plant.press(1) as plc, plant.broker(), plant.client() as client:
        await client.write("press-1", golden)
        for name, kind, word, byte in GOLDEN:
            expected = registers_of(kind, word, byte, golden[name])
            start = places[name]
            assert list(plc.unit.holding[start : start + len(expected)]) == expected, name
        plc.unit.holding[0 : 10 * len(GOLDEN)] = [0] * 10 * len(GOLDEN)
        for name, kind, word, byte in GOLDEN:
            registers = registers_of(kind, word, byte, golden[name])
            plc.unit.holding[places[name] : places[name] + len(registers)] = registers
        assert await client.read("press-1", *golden) == golden
