"""What the soak has seen, and what is to be said of it.

Strategy: everything that happens is noted here as it comes; at the end each promise is judged by itself, so
that a report shows what holds as well as what does not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from plant import Ledger, Plant
from plcmq.devices.simulator.evidence import Ending

P99_RATIO = 1.10
P99_NOISE = 1.0  # milliseconds that the machine's scheduler may add by itself
GROWTH = 1.10
GROWTH_FREE = 6.0  # MiB
DESCRIPTORS_FREE = 4


@dataclass
class Series:
    """Samples of one process over the time in which it is judged."""

    memory: list[float] = field(default_factory=list)  # MiB
    descriptors: list[int] = field(default_factory=list)

    def ends(self) -> tuple[float, float, int, int]:
        """Memory and descriptors in the second and in the last quarter."""
        quarter = max(1, len(self.memory) // 4)
        early, late = slice(quarter, 2 * quarter), slice(-quarter, None)
        return (
            median(self.memory[early] or self.memory[:1]),
            median(self.memory[late]),
            max(self.descriptors[early] or self.descriptors[:1]),
            max(self.descriptors[late]),
        )


@dataclass
class Case:
    """Everything that was seen."""

    ledger: Ledger
    targets: dict[int, int] = field(default_factory=dict)  # device by number of a command
    keyed: set[int] = field(default_factory=set)
    verdicts: dict[int, set[str]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    misdelivered: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    missed_edges: int = 0
    calm: dict[str, list[float]] = field(default_factory=dict)  # milliseconds by kind of window
    window: str | None = None
    struck: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    series: dict[str, Series] = field(default_factory=dict)
    dead: dict[str, Any] = field(default_factory=dict)
    ending: dict[str, Any] = field(default_factory=dict)
    starved: int = 0  # times that the outputs of the watchdog fell while nobody was killed
    lost: list[str] = field(default_factory=list)  # devices that were not served again
    died: list[str] = field(default_factory=list)  # processes that ended by themselves
    judged: list[tuple[bool, str]] = field(default_factory=list)

    def hear(self, message: dict[str, Any]) -> tuple[int, int] | None:
        """What a client says; a command that it is about to give, as (number, device)."""
        if "about" in message:
            number, device, keyed = message["about"]
            self.targets[number] = device
            if keyed:
                self.keyed.add(number)
                return number, device
        elif "verdict" in message:
            number, verdict, code = message["verdict"]
            self.verdicts.setdefault(number, set()).add(verdict)
            self.codes[code] += 1
        elif "misdelivered" in message:
            self.misdelivered.append(message["misdelivered"])
        elif "hang" in message:
            self.hangs.append(message["hang"])
        else:
            self.counts.update(message["counts"])
            self.missed_edges += message["missed_edges"]
            if self.window is not None:
                self.calm.setdefault(self.window, []).extend(message["calm"])
        return None

    def judge(self, plant: Plant) -> bool:
        """Whether every promise was kept; `judged` says which."""
        self._judge_commands()
        self._say(
            not self.misdelivered,
            "values delivered to a wrong request",
            self.misdelivered[:3] or "0",
            "of",
            self.counts["values"],
        )
        self._say(not self.hangs, "requests that did not end in time:", self.hangs[:3] or 0)
        self._say(not self.died, "processes that died by themselves:", self.died or 0)
        self._say(not self.lost, "devices that did not come back:", self.lost[:5] or 0)
        self._say(not self.missed_edges, "edges that a client missed:", self.missed_edges)
        self._judge_sockets(plant)
        self._judge_isolation()
        self._judge_dead_device()
        self._say(not self.starved, "times that a fed output watchdog starved:", self.starved)
        for name, series in self.series.items():
            before, after, some, more = series.ends()
            flat = after <= max(before * GROWTH, before + GROWTH_FREE)
            course = " ".join(f"{median(part):.1f}" for part in _parts(series.memory, 8))
            self._say(flat, f"memory of the {name}: {before:.1f} MiB, then {after:.1f} MiB ({course})")
            self._say(more <= some + DESCRIPTORS_FREE, f"descriptors of the {name}: {some}, then {more}")
        return all(kept for kept, _ in self.judged)

    def _say(self, kept: bool, *words: object) -> None:
        self.judged.append((kept, " ".join(map(str, words))))

    def _judge_commands(self) -> None:
        begun, done, device = self.ledger.begun, self.ledger.done, self.ledger.device
        twice = [n for counter in (begun, done) for n, times in counter.items() if times > 1]
        self._say(
            not twice,
            "commands executed twice:",
            twice[:5] or 0,
            "of",
            len(self.targets),
            f"({len(self.keyed)} with a key)",
        )
        astray = [n for n, where in device.items() if self.targets.get(n, where) != where]
        self._say(not astray, "commands at a wrong device:", astray[:5] or 0)
        lies = [
            (n, *sorted(verdicts), begun[n], done[n])
            for n, verdicts in self.verdicts.items()
            if not _are_true(verdicts, begun[n], done[n])
        ]
        said = Counter(verdict for verdicts in self.verdicts.values() for verdict in verdicts)
        self._say(not lies, "untrue outcomes:", lies[:5] or 0, "of", dict(said))
        silent = sorted(self.keyed - self.verdicts.keys())
        self._say(not silent, "keyed commands of which nobody learnt what became of them:", silent[:5] or 0)

    def _judge_sockets(self, plant: Plant) -> None:
        peak = max(plc.evidence.sockets.peak for plc in plant.all)
        self._say(peak == 1, "most sockets that an endpoint saw at once:", peak)
        outstanding = max(plc.evidence.outstanding_peak for plc in plant.all)
        self._say(outstanding == 1, "most requests that waited on one connection:", outstanding)
        framing = sum(plc.evidence.framing_errors for plc in plant.all)
        self._say(not framing, "broken requests that PLCs got:", framing)
        (careful,) = plant.plcs["careful"]
        hasty = {name: careful.evidence.faults[name] for name in ("warm_up", "min_gap")}
        self._say(
            not any(hasty.values()), "hasty requests to the PLC that wants to be asked with care:", hasty
        )
        endings = sum((Counter(plc.evidence.sockets.closed) for plc in plant.all), Counter())
        resets = self.ending["rst"]
        self._say(not resets, "resets on the orderly way out:", resets, "of", self.ending["closed"])
        self._say(self.ending["status"] == [0, 0], "exit status of host and broker:", self.ending["status"])
        self._say(True, "connections ended over the whole time:", {e.value: endings[e] for e in Ending})

    def _judge_isolation(self) -> None:
        if not {"before", "during"} <= self.calm.keys():
            return
        before, during = (percentile(self.calm[window], 0.99) for window in ("before", "during"))
        kept = during <= before * P99_RATIO + P99_NOISE
        counts = f"({len(self.calm['before'])} and {len(self.calm['during'])} reads)"
        self._say(
            kept, f"p99 of the other devices: {before:.1f} ms, with 10 % black holes {during:.1f} ms", counts
        )
        halves = (percentile(self.calm[window], 0.5) for window in ("before", "during"))
        self._say(True, "and their median: {:.1f} ms, {:.1f} ms".format(*halves))

    def _judge_dead_device(self) -> None:
        dead = self.dead
        self._say(dead["noticed"] <= 2.2, f"a dead device is noticed after {dead['noticed']:.2f} timeouts")
        at_once = dead["at_once"]
        middle, p99, most = median(at_once), percentile(at_once, 0.99), max(at_once)
        self._say(
            p99 < 10.0,
            f"its callers then fail in {middle:.1f} ms, p99 {p99:.1f} ms, at most {most:.1f} ms",
        )
        self._say(
            not dead["otherwise"], f"of {len(at_once)} callers were told otherwise: {dead['otherwise']}"
        )
        self._say(
            dead["back"] <= dead["back_limit"], f"first good value {dead['back']:.2f} s after it is back"
        )
        self._say(
            dead["replies"] == dead["fired"] and dead["busy"] > 0,
            f"{dead['fired']} writes fired at a slow device: {dead['replies']} replies, {dead['busy']} busy",
        )


def _are_true(verdicts: set[str], begun: int, done: int) -> bool:
    """Whether what all who asked for a command were told is so; one who was told `not_executed` speaks of his
    own request, and another may have had success."""
    if "ok" in verdicts:
        return (begun, done) == (1, 1)
    if "executed" in verdicts:
        return begun == 1
    return "unknown" in verdicts or (begun, done) == (0, 0)


def _parts(values: list[float], number: int) -> list[list[float]]:
    """The values in so many parts of equal length; what does not fill one is left out."""
    size = max(1, len(values) // number)
    return [values[i * size : (i + 1) * size] for i in range(min(number, len(values)))]


def percentile(values: list[float], part: float) -> float:
    """The value below which that part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")
