"""An inverter's map of a hundred sensors, played by a server that knows registers and nothing of plcmq."""

import asyncio
import json
import random
import struct

import pytest
from plcmq.devices.site.load import parse_site

SENSORS = 100


class Registers:
    """Answers reads of holding registers, and refuses what it does not have."""

    def __init__(self, words):
        self.words = words
        self.requests = 0

    async def serve(self, reader, writer):
        try:
            while True:
                number, _, size, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                function, address, count = struct.unpack(">BHH", await reader.readexactly(size - 1))
                self.requests += 1
                span = range(address, address + count)
                if function == 3 and all(at in self.words for at in span):
                    data = b"".join(self.words[at].to_bytes(2) for at in span)
                    pdu = bytes((3, len(data))) + data
                else:
                    pdu = bytes((function | 0x80, 2))
                writer.write(struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu)
        except asyncio.IncompleteReadError:
            writer.close()


def on_wire(canonical, order):
    """The words of a number whose bytes go over the wire in this order of letters."""
    wire = bytearray(len(canonical))
    for byte, letter in zip(canonical, "ABCDEFGH", strict=False):
        wire[order.index(letter)] = byte
    return [int.from_bytes(wire[at : at + 2]) for at in range(0, len(wire), 2)]


def sensor(number, dice):
    """A tag without its address, the words that it lies in, and the value that it must read."""
    raw = dice.randrange(1, 30000)
    match number % 10:
        case 0:
            return {"type": "int16", "scale": 0.1, "no_value": [0x8000]}, [0x8000], None
        case 1:
            return {"type": "int16", "scale": 0.1, "precision": 1}, [-raw & 0xFFFF], -raw / 10
        case 2:
            return {"type": "uint32", "order": "CDAB"}, on_wire(raw.to_bytes(4), "CDAB"), raw
        case 3:
            return {"type": "uint64", "order": "EFGHABCD"}, on_wire(raw.to_bytes(8), "EFGHABCD"), raw
        case 4:
            value = raw / 7
            form = {"type": "float32", "order": "DCBA", "precision": 3}
            return form, on_wire(struct.pack(">f", value), "DCBA"), pytest.approx(value, abs=0.002)
        case 5:
            return {"type": "int16", "scale_exponent": "sf"}, [raw], raw / 100
        case 6:
            text = f"SN{raw}"
            return {"type": "string", "length": 10, "pad": " "}, text.ljust(10).encode(), text
        case 7:
            return {"type": "uint16", "bits": [4, 6]}, [raw & 0xFF8F | 5 << 4], 5
        case 8:
            flags = {"0": "hot", "3": "door"}
            return {"type": "uint16", "flags": flags}, [0b100001001], ["hot", "door", "bit8"]
    return {"type": "mod10k32"}, [raw // 10000, raw % 10000], raw


def the_map(seed):
    """Tags by name, words by address, values by name."""
    dice, at = random.Random(seed), 10
    tags, words, values = {"sf": {"address": "holding:5", "type": "int16"}}, {5: -2 & 0xFFFF}, {}
    for number in range(SENSORS):
        form, found, value = sensor(number, dice)
        if isinstance(found, bytes):
            found = [int.from_bytes(found[place : place + 2]) for place in range(0, len(found), 2)]
        name = f"s{number}"
        tags[name], values[name] = {"address": f"holding:{at}", **form}, value
        words |= dict(enumerate(found, at))
        at += len(found) + dice.choice([0, 0, 1, 12])
    return tags, words, values


@pytest.mark.parametrize("seed", range(3))
async def test_a_hundred_sensors_of_every_kind_read_right(plant, seed):
    tags, words, values = the_map(seed)
    plant.content = parse_site(json.dumps({"profiles": {"press": {"tags": tags}}}))
    registers = Registers(words)
    server = await asyncio.start_server(registers.serve, "127.0.0.1", 0)
    async with server:
        await plant.define(1, server.sockets[0].getsockname()[1])
        async with plant.broker(), plant.client() as client:
            for _ in range(2):
                result = await client.request("read", {"tags": list(values)}, device="press-1")
            assert "errors" not in result
            assert result["values"] == values
            assert len(result["values"]) == SENSORS
            before = registers.requests
            await client.request("read", {"tags": list(values)}, device="press-1")
            assert registers.requests - before < SENSORS / 2
        server.close()
