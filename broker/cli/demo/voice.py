"""How the demo speaks: short lines that fit a terminal of 80 columns, and a check mark for what holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from .stage import DemoFailed

WIDTH = 80  # columns


class Voice:
    """Tells the story. What does not hold ends it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._console.width = min(self._console.width, WIDTH)
        self._scene = 0
        self._tick = "✓" if "utf" in self._console.encoding.lower() else "ok"

    def title(self, text: str) -> None:
        """The first line of all."""
        self._console.print(Text(text, style="bold"))

    def scene(self, text: str) -> None:
        """A new scene begins."""
        self._scene += 1
        self._console.print()
        self._console.print(Rule(f"[bold]{self._scene}. {text}[/]", align="left", style="cyan"))

    def say(self, text: str) -> None:
        """What happens, and why it matters."""
        self._print(Text(text))

    def fact(self, name: str, text: str) -> None:
        """One thing by its name."""
        self._print(Text.assemble((f"{name:<10}", "cyan"), text), hanging=10)

    def sent(self, *lines: str) -> None:
        """What a caller sends."""
        self._print(Text.assemble(("-> ", "bold cyan"), lines[0]), hanging=3)
        for line in lines[1:]:
            self._print(Text(f"   {line}"), hanging=3)

    def answered(self, reply: Mapping[str, Any] | str, seconds: float) -> None:
        """What a caller gets, and after which time."""
        text = reply if isinstance(reply, str) else json.dumps(reply)
        self._print(Text.assemble(("<- ", "bold cyan"), text, (f"  ({in_words(seconds)})", "dim")), hanging=3)

    def holds(self, condition: bool, text: str) -> None:
        """A promise of plcmq, and that it holds.

        Raises:
            DemoFailed: it does not.
        """
        if not condition:
            raise DemoFailed(f"this does not hold: {text}")
        self._print(Text.assemble((f"{self._tick} ", "bold green"), text), hanging=2)

    def command(self, text: str) -> None:
        """Something to type. It is never wrapped, so that it can be copied."""
        self._console.print(Text(f"    {text}", style="green"), soft_wrap=True)

    def line(self) -> None:
        """Room."""
        self._console.print()

    def _print(self, text: Text, hanging: int = 0) -> None:
        lines = text.wrap(self._console, self._console.width - 2 - hanging)
        for number, line in enumerate(lines):
            line.rstrip()
            indent = 2 if number == 0 else 2 + hanging
            self._console.print(Padding(line, (0, 0, 0, indent), expand=False))


def in_words(seconds: float) -> str:
    """A time as people say it: `0.8 ms`, `63 ms`, `1.2 s`."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
