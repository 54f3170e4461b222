"""The example load test: real Locust, a real broker, and simulated presses."""

import asyncio
import csv
import json
import subprocess
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[2] / "examples" / "load_test" / "locustfile.py"


async def load(plant, folder, *options):
    """The statistics by name, the failures as (name, error), and the exit status."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--json", "--csv", "load"]
    host = plant.serving.bind.replace("tcp://", "plcmq://")
    process = await asyncio.create_subprocess_exec(
        *command, "--host", host, *options, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, log = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in log.decode()
    failures = csv.DictReader((folder / "load_failures.csv").read_text().splitlines())
    entries = {entry["name"]: entry for entry in json.loads(out)}
    return entries, {(row["Name"], row["Error"]) for row in failures}, process.returncode


async def test_twenty_users_read_and_nothing_is_written(plant, tmp_path):
    async with plant.press(1) as first, plant.press(2) as second, plant.broker():
        users = ["--users", "20", "--spawn-rate", "20", "--run-time", "2s"]
        entries, failures, status = await load(plant, tmp_path, *users)
        assert entries["devices"]["num_requests"] == 20
        assert entries["read the screen"]["num_requests"] > 0
        assert sum(entry["num_failures"] for entry in entries.values()) == 0
        assert (failures, status) == (set(), 0)
        assert first.evidence.requests > 0
        assert second.evidence.requests > 0
        assert first.evidence.writes + second.evidence.writes == 0


async def test_failures_are_told_by_code_and_batches_started_when_asked_for(plant, tmp_path):
    async with plant.press(1) as press, plant.broker():
        # So many that some start a batch: each does in one of twelve tasks.
        users = ["--users", "100", "--spawn-rate", "100", "--run-time", "2s"]
        users += ["--devices", "press-1,press-1,press-1,nope"]
        entries, failures, status = await load(plant, tmp_path, *users, "--allow-writes")
        assert ("read the screen", "unknown_device (not_executed)") in failures
        assert entries["read the screen"]["num_requests"] > entries["read the screen"]["num_failures"]
        assert status == 1
        assert entries["start a batch"]["num_requests"] > 0
        assert press.evidence.writes > 0
