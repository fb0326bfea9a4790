"""Whatever clients, or mistakes in actors, can cause is written by ``trivet.logs`` alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.meta.sources import shown, sources

WRITES = {"debug", "info", "warning", "error", "exception", "critical", "log"}

FREE = {
    "trivet/logs.py": "the one place",
    "trivet/open.py": "once at the start of a runtime",
    "trivet/server/serve.py": "once at the start of a server",
    "trivet/server/asgi/application.py": "once for each run of the application",
    "trivet/holder/process.py": "another process; once for each child",
    "trivet/cli/commands.py": "once at the start of a holder",
    "trivet/runtime/runtime.py": "once at the end of a runtime",
    "trivet/server/signals.py": "once for each signal",
    "trivet/telemetry/counters.py": "at debug level only",
    "trivet/telemetry/watchdog.py": "no run of Trio's; twice for each stall",
    "trivet/storage/sqlite/storage.py": "once at the end of a store",
    "trivet/storage/sqlite/opening.py": "once at the start of a store",
    "trivet/storage/sqlite/database.py": "a thread of its own; once until it is mended",
    "trivet/storage/sqlite/writer.py": "a thread of its own; one commit at a time, and a slow one",
}


def written(source: str) -> Iterator[int]:
    """The lines on which a module writes to a logger itself."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="logger"), attr=attr, lineno=line)
            ) if attr in WRITES:
                yield line
            case _:
                pass


def test_records_are_throttled() -> None:
    found = {shown(path) for path in sources("trivet") if any(written(path.read_text()))}
    assert found <= set(FREE)
    assert set(FREE) - {"trivet/logs.py"} <= found


def test_a_record_is_found() -> None:
    source = 'logger.error("x")\nthrottled.error("k", "x", extra={})\nlogger.setLevel(1)'
    assert list(written(source)) == [1]
