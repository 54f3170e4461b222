"""The page in a real browser, in front of a gateway whose broker answers by functions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MUST = os.environ.get("TEST_BROWSER") == "required"  # as in CI, where nothing may be skipped


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; skipped where it or Playwright is missing."""
    if not MUST:
        pytest.importorskip("playwright", reason="the extra `browser` is not installed")
        if CHROMIUM is None:
            pytest.skip("there is no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Seen:
    """What must not happen in any page."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.bytes = 0


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def open_page(browser: Any, gateway: Any, seen: Seen) -> Iterator[Callable[..., Any]]:
    """Opens a page of the gateway, and waits until it is live. Errors in its console fail the test."""
    contexts: list[Any] = []

    def open_it(path: str = "/devices", *, width: int = 1280, scheme: str = "light", url: str = "") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda message: note(seen, message))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(f"{url or gateway.url}/#{path}")
        page.wait_for_selector(".live:not(.alarm)")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert seen.errors == []


def note(seen: Seen, message: Any) -> None:
    """Keeps an error of the console; that a request failed, or a line broke, is the page's daily bread."""
    usual = ("Failed to load resource", "WebSocket connection to")
    if message.type == "error" and not message.text.startswith(usual):
        seen.errors.append(message.text)
