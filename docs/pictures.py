"""Takes the pictures of the gateway's page that the documents show, from the real page: `docs/gateway/*.png`.

Strategy: the demo's stage with a dozen simulated presses, one of them missing, and Chromium driven by
Playwright (extra `browser`). `make docs` leaves the pictures as they are where either is not installed.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from plcmq.broker.cli.demo.stage import stage

ROOT = Path(__file__).parent.parent
SITE = ROOT / "broker" / "cli" / "demo" / "site.yaml"
PICTURES = ROOT / "docs" / "gateway"
PRESSES = 12
WATCHED = 12_000  # milliseconds that the trend gets


def main() -> None:
    """Sets the stage and takes all pictures."""
    chromium = shutil.which("chromium")
    if chromium is None or find_spec("playwright") is None:
        print("no Chromium or no Playwright: the pictures of the page stay as they are", file=sys.stderr)
        return
    from playwright.sync_api import sync_playwright

    with stage() as built, sync_playwright() as playwright:
        url = serve(built)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        picture(browser, f"{url}/#/devices/press-2", "device", act=start_batch)
        picture(browser, f"{url}/#/devices", "overview")
        picture(browser, f"{url}/#/devices/press-2", "phone", width=400, height=760, scheme="dark")
        browser.close()


def serve(built: Any) -> str:
    """Presses, broker and gateway; the gateway's address."""
    site = yaml.safe_load(SITE.read_text())
    form = site["devices"][0]
    about = {name: value for name, value in form.items() if name not in ("id", "name", "host", "port")}
    names = [f"press-{number}" for number in range(1, PRESSES + 1)]
    devices = [about | {"id": n, "name": name, "host": f"192.0.2.{n}"} for n, name in enumerate(names, 1)]
    site["devices"] = devices
    (built.directory / "site.yaml").write_text(yaml.safe_dump(site))
    built.start("presses", "simulate", "site.yaml", "--write-site", "served.yaml", "--json").wait_ready()
    served = yaml.safe_load((built.directory / "served.yaml").read_text())
    served["devices"][6] |= {"host": "127.0.0.1", "port": 1}
    (built.directory / "served.yaml").write_text(yaml.safe_dump(served))
    built.run("apply", "apply", "served.yaml", "--json")
    free = "tcp://127.0.0.1:0"
    broker = built.start("broker", "serve", "--bind", free, "--host-bind", free, "--json")
    broker.wait_ready()
    address = str(broker.ready["bind"])
    gateway = built.start("gateway", "gateway", "--bind", "127.0.0.1:0", "--broker", address, "--json")
    gateway.wait_ready()
    return str(gateway.ready["url"])


def start_batch(page: Any) -> None:
    """Runs a batch, so that the picture shows its result."""
    page.wait_for_timeout(WATCHED)
    page.get_by_role("button", name="start_batch", exact=True).click()
    page.locator("dialog button.act").click()
    page.wait_for_selector(".result.done")


def picture(
    browser: Any,
    url: str,
    name: str,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: str = "light",
    act: Any = None,
) -> None:
    """One picture of a page that is live."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".live:not(.alarm)")
    page.wait_for_selector("section.card:not([hidden])")
    if act is not None:
        act(page)
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / f"{name}.png")
    context.close()


if __name__ == "__main__":
    main()
