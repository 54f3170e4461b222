"""How the demo speaks: what holds, what does not, and lines that fit."""

from __future__ import annotations

import pytest
from plcmq.broker.cli.demo.stage import DemoFailed
from plcmq.broker.cli.demo.voice import WIDTH, Voice, in_words


def test_what_does_not_hold_ends_the_demo(capsys):
    with pytest.raises(DemoFailed, match="this does not hold: 2 = 3"):
        Voice().holds(False, "2 = 3")


@pytest.mark.parametrize(("seconds", "text"), [(0.00084, "0.8 ms"), (0.063, "63 ms"), (1.25, "1.2 s")])
def test_times_as_people_say_them(seconds, text):
    assert in_words(seconds) == text


def test_long_sentences_are_wrapped_and_commands_are_not(capsys):
    voice = Voice()
    voice.say("word " * 40)
    voice.command("plcmq call press-1 start_batch " + "batch_size=20 " * 10)
    *sentence, command = capsys.readouterr().out.splitlines()
    assert max(map(len, sentence)) <= WIDTH
    assert len(command) > WIDTH


def test_what_holds_is_ticked(capsys):
    Voice().holds(True, "one socket")
    assert capsys.readouterr().out.endswith("one socket\n")
