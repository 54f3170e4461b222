"""The sixth click: however many callers there are, the PLC sees one socket."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from plcmq.client import get_conn
from plcmq.devices.simulator.faults.slots import Full

CLICKS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from plcmq.client import get_conn

def click(_number):
    conn = get_conn(sys.argv[1], device="press-1", timeout=30)
    try:
        return conn.request(action="read", rqargs={"tags": ["temperature", "state"]})["values"]
    finally:
        conn.close()

with ThreadPoolExecutor(50) as threads:
    print(len(list(threads.map(click, range(200)))))
"""


async def test_two_hundred_clicks_from_fifty_threads_are_one_socket(plant):
    async with plant.press(1, max_connections=1) as plc, plant.broker():

        def click(number):
            conn = get_conn(plant.serving.bind, device="press-1", timeout=30)
            try:
                return conn.request(action="write", rqargs={"values": {"batch_size": number % 500 + 1}})
            finally:
                conn.close()

        def all_clicks():
            with ThreadPoolExecutor(50) as threads:
                return list(threads.map(click, range(200)))

        results = await asyncio.to_thread(all_clicks)
        assert results == [{"written": ["batch_size"]}] * 200
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.turned_away == 0


async def test_the_same_from_four_processes_at_once(plant):
    async with plant.press(1, max_connections=1, overflow=Full.RESET) as plc, plant.broker():
        command = [sys.executable, "-c", CLICKS, plant.serving.bind]
        processes = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(4)]
        outputs = await asyncio.gather(*(process.communicate() for process in processes))
        assert [out for out, _err in outputs] == [b"200\n"] * 4
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.turned_away == 0


async def test_callers_that_never_close_do_not_hurt_the_plc(plant):
    async with plant.press(1, max_connections=1) as plc, plant.broker():
        script = CLICKS.replace("conn.close()", "kept.append(conn)").replace(
            "def click", "kept = []\ndef click"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", script, plant.serving.bind, stdout=subprocess.PIPE
        )
        assert (await process.communicate())[0] == b"200\n"
        assert plc.evidence.sockets.peak == 1
        assert plc.evidence.sockets.opened == 1


async def test_every_connection_ends_with_fin(plant):
    async with plant.press(1) as plc:
        async with plant.broker(), plant.client() as client:
            await client.read("press-1", "temperature")
        sockets = plc.evidence.sockets
        assert (sockets.opened, sockets.open) == (1, 0)
        assert {str(how): n for how, n in sockets.closed.items() if n} == {"fin": 1}
