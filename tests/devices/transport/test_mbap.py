"""Framing: every split of a stream, and streams that lie."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.transport.mbap import MAX_LENGTH, Frame, Framer, FramingError, frame

FRAMES = st.lists(
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFF), st.binary(min_size=1, max_size=253)), max_size=8
)


def fed(framer: Framer, pieces: list[bytes]) -> list[Frame]:
    return [one for piece in pieces for one in framer.feed(piece)]


@given(FRAMES, st.randoms(use_true_random=False))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    frames: list[Frame], rnd: random.Random
) -> None:
    stream = b"".join(frame(*one) for one in frames)
    cuts = sorted(rnd.randint(0, len(stream)) for _ in range(rnd.randint(0, 20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    framer = Framer()
    assert fed(framer, pieces) == frames
    assert not framer.has_partial


def test_a_frame_is_laid_out_as_in_the_messaging_guide() -> None:
    assert frame(0x1501, 0xFF, bytes.fromhex("04 0000 0001")) == bytes.fromhex(
        "1501 0000 0006 FF 04 0000 0001"
    )


def test_half_a_frame_is_kept_until_the_rest_comes() -> None:
    framer = Framer()
    whole = frame(1, 2, b"\3\0")
    assert fed(framer, [whole[:8]]) == []
    assert framer.has_partial
    assert fed(framer, [whole[8:]]) == [(1, 2, b"\3\0")]


@pytest.mark.parametrize("length", [0, 1, 255, 0xFFFF])
def test_an_impossible_length_is_refused_as_soon_as_it_is_there(length: int) -> None:
    with pytest.raises(FramingError, match=f"length {length}"):
        fed(Framer(), [b"\0\1\0\0" + length.to_bytes(2)])


@pytest.mark.parametrize("head", ["0001 01", "0001 0001", "0001 0001 0003 01 8302"])
def test_another_protocol_is_refused_as_soon_as_it_is_there(head: str) -> None:
    with pytest.raises(FramingError, match="protocol id"):
        fed(Framer(), [bytes.fromhex(head)])


def test_good_frames_before_a_broken_one_are_given_out() -> None:
    frames = Framer().feed(frame(1, 1, b"\3\0") + b"\0\2\0\0\xff\xff")
    assert next(frames) == (1, 1, b"\3\0")
    with pytest.raises(FramingError):
        next(frames)


@given(st.lists(st.binary(max_size=600), max_size=30))
def test_any_bytes_give_frames_of_legal_size_and_little_is_kept(pieces: list[bytes]) -> None:
    framer = Framer()
    try:
        for piece in pieces:
            for _number, unit, pdu in framer.feed(piece):
                assert 0 <= unit <= 255
                assert 1 <= len(pdu) <= MAX_LENGTH - 1
            assert len(framer._rest) < 6 + MAX_LENGTH
    except FramingError:
        pass


def test_what_is_kept_stays_small_over_a_hundred_thousand_mutated_frames() -> None:
    rnd = random.Random(8)
    framer, errors, most = Framer(), 0, 0
    for number in range(100_000):
        mutated = bytearray(frame(number & 0xFFFF, 1, b"\3\4abcd"))
        mutated[rnd.randrange(12)] = rnd.randrange(256)
        try:
            fed(framer, [bytes(mutated)])
        except FramingError:
            framer, errors = Framer(), errors + 1
        most = max(most, len(framer._rest))
    assert most < 6 + MAX_LENGTH
    assert errors > 1000
