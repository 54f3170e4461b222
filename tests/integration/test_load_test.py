"""The example load test: real Locust, a real broker, and simulated presses."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[2] / "examples" / "load_test" / "locustfile.py"

# A second locustfile, which ends the run when all that is wanted has been seen, however long that takes.
UNTIL_SEEN = """
import gevent
from collections import Counter
from locust import events

wanted = Counter({wanted!r})

@events.init.add_listener
def quit_when_all_has_been_seen(environment, **_):
    seen = Counter()

    @environment.events.request.add_listener
    def note(name, exception, **_):
        had_all = seen >= wanted
        seen[name if exception is None else f"{{name}}: {{exception!r}}"] += 1
        if seen >= wanted and not had_all:
            gevent.spawn(environment.runner.quit)
"""


async def load(plant, folder, wanted, *options):
    """Runs until so many of each name and error were seen: the statistics by name, and the exit status."""
    (folder / "until_seen.py").write_text(UNTIL_SEEN.format(wanted=wanted))
    files = f"{LOCUSTFILE},until_seen.py"
    command = [sys.executable, "-m", "locust", "-f", files, "--headless", "--json"]
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
    return {entry["name"]: entry for entry in json.loads(out)}, process.returncode


async def test_twenty_users_read_and_nothing_is_written(plant, tmp_path):
    async with plant.press(1) as first, plant.press(2) as second, plant.broker():
        wanted = {"devices": 20, "read the screen": 40, "read one tag": 10, "status": 1}
        entries, status = await load(plant, tmp_path, wanted, "--users", "20", "--spawn-rate", "20")
        assert entries["devices"]["num_requests"] == 20
        assert sum(entry["num_failures"] for entry in entries.values()) == 0
        assert status == 0
        assert first.evidence.requests + second.evidence.requests > 0
        assert first.evidence.writes + second.evidence.writes == 0


async def test_failures_are_told_by_code_and_batches_started_when_asked_for(plant, tmp_path):
    async with plant.press(1) as press, plant.broker():
        unknown = "read the screen: unknown_device (not_executed)"
        wanted = {"read the screen": 1, unknown: 1, "start a batch": 1}
        users = ["--users", "40", "--spawn-rate", "40", "--devices", "press-1,press-1,press-1,nope"]
        entries, status = await load(plant, tmp_path, wanted, *users, "--allow-writes")
        assert entries["read the screen"]["num_requests"] > entries["read the screen"]["num_failures"]
        assert status == 1
        assert press.evidence.writes > 0
