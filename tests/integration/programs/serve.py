"""A broker as a process that tests kill. Given `settings`, and `told`, where it says that it is ready."""

from plcmq.broker.cli.terminal.process import run_until_stopped
from plcmq.broker.service.serve import serve

settings, told = globals()["settings"], globals()["told"]
run_until_stopped(lambda stop: serve(settings, ready=lambda _: told.send("ready"), stop=stop))
