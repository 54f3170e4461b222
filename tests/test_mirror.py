"""Every source file with logic has a test file of its own name, in the same place under `tests/`."""

from __future__ import annotations

import ast
from pathlib import Path

from house import ROOT, sources

# Covered from above only. A file that gets its own tests leaves this list; nothing new joins it.
WITHOUT_TESTS = {
    "broker/cli/app.py",
    "broker/cli/setup/doctor.py",
    "broker/cli/setup/examination.py",
    "broker/routing/errors.py",
    "broker/routing/overview.py",
    "broker/routing/subscriptions.py",
    "client/aio/locked.py",
    "client/protocol/bodies.py",
    "client/protocol/vitals.py",
    "client/sync/shared_socket.py",
    "devices/channel/gate.py",
    "devices/channel/listeners.py",
    "devices/channel/statistics.py",
    "devices/channel/supervisor.py",
    "devices/doctor/direct.py",
    "devices/site/forms/tag.py",
    "devices/transport/tcp.py",
    "gateway/app.py",
    "gateway/documents/catalogue.py",
    "gateway/exposition/text.py",
    "gateway/front/flight.py",
    "gateway/live/messages.py",
    "gateway/live/plant.py",
    "gateway/live/sources.py",
    "gateway/settings.py",
    "gateway/views/asking.py",
    "gateway/views/batch.py",
    "gateway/views/health.py",
    "gateway/views/locks.py",
    "gateway/views/page.py",
    "gateway/views/profiles.py",
    "gateway/views/streams.py",
    "gateway/views/trace.py",
}


def has_logic(path: Path) -> bool:
    """Whether a file decides anything: a branch, a loop or a comparison in some function."""
    deciding = (
        ast.If | ast.IfExp | ast.For | ast.While | ast.Compare | ast.BoolOp | ast.Try | ast.comprehension
    )
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(isinstance(inner, deciding) for function in functions for inner in ast.walk(function))


def test_every_source_file_with_logic_has_its_test_file() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in sources()
        if has_logic(path)
        and not (ROOT / "tests" / path.relative_to(ROOT)).with_name(f"test_{path.name}").exists()
    ]
    assert sorted(set(missing) - set(WITHOUT_TESTS)) == []
