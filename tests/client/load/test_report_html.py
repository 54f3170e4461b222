"""The HTML report: whole, self-contained, and safe against what it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from plcmq.client.load.meter import Totals
from plcmq.client.load.report_html import report
from plcmq.client.load.summary import result_of

EMPTY = {"meta", "link", "br"}


class Checker(HTMLParser):
    """Follows the tags, and collects what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        self.handle_attributes(attrs)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.handle_attributes(attrs)

    def handle_attributes(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("src", "href", "xlink:href"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def page(document):
    return report(document)


def test_it_is_well_formed_with_three_plots(page):
    checker = checked(page)
    assert checker.seen.count("svg") == 3
    assert "script" not in checker.seen


def test_it_needs_nothing_but_itself(page):
    checker = checked(page)
    used = checker.links + [f"#{name}" for name in re.findall(r"url\(#([^)]+)\)", page)]
    assert all(link.startswith("#") for link in used)
    assert {link[1:] for link in used} <= set(checker.ids)
    assert "url(http" not in page
    assert "@import" not in page


def test_no_id_stands_twice(page):
    ids = checked(page).ids
    assert len(ids) == len(set(ids))


def test_it_says_what_was_found(page):
    for word in (
        "open loop at 100 requests/s",
        "press-1",
        "read a",
        "busy",
        "p99.9",
        "2030-01-02",
        "warm-up",
    ):
        assert word in page


def test_what_devices_say_is_escaped(page):
    assert "&lt;1024&gt;" in page
    assert "<1024>" not in page


@pytest.mark.filterwarnings("error")
def test_a_load_without_any_answer_has_a_report_as_well(plan):
    page = report(result_of(plan, Totals(), 2.0, 1, ""))
    assert checked(page).seen.count("svg") == 3
