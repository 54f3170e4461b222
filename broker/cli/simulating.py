"""placeholder"""


def simulate() -> None:
    """Later."""
