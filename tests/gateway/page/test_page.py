"""What people see and do: forms, confirmation, honest outcomes, and what happens when the line breaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from plcmq.client.protocol.errors import Code, Outcome, failure

Open = Callable[..., Any]
DEVICE = "/devices/press-1"


@pytest.fixture(autouse=True)
def told(fake_broker: Any) -> None:
    """A press that can be watched and answers its action."""
    fake_broker.answers |= {
        "watch": lambda _: {"watch": "w1", "ttl": 30.0},
        "unwatch": lambda _: {},
        "start_batch": lambda _: {"batch_no": 7},
        "recall": lambda _: {"state": "in_progress"},
    }


def asked(fake_broker: Any, action: str = "start_batch") -> list[Any]:
    return [request for request in fake_broker.requests if request.action == action]


def start(page: Any) -> None:
    page.get_by_role("button", name="start_batch", exact=True).click()
    page.locator("dialog button.act").click()


def test_a_command_is_confirmed_carried_out_once_and_its_result_shown(
    open_page: Open, fake_broker: Any
) -> None:
    page = open_page(DEVICE)
    page.get_by_role("button", name="start_batch", exact=True).click()
    page.wait_for_selector("dialog button:focus:has-text('Cancel')")
    assert asked(fake_broker) == []
    page.locator("dialog button.act").click()
    page.wait_for_selector(".result.done")
    assert "7" in page.locator(".result").inner_text()
    page.wait_for_selector(".result:focus")
    (request,) = asked(fake_broker)
    assert request.rqargs == {"batch_size": 15}
    assert len(request.key) == 32


def test_cancel_and_escape_move_nothing_and_give_the_focus_back(open_page: Open, fake_broker: Any) -> None:
    page = open_page(DEVICE)
    button = page.get_by_role("button", name="start_batch", exact=True)
    for way in (
        lambda: page.get_by_role("button", name="Cancel").click(),
        lambda: page.keyboard.press("Escape"),
    ):
        button.click()
        page.wait_for_selector("dialog[open]")
        way()
        page.wait_for_selector("dialog[open]", state="detached")
        page.wait_for_selector("button:focus:has-text('start_batch')")
    assert asked(fake_broker) == []


def test_it_is_done_with_the_keyboard_alone(open_page: Open, fake_broker: Any) -> None:
    page = open_page(DEVICE)
    page.locator(".actions input").first.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".result.done")
    assert asked(fake_broker)[0].rqargs == {"batch_size": 20}


@pytest.mark.parametrize(
    ("text", "error"), [("0", "at least 1"), ("x", "no number"), ("1.5", "no whole number"), ("", "needed")]
)
def test_what_does_not_fit_is_said_at_its_field(
    open_page: Open, fake_broker: Any, text: str, error: str
) -> None:
    page = open_page(DEVICE)
    page.locator(".actions input").first.fill(text)
    page.get_by_role("button", name="start_batch", exact=True).click()
    assert error in page.locator(".error").inner_text()
    assert page.locator("dialog[open]").count() == 0
    assert asked(fake_broker) == []


@pytest.mark.parametrize(
    ("code", "outcome", "words"),
    [
        (Code.DEVICE_DOWN, Outcome.NOT_EXECUTED, "Nothing happened at the machine"),
        (Code.ACTION_FAILED, Outcome.EXECUTED, "carried out, but not as wanted"),
        (Code.OUTCOME_UNKNOWN, Outcome.UNKNOWN, "Look at it before you try again"),
    ],
)
def test_a_failure_says_what_happened_at_the_machine(
    open_page: Open, fake_broker: Any, code: Code, outcome: Outcome, words: str
) -> None:
    def fail(_request: Any) -> object:
        raise failure(code, "the reason", outcome=outcome, details={"retry_after": 3})

    fake_broker.answers["start_batch"] = fail
    page = open_page(DEVICE)
    start(page)
    result = page.locator(f".result.{outcome}")
    result.wait_for()
    assert words in result.inner_text()
    assert "the reason" in result.inner_text()
    assert result.get_attribute("role") == "alert"
    assert page.locator(".actions input").first.input_value() == "15"


def test_a_value_that_cannot_be_read_shows_why_in_its_place(open_page: Open, fake_broker: Any) -> None:
    page = open_page(DEVICE)
    fake_broker.watched.get(timeout=10)
    error = {"code": "timeout", "message": "no answer", "outcome": "not_executed", "retryable": True}
    fake_broker.tell(
        {"values": {"batch_size": 12}, "age": {"batch_size": 0}, "errors": {"temperature": error}}
    )
    page.wait_for_selector("td.value:has-text('12')")
    assert "timeout" in page.locator("tr:has-text('temperature')").first.inner_text()


@pytest.mark.timeout(60)
def test_a_click_while_cut_off_moves_nothing_ever(
    open_page: Open, start_gateway: Callable[..., Any], fake_broker: Any
) -> None:
    gateway = start_gateway()
    page = open_page(DEVICE, url=gateway.url)
    page.get_by_role("button", name="start_batch", exact=True).click()
    gateway.end()
    assert gateway.join(10)
    page.wait_for_selector(".live.alarm", timeout=4000)
    assert page.locator(".banner").get_attribute("role") == "alert"
    assert page.locator("button.act:not([disabled])").count() == 0
    page.locator("dialog button.act").evaluate("button => { button.disabled = false; button.click() }")
    page.wait_for_selector(".result.not_executed")
    start_gateway(bind=gateway.url.removeprefix("http://"))
    page.wait_for_selector(".live:not(.alarm)", timeout=10_000)
    page.wait_for_selector("button.act:not([disabled])")
    assert asked(fake_broker) == []


def test_a_broker_that_does_not_answer_makes_nothing_live(open_page: Open, fake_broker: Any) -> None:
    page = open_page(DEVICE)
    page.wait_for_selector("button.act:not([disabled])")
    answer = fake_broker.answers["info"]
    fake_broker.answers["info"] = lambda _: fake_broker.SILENCE
    page.wait_for_selector(".live.alarm", timeout=4500)
    assert "The broker does not answer" in page.locator(".banner").first.inner_text()
    assert page.locator("button.act:not([disabled])").count() == 0
    fake_broker.answers["info"] = answer
    page.wait_for_selector(".live:not(.alarm)")
    page.wait_for_selector("button.act:not([disabled])")


@pytest.mark.timeout(60)
def test_a_command_whose_line_broke_is_looked_up_and_not_sent_again(
    open_page: Open, start_gateway: Callable[..., Any], fake_broker: Any
) -> None:
    gateway = start_gateway(drain=0.1)
    fake_broker.answers["start_batch"] = lambda _: fake_broker.HOLD
    reply = {"ok": True, "result": {"batch_no": 9}}
    page = open_page(DEVICE, url=gateway.url)
    start(page)
    fake_broker.held.get(timeout=10)
    gateway.end()
    assert gateway.join(10)
    page.wait_for_selector(".result.unknown")
    fake_broker.answers["recall"] = lambda _: {"state": "answered", "reply": reply}
    start_gateway(bind=gateway.url.removeprefix("http://"))
    page.wait_for_selector(".result.done", timeout=15_000)
    assert "9" in page.locator(".result").inner_text()
    assert len(asked(fake_broker)) == 1


def test_it_asks_nobody_else_and_is_small(open_page: Open, gateway: Any, seen: Any) -> None:
    page = open_page(DEVICE)
    page.goto(f"{gateway.url}/#/clients")
    page.wait_for_selector("h1:has-text('Clients')")
    assert {urlsplit(url).netloc for url in seen.requests} == {urlsplit(gateway.url).netloc}
    folder = Path(__file__).parents[3] / "gateway" / "page"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 150_000


def test_watching_only_is_said_and_has_no_command(open_page: Open, start_gateway: Callable[..., Any]) -> None:
    page = open_page(DEVICE, url=start_gateway(read_only=True).url)
    page.wait_for_selector(".watching")
    page.wait_for_selector("button.act")
    assert page.locator("button.act:not([disabled])").count() == 0


def test_eight_tabs_are_all_live(open_page: Open) -> None:
    pages = [open_page(DEVICE) for _ in range(8)]
    for page in pages:
        page.wait_for_selector("button.act:not([disabled])")


def test_the_overview_has_the_abnormal_first_and_filters(open_page: Open) -> None:
    page = open_page()
    page.wait_for_selector("table.devices tbody tr")
    assert page.locator(".tile.alarm").inner_text().split() == ["1", "■", "down"]
    page.keyboard.press("/")
    page.wait_for_selector("#filter:focus")


def test_a_phone_shows_why_and_has_actions_before_tags(open_page: Open, fake_broker: Any) -> None:
    figures = fake_broker.answers["figures"]

    def down(request: Any) -> Any:
        told = figures(request)
        for row in told["rows"]:
            row[8] = "no answer since noon"
        return told

    fake_broker.answers["figures"] = down
    page = open_page(width=400)
    page.wait_for_selector("td.why:visible >> text=no answer since noon")
    page = open_page(DEVICE, width=400)
    page.wait_for_selector(".actions .card")
    action, tags = (page.locator(part).first.bounding_box() for part in (".actions .card", ".values table"))
    assert action["y"] < tags["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 820, 400])
def test_axe_finds_nothing_to_complain_of(browser: Any, gateway: Any, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()

    def check(what: str) -> None:
        found = axe.run(page).response
        told = [f"{what}: {one['id']} {one['nodes'][0]['html'][:100]}" for one in found["violations"]]
        assert told == []
        assert len(found["passes"]) > 10

    for path in ("/devices", "/problems", "/clients", DEVICE):
        page.goto(f"{gateway.url}/#{path}")
        page.wait_for_selector(".live:not(.alarm)")
        page.wait_for_selector("section.card:not([hidden])")
        check(path)
    page.get_by_role("button", name="start_batch", exact=True).click()
    page.wait_for_selector("dialog[open]")
    check("dialog")
    page.locator("dialog button.act").click()
    page.wait_for_selector(".result")
    gateway.end()
    page.wait_for_selector(".banner")
    check("banner and result")
    context.close()


def test_no_text_of_a_device_becomes_markup(open_page: Open, fake_broker: Any) -> None:
    fake_broker.answers["status"] = lambda _: {"state": "down", "reason": "<img src=x onerror=alert(1)>"}
    page = open_page(DEVICE)
    page.wait_for_selector(".reason")
    assert page.locator(".reason").inner_text() == "<img src=x onerror=alert(1)>"
    assert page.locator("main img").count() == 0


def test_vendored_files_are_what_their_list_says() -> None:
    import hashlib
    import json

    vendor = Path(__file__).parents[3] / "gateway" / "page" / "vendor"
    listed = json.loads((vendor / "versions.json").read_text())
    licences = (vendor / "LICENSES.md").read_text()
    for name, entry in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == entry["sha256"]
        assert re.search(entry["name"], licences)
    assert {str(path.relative_to(vendor)) for path in vendor.glob("*/*")} == set(listed)
