"""A device host as a process that tests kill, given `settings`, and `told`, to say that it is taken."""

from plcmq.broker.cli.terminal.process import run_until_stopped
from plcmq.devices.host.process import run_host

settings, told = globals()["settings"], globals()["told"]
run_until_stopped(lambda stop: run_host(settings, ready=lambda _: told.send("ready"), stop=stop))
