"""The users of an MES: they look at their press all the time and, where that was asked for, start batches.

Strategy: it only reads unless `--allow-writes` is given, because a load test may be pointed at a real plant.
    That is decided once, when Locust starts: nothing that a browser sends can switch it on.
"""

from __future__ import annotations

import random
import uuid

from locust import between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from plcmq.client.locust import PlcmqUser


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """The options of this load test, beside Locust's own."""
    parser.add_argument("--devices", default="", help="names, with commas; without it all of the broker's")
    parser.add_argument("--plc-tags", default="temperature,state,batch_no", help="what the users look at")
    parser.add_argument(
        "--allow-writes",
        action="store_true",
        help="also start batches, which moves machines",
        include_in_web_ui=False,
    )


class MesUser(PlcmqUser):
    """Somebody who works with one press."""

    host = "plcmq://127.0.0.1:7502"
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Chooses the press."""
        options = self.environment.parsed_options
        names = [name for name in options.devices.split(",") if name]
        if not names:
            names = [device["name"] for device in self.plc.devices(limit=1000)["devices"]]
        self.press = random.choice(names)
        self.tags = options.plc_tags.split(",")

    @task(8)
    def look(self) -> None:
        """The screen at the press: a value may be as old as the screen is slow."""
        self.plc.read(self.press, *self.tags, max_age=0.5, name="read the screen")

    @task(2)
    def read_one(self) -> None:
        """A single tag, from the press itself."""
        self.plc.read(self.press, random.choice(self.tags), name="read one tag")

    @task(1)
    def see_link(self) -> None:
        """Whether the press is reachable, which costs the press nothing."""
        self.plc.status(self.press, name="status")

    def start_batch(self) -> None:
        """Starts a batch, once: the key makes it safe to ask again. No task unless writes were asked for."""
        batch = {"batch_size": random.randint(1, 20), "nok_num": 3}
        self.plc.request(
            "start_batch",
            batch,
            device=self.press,
            key=f"load-test-{uuid.uuid4()}",
            retry=True,
            name="start a batch",
        )


@events.init.add_listener
def allow_writes(environment: Environment, **_: object) -> None:
    """Makes starting batches a task, where that was asked for."""
    if environment.parsed_options is not None and environment.parsed_options.allow_writes:
        MesUser.tasks = [*MesUser.tasks, MesUser.start_batch]
