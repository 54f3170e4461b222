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


async def test_a_mix_in_an_open_loop_with_reports(plant, press, tmp_path):
    """Everything that is due is asked, and the PLC has seen the writes; the files are the result."""
    html, output = tmp_path / "report.html", tmp_path / "result.json"
    mix = ["--read", "temperature,state:8", "--write", "nok_limit=4:1", "--read", "nope:1", "--allow-writes"]
    load = ["--rate", "300", "--duration", "1", "--warm-up", "0.5", "--ramp", "0.5", "--seed", "1"]
    status, out, err = await bench(
        plant, "press-1", *mix, *load, "--html", str(html), "--output", str(output), "--json"
    )
    assert status == 0, err
    document = json.loads(out)
    assert json.loads(output.read_text()) == document
    requests = document["requests"]
    assert requests["due"] == 300
    assert requests["succeeded"] + requests["failed"] == 300
    assert document["errors"].keys() == {"unknown_tag"}
    assert document["operations"].keys() == {"read temperature,state", "write nok_limit", "read nope"}
    assert document["latency"]["p50"] <= document["latency"]["p99"]
    assert html.read_text().count("<svg") == 3
    _, client = press
    assert await client.read("press-1", "nok_limit") == 4


async def test_a_closed_loop_over_several_processes(plant, press):
    load = [
        "--in-flight",
        "4",
        "--processes",
        "2",
        "--connections",
        "3",
        "--duration",
        "0.5",
        "--warm-up",
        "0",
    ]
    status, out, err = await bench(plant, "press-1", *load)
    assert status == 0, err
    head, _unit, names, row = out.splitlines()[:4]
    assert "requests/s" in head
    assert names.split("\t")[0] == "OPERATION"
    assert row.split("\t")[0] == "read"
