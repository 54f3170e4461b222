"""Who may ask: the matrix of hosts, origins and browsers' own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.client.protocol.errors import Code
from plcmq.gateway.front.origin import SEEN_MOST, Asked, Rules, refusal

RULES = Rules(frozenset({"localhost", "plant-pc"}), frozenset({"https://mes.example"}))
NOW = 1_795_000_000.0


def asked(method: str = "POST", *, is_websocket: bool = False, **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(
        method, "/api/v1/devices/a/actions/b", {"host": "10.0.0.5:8080"} | named, "http", is_websocket
    )


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "plant-pc:8080", "PLANT-PC", "10.0.0.5", "[::1]:8080", "127.0.0.1:1"],
)
def test_our_names_and_addresses_are_ours(host: str) -> None:
    assert refusal(asked("GET", host=host), RULES, NOW) is None


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8080", "localhost.evil.example", "[::1", "a b"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_name_that_points_here_opens_nothing(host: str, method: str) -> None:
    refused = refusal(asked(method, host=host), RULES, NOW)
    assert refused is not None
    assert refused.status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://10.0.0.5:8081"},
        {"origin": "http://10.0.0.5"},
        {"origin": "ftp://10.0.0.5:8080"},
        {"origin": "http://["},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://10.0.0.5:8080", "sec_fetch_site": "cross-site"},
        {"origin": "https://mes.example.evil.example"},
    ],
)
@pytest.mark.parametrize("is_websocket", [False, True])
def test_another_pages_command_and_websocket_are_refused(headers: dict[str, str], is_websocket: bool) -> None:
    method = "GET" if is_websocket else "POST"
    refused = refusal(asked(method, is_websocket=is_websocket, x_plcmq_seen=str(NOW), **headers), RULES, NOW)
    assert refused is not None
    assert (refused.status, refused.code) == (403, Code.FORBIDDEN)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "none"},
        {"origin": "http://10.0.0.5:8080", "sec_fetch_site": "same-origin", "x_plcmq_seen": str(NOW)},
        {"origin": "https://mes.example", "sec_fetch_site": "cross-site", "x_plcmq_seen": str(NOW)},
        {"host": "plant-pc", "origin": "https://plant-pc", "x_plcmq_seen": str(NOW)},
    ],
)
def test_our_page_a_listed_one_and_what_is_no_browser_may_command(headers: dict[str, str]) -> None:
    assert refusal(asked(**headers), RULES, NOW) is None


def test_a_page_of_another_origin_may_look_and_its_browser_hides_it() -> None:
    assert refusal(asked("GET", origin="http://evil.example"), RULES, NOW) is None


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (None, Code.FORBIDDEN),
        (str(NOW - SEEN_MOST - 1), Code.EXPIRED),
        (str(NOW + 60), Code.BAD_REQUEST),
        ("nan", Code.BAD_REQUEST),
        ("yesterday", Code.BAD_REQUEST),
    ],
)
def test_a_command_of_a_page_that_saw_nothing_lately_is_refused(seen: str | None, code: Code) -> None:
    headers = {"origin": "http://10.0.0.5:8080"} | ({} if seen is None else {"x_plcmq_seen": seen})
    refused = refusal(asked(**headers), RULES, NOW)
    assert refused is not None
    assert refused.code is code


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_read_only_refuses_whatever_changes(method: str) -> None:
    refused = refusal(asked(method), Rules(read_only=True), NOW)
    assert refused is not None
    assert refused.status == 403
    assert refusal(asked("GET"), Rules(read_only=True), NOW) is None


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_no_text_in_a_header_is_a_fault(host: str, origin: str, site: str, seen: str) -> None:
    headers = {"host": host, "origin": origin, "sec-fetch-site": site, "x-plcmq-seen": seen}
    refusal(Asked("POST", "/", headers), RULES, NOW)


@given(st.sampled_from(["http", "https"]), st.from_regex(r"[a-z]{1,10}\.example(:\d{1,4})?", fullmatch=True))
def test_no_foreign_origin_ever_commands(scheme: str, host: str) -> None:
    origin = f"{scheme}://{host}"
    if origin not in RULES.origins:
        assert refusal(asked(origin=origin, x_plcmq_seen=str(NOW)), RULES, NOW) is not None
