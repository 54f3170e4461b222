"""`plcmq doctor`: over the broker's connection where there is a broker, else over one of its own."""

import json
from pathlib import Path

import pytest
from plcmq.broker.cli.app import app
from plcmq.devices.simulator.faults.register_map import MaxRegisters
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.simulator.running import RunningSimulator
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.load import load_site
from typer.testing import CliRunner

NOBODY = "tcp://127.0.0.1:1"
PRESS_SITE = Path(__file__).with_name("press.yaml")


@pytest.fixture(autouse=True)
def settings(plant, monkeypatch):
    monkeypatch.setenv("PLCMQ_REGISTRY", plant.registry)
    monkeypatch.setenv("PLCMQ_BROKER", NOBODY)


def examined(text):
    document = json.loads(text)
    return document, {finding["check"]: finding["verdict"] for finding in document["findings"]}


async def test_with_a_broker_no_second_socket_is_opened(plant, programs):
    async with plant.press(1) as plc, plant.broker() as serving:
        with plc.fault(MaxRegisters(registers=32)):
            program = await programs(
                "doctor", "press-1", "--tag", "batch_no", "--broker", serving.bind, "--json", ready=False
            )
            output, _ = await program.process.communicate()
        document, verdicts = examined(output)
        assert document["through"] == "broker"
        assert document["link"]["max_registers"] == 32
        assert verdicts["value CDAB"] == "ok"
        assert "spacing" not in verdicts, "the connection is not ours"
        assert (plc.evidence.sockets.opened, plc.evidence.writes) == (1, 0)


async def test_a_neighbour_at_the_endpoint_keeps_the_doctor_from_connecting(plant, programs):
    async with plant.press(1) as plc:
        await plant.define(2, plc.port, unit=2, enabled=False)
        async with plant.broker() as serving:
            program = await programs("doctor", "press-2", "--broker", serving.bind, "--json", ready=False)
            output, _ = await program.process.communicate()
        assert program.process.returncode == 1
        assert json.loads(output)["error"]["code"] == "served_elsewhere"
        assert plc.evidence.sockets.peak == 1


class TestWithoutABroker:
    @pytest.fixture
    def simulator(self):
        profile = compile_site(load_site(PRESS_SITE)).profiles["press"]
        with RunningSimulator(SimulatedPlc(profile)) as simulator:
            yield simulator

    @pytest.fixture
    def run(self, simulator, tmp_path):
        site = load_site(PRESS_SITE)
        site.devices[0]["port"] = simulator.plc.port
        path = tmp_path / "site.json"
        path.write_text(json.dumps({"profiles": site.profiles, "devices": list(site.devices)}))

        def run(*arguments):
            CliRunner().invoke(app, ["apply", str(path)])
            return CliRunner().invoke(app, ["doctor", "press-1", *arguments])

        return run

    def test_it_says_that_it_connects_and_what_to_paste(self, run, simulator):
        with simulator.fault(MaxRegisters(registers=60)):
            result = run("--tag", "batch_no")
        assert result.exit_code == 0
        assert "opening the one connection" in result.stderr
        assert "link: {max_registers: 60" in result.stdout
        assert "preset: eastron-sdm" in result.stdout
        assert simulator.snapshot()["sockets"]["closed"]["fin"] >= 1

    def test_a_check_that_fails_is_status_1(self, run, simulator):
        simulator.unplug()
        result = run("--json")
        assert result.exit_code == 1
        document, verdicts = examined(result.stdout)
        assert verdicts == {"name": "ok", "tcp": "fail"}
        assert document["ok"] is False

    def test_an_unknown_tag_is_told_before_anything_is_asked(self, run, simulator):
        result = run("--tag", "batch_nr")
        assert result.exit_code == 1
        assert "batch_nr" in result.stderr
        assert simulator.snapshot()["sockets"]["opened"] == 0
