"""From a click in the page to the registers of the machine, and its result back on the page."""

from __future__ import annotations

from typing import Any

import pytest
from plcmq.broker.cli.demo.stage import stage
from plcmq.broker.cli.demo.tour import read_holding
from plcmq.devices.site.load import load_site

from ..test_clicks import plant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_click_changes_the_machine_and_its_values_come_back(browser: Any) -> None:
    with stage() as built:
        url, _ = plant(built)
        press = next(
            form for form in load_site(built.directory / "served.yaml").devices if form["name"] == "press-1"
        )
        page = browser.new_page()
        page.set_default_timeout(15_000)
        page.goto(f"{url}/#/devices/press-1")
        page.locator(".actions input").first.fill("21")
        page.get_by_role("button", name="start_batch", exact=True).click()
        page.locator("dialog button.act").click()
        page.wait_for_selector(".result.done")
        assert read_holding(press["host"], press["port"], 0, 1) == [21]
        page.wait_for_selector("tr:has-text('batch_size') td.value:has-text('21')")
        page.wait_for_selector("tr:has-text('running') td.value")
        page.close()
