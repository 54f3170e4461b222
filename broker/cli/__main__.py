"""`python -m plcmq.broker.cli` is `plcmq`."""

from .entry import run

if __name__ == "__main__":
    run()
