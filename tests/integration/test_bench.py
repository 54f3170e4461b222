"""`plcmq bench` against a real broker and a simulated press."""

import asyncio
import json
import subprocess
import sys


async def bench(plant, *arguments):
    command = [sys.executable, "-m", "plcmq.broker.cli", "bench", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, "--broker", plant.serving.bind, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_mix_in_an_open_loop_with_its_result_in_a_file(plant, press, tmp_path):
    """Everything that is due is asked, and the PLC has seen the writes; the file is the result."""
    output = tmp_path / "result.json"
    mix = ["--read", "temperature,state:8", "--write", "nok_limit=4:1", "--read", "nope:1", "--allow-writes"]
    load = ["--rate", "300", "--duration", "1", "--warm-up", "0.5", "--seed", "1", "--connections", "3"]
    status, out, err = await bench(plant, "press-1", *mix, *load, "--output", str(output), "--json")
    assert status == 0, err
    document = json.loads(out)
    assert json.loads(output.read_text()) == document
    requests = document["requests"]
    assert requests["due"] == 300
    assert requests["succeeded"] + requests["failed"] == 300
    assert document["errors"].keys() == {"unknown_tag"}
    assert document["operations"].keys() == {"read temperature,state", "write nok_limit", "read nope"}
    assert document["latency"]["p50"] <= document["latency"]["p99"]
    _, client = press
    assert await client.read("press-1", "nok_limit") == 4
