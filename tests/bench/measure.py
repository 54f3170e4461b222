"""What a line of the bench is, and what its rounds amount to.

Strategy: pure. Rates and percentiles are those of each round, and their medians are told with the least and
the greatest; a ratio of two lines is taken round by round, since the rounds alternate and a machine that is
slow for a while is so for both. Only the curve of latencies is over all rounds together.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from plcmq.client.load.meter import Latencies

CURVE = (0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100)  # percentiles


@dataclass(frozen=True)
class Line:
    """One load on one contender.

    Attributes:
        contender: its name.
        plc: which PLC is behind it: `fast`, `5 ms`, or `-`.
        codec: of the bodies, or `-`.
        window: requests in flight.
        tags: how many different ones they ask for.
        pids: processes of the contender, whose processor time is counted.
        load: runs it for so many seconds; gives the latencies, and the seconds that it took.
    """

    contender: str
    plc: str
    codec: str
    window: int
    tags: int
    load: Callable[[float], tuple[Latencies, float]] = field(repr=False, compare=False)
    pids: tuple[int, ...] = ()


@dataclass
class Row:
    """What the rounds of a line amount to. Times are in seconds, rates per second.

    Attributes:
        rates, p50s, p99s: of each round.
        modbus: Modbus requests that reached the PLC, per second, of each round.
        cost: processor time of the contender for a request, of each round; none where it was not counted.
        busy: the share of a core that the PLC took, of each round.
        curve: latencies of all rounds at the percentiles of `CURVE`.
    """

    contender: str
    plc: str
    codec: str
    window: int
    tags: int
    rates: list[float] = field(default_factory=list)
    p50s: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    modbus: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    curve: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The median of its rounds."""
        return median(self.rates)

    @property
    def p50(self) -> float:
        """The median of its rounds' medians."""
        return median(self.p50s)

    @property
    def p99(self) -> float:
        """The median of its rounds' 99th percentiles."""
        return median(self.p99s)


@dataclass(frozen=True)
class Meanwhile:
    """What others did while a load ran: Modbus requests, and processor time in seconds."""

    modbus: int = 0
    plc_cpu: float = 0.0
    contender_cpu: float | None = None


class Rounds:
    """Collects the rounds of one line."""

    def __init__(self, line: Line) -> None:
        self._row = Row(line.contender, line.plc, line.codec, line.window, line.tags)
        self._all = Latencies()

    def add(self, latencies: Latencies, total: float, meanwhile: Meanwhile) -> None:
        """One round: the latencies of its requests, and what it took."""
        row = self._row
        row.rates.append(latencies.count / total)
        row.p50s.append(latencies.percentile(50))
        row.p99s.append(latencies.percentile(99))
        row.modbus.append(meanwhile.modbus / total)
        row.busy.append(meanwhile.plc_cpu / total)
        if meanwhile.contender_cpu is not None:
            row.cost.append(meanwhile.contender_cpu / latencies.count)
        self._all.add(latencies)

    def row(self) -> Row:
        """What they amount to."""
        self._row.curve = [self._all.percentile(p) for p in CURVE]
        return self._row


@dataclass(frozen=True)
class Ratio:
    """A figure with the least and the greatest of its rounds."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}…{self.most:.2f})"


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Of two lines, round by round."""
    each = [a / b for a, b in zip(above, below, strict=True)]
    return Ratio(median(each), min(each), max(each))


def find(
    rows: Sequence[Row], contender: str, plc: str, window: int, *, codec="msgpack", tags=1
) -> Row | None:
    """The row of a line; none where it was not measured."""
    for row in rows:
        what = (row.contender, row.plc, row.window, row.tags)
        if what == (contender, plc, window, tags) and row.codec in (codec, "-"):
            return row
    return None


def as_json(rows: Sequence[Row]) -> list[dict]:
    """Rows as plain data, with their medians."""
    medians = ("rate", "p50", "p99")
    return [asdict(row) | {name: getattr(row, name) for name in medians} for row in rows]
