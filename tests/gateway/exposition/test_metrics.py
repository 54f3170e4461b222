"""What Prometheus reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
from plcmq.devices.protocol.messages import COUNTED
from prometheus_client.parser import text_string_to_metric_families

MONITORING = Path(__file__).parents[3] / "examples" / "monitoring"
NAMES = ["name", "profile", "endpoint", "unit", "host", "state", "since", "reason", "degraded"]


def counted_row(name: str) -> list[Any]:
    numbers = dict.fromkeys(COUNTED, 3) | {"buckets": [1, 2, 3], "seconds": 0.5, "locked": True}
    return [
        1,
        name,
        "press",
        "10.0.0.1:502",
        1,
        "hall",
        "up",
        1.0,
        None,
        True,
        *(numbers[n] for n in COUNTED[1:]),
    ]


def scraped(web: httpx.Client, fake_broker: Any, name: str = "press-1") -> dict[str, Any]:
    figures = {
        "columns": ["id", *NAMES, *COUNTED[1:]],
        "rows": [counted_row(name)],
        "total": 1,
        "states": {"up": 1},
        "bounds": [0.001, 0.01],
        "hosts": [{"name": "hall", "heard": 0.2}],
        "processes": [{"name": "broker", "cpu": 1.5, "late": 0}],
    }
    fake_broker.answers["figures"] = lambda _: figures
    return {family.name: family for family in text_string_to_metric_families(web.get("/metrics").text)}


def test_prometheus_own_parser_reads_all_of_it(web: httpx.Client, fake_broker: Any) -> None:
    web.get("/api/v1/devices/press-1")
    families = scraped(web, fake_broker)
    assert families["plcmq_broker_up"].samples[0].value == 1
    assert families["plcmq_device_up"].samples[0].labels == {
        "device": "press-1",
        "profile": "press",
        "host": "hall",
    }
    assert {sample.labels["process"] for sample in families["plcmq_loop_late"].samples} == {
        "broker",
        "gateway",
    }
    trips = {
        sample.labels.get("le"): sample.value
        for sample in families["plcmq_device_round_trip_seconds"].samples
    }
    assert (trips["0.001"], trips["0.01"], trips["+Inf"]) == (1, 2, 3)


def test_names_with_quotes_and_line_ends_do_no_harm(web: httpx.Client, fake_broker: Any) -> None:
    name = 'a"b\\c\nd'
    assert scraped(web, fake_broker, name)["plcmq_device_up"].samples[0].labels["device"] == name


def test_a_label_never_comes_from_a_request(web: httpx.Client, fake_broker: Any) -> None:
    web.get("/api/v1/devices/secret-1")
    web.get("/secret-2")
    web.request("SECRET3", "/healthz")
    assert "secret" not in str(scraped(web, fake_broker)).lower()


def test_dashboard_and_rules_name_only_metrics_that_there_are(web: httpx.Client, fake_broker: Any) -> None:
    web.get("/healthz")
    families = scraped(web, fake_broker)
    known = {sample.name for family in families.values() for sample in family.samples}
    known |= {name for name, family in families.items() if not family.samples}
    known |= {f"{name}_total" for name, family in families.items() if family.type == "counter"}
    named: set[str] = set()
    for file in ("rules.yaml", "dashboard.json"):
        named |= set(re.findall(r"\b(?:plcmq|process)_\w+", (MONITORING / file).read_text()))
    assert named - known == set()
    assert len(named) > 10
    json.loads((MONITORING / "dashboard.json").read_text())
