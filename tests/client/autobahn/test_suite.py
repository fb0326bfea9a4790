"""The Autobahn test suite itself, which needs a Python 2.7, against the same client."""

from __future__ import annotations

import json
import socket
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.client.autobahn.echo import run_echo
from tests.link.autobahn.test_suite import CASES, PYTHON2, RUN, packages

__all__ = ["packages"]

AGENT: Final = "trivet"


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.skipif(PYTHON2 is None, reason="the Autobahn test suite runs on Python 2.7 only")
async def test_the_suite_finds_no_failure(
    nursery: trio.Nursery, packages: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(_plan(port, tmp_path / "reports")))
    command = [str(PYTHON2), "-c", RUN, str(packages), "-m", "fuzzingserver", "-s", str(plan)]
    quietly = partial(trio.run_process, capture_stdout=True, capture_stderr=True)
    nursery.start_soon(quietly, command)
    for case in range(1, CASES + 1):
        await visit(port, f"/runCase?case={case}&agent={AGENT}")
    await visit(port, f"/updateReports?agent={AGENT}")
    nursery.cancel_scope.cancel()
    report: dict[str, dict[str, dict[str, Any]]] = json.loads(
        (tmp_path / "reports" / "index.json").read_text()
    )
    results = report[AGENT]
    print(Counter((result["behavior"], result["behaviorClose"]) for result in results.values()))
    bad = {
        number: (result["behavior"], result["behaviorClose"])
        for number, result in results.items()
        if result["behavior"] not in {"OK", "NON-STRICT", "INFORMATIONAL"}
        or result["behaviorClose"] not in {"OK", "INFORMATIONAL"}
    }
    assert bad == {}
    assert len(results) == CASES


async def visit(port: int, path: str) -> None:
    """Go there once the suite listens, which takes it a moment."""
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.1)  # there is nothing else to wait for
        else:
            break
    await run_echo(stream, path, f"127.0.0.1:{port}")


def _plan(port: int, reports: Path) -> dict[str, Any]:
    return {
        "url": f"ws://127.0.0.1:{port}",
        "webport": 0,
        "outdir": str(reports),
        "cases": ["*"],
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    }
