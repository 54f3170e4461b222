"""Puts what was measured into the documents: between two marks, and the plots beside."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
PLOTS = DOCS / "performance"
BEGIN, END = "<!-- bench: written by `make bench` -->", "<!-- bench: end -->"


FIGURES = """
![Requests a second by requests in flight](performance/throughput.svg)
![Distribution of latencies](performance/latency.svg)
"""


def publish(text: str, page: Path = PAGE) -> None:
    """Replaces what stands between the marks of the page."""
    page.write_text(between_marks(page.read_text(), f"{text.strip()}\n{FIGURES}"))


def between_marks(page: str, text: str) -> str:
    """The page with another text between its marks.

    Raises:
        ValueError: it does not have both marks, once each and in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page needs `{BEGIN}` and `{END}` once each")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"
