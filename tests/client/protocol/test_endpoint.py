"""Addresses: what people write, and what ZeroMQ gets."""

from __future__ import annotations

import pytest
from plcmq.client.protocol.endpoint import BadEndpoint, endpoint_of


@pytest.mark.parametrize(
    ("host", "port", "endpoint"),
    [
        ("127.0.0.1", 7502, "tcp://127.0.0.1:7502"),
        ("localhost", 7502, "tcp://127.0.0.1:7502"),
        ("LocalHost", 1, "tcp://127.0.0.1:1"),
        ("plc-server.example", 7502, "tcp://plc-server.example:7502"),
        ("::1", 7502, "tcp://[::1]:7502"),
        ("[::1]", 7502, "tcp://[::1]:7502"),
        ("tcp://localhost:99", 7502, "tcp://127.0.0.1:99"),
        ("tcp://[fe80::1]:99", None, "tcp://[fe80::1]:99"),
        ("tcp://::1:99", None, "tcp://[::1]:99"),
        ("tcp://*:7502", None, "tcp://*:7502"),
        ("tcp://127.0.0.1:*", None, "tcp://127.0.0.1:*"),
        ("ipc:///run/plcmq.sock", 7502, "ipc:///run/plcmq.sock"),
        ("ipc://@plcmq", None, "ipc://@plcmq"),
        ("inproc://test", None, "inproc://test"),
    ],
)
def test_an_address_becomes_an_endpoint(host: str, port: int | None, endpoint: str) -> None:
    assert endpoint_of(host, port) == endpoint


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", None, "no endpoint"),
        ("", 7502, "no host"),
        ("127.0.0.1", 65536, "port"),
        ("127.0.0.1", -1, "port"),
        ("tcp://127.0.0.1", None, "port"),
        ("tcp://127.0.0.1:x", None, "port"),
        ("tcp://:7502", None, "no host"),
        ("fe80:::1", 7502, "IPv6"),
        ("http://127.0.0.1:7502", None, "tcp://"),
        ("ipc://", None, "no path"),
        ("ipc:///" + "x" * 107, None, "at most 107"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_in_words(host: str, port: int | None, says: str) -> None:
    with pytest.raises(BadEndpoint, match=says):
        endpoint_of(host, port)


def test_an_ipc_path_may_have_107_bytes_and_not_107_characters() -> None:
    assert endpoint_of("ipc:///" + "x" * 106)
    with pytest.raises(BadEndpoint, match="at most 107"):
        endpoint_of("ipc:///" + "ü" * 100)
