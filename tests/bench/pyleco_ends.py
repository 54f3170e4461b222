"""The two ends of pyleco's RPC: a component with one method, and clients. Run by the peers' Python.

    python pyleco_ends.py PORT CLIENTS

Strategy: a line `[callers, seconds]` on stdin has that many clients, each a process, call one after the
other for that long; one line on stdout then has the seconds of each call, and of all.
"""

import json
import multiprocessing
import sys
import time

from pyleco.utils.communicator import Communicator
from pyleco.utils.message_handler import MessageHandler

TIMEOUT = 5.0  # seconds


class Plc(MessageHandler):
    def register_rpc_methods(self):
        super().register_rpc_methods()
        self.register_rpc_method(self.read)

    def read(self, tags: list) -> dict:
        return {"values": {"t0": 0}, "age": {"t0": 0.0}}


def component(port):
    Plc("plc", host="127.0.0.1", port=port).listen()


def client(port, number, pipe):
    with Communicator(f"client{number}", host="127.0.0.1", port=port, timeout=TIMEOUT) as communicator:
        pipe.send("ready")
        while True:
            pipe.send(calls(communicator, pipe.recv()))


def calls(communicator, seconds):
    times = []
    now = time.perf_counter()
    until = now + seconds
    while now < until:
        started = now
        communicator.ask_rpc(receiver="plc", method="read", tags=["t0"])
        now = time.perf_counter()
        times.append(now - started)
    return times


def start(target, *args):
    process = multiprocessing.Process(target=target, args=args, daemon=True)
    process.start()
    return process


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    start(component, port)  # daemons all: they end with this process, which ends with its stdin
    time.sleep(1.0)  # until it has signed in: it has no way to say so
    pipes = []
    for number in range(count):
        ours, theirs = multiprocessing.Pipe()
        start(client, port, number, theirs)
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    print("ready", flush=True)
    for line in sys.stdin:
        callers, seconds = json.loads(line)
        started = time.perf_counter()
        for pipe in pipes[:callers]:
            pipe.send(seconds)
        times = [taken for pipe in pipes[:callers] for taken in pipe.recv()]
        print(json.dumps([times, time.perf_counter() - started]), flush=True)


if __name__ == "__main__":
    main()
