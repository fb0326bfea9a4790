"""The Autobahn test suite itself, which needs a Python 2.7, against the same echo."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.link.autobahn.echo import echo_server

PACKAGE: Final = "autobahntestsuite==25.10.1"
CASES: Final = 301

# The suite's own command does not look for packages in a folder of its own.
RUN: Final = """
import site, sys
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite import wstest
wstest.run()
"""


def python2() -> Path | None:
    """Find a Python 2.7: among those that pyenv keeps, or on the path."""
    versions = Path.home() / ".pyenv" / "versions"
    found = sorted(versions.glob("2.7.*/bin/python2.7"))
    on_path = shutil.which("python2.7")
    # pyenv puts a command of that name on the path even where it would run nothing.
    if on_path is not None and "shims" not in Path(on_path).parts:
        found.append(Path(on_path))
    return found[0] if found else None


PYTHON2: Final = python2()


@pytest.fixture(scope="session")
def packages(pytestconfig: pytest.Config) -> Path:
    """The suite, installed once into pytest's cache."""
    assert PYTHON2 is not None
    cache = pytestconfig.cache
    assert cache is not None
    folder = Path(cache.mkdir("autobahn"))
    if not (folder / "autobahntestsuite").exists():
        pip = [str(PYTHON2), "-m", "pip", "install", "-q", "--target", str(folder), PACKAGE]
        subprocess.run(pip, check=True)
    return folder


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.skipif(PYTHON2 is None, reason="the Autobahn test suite runs on Python 2.7 only")
async def test_the_suite_finds_no_failure(packages: Path, tmp_path: Path) -> None:
    async with echo_server() as port:
        plan = tmp_path / "plan.json"
        plan.write_text(json.dumps(_plan(port, tmp_path / "reports")))
        command = [str(PYTHON2), "-c", RUN, str(packages), "-m", "fuzzingclient", "-s", str(plan)]
        await trio.run_process(command, capture_stdout=True, capture_stderr=True)
    report: dict[str, dict[str, dict[str, Any]]] = json.loads(
        (tmp_path / "reports" / "index.json").read_text()
    )
    (results,) = report.values()
    print(Counter((result["behavior"], result["behaviorClose"]) for result in results.values()))
    bad = {
        number: (result["behavior"], result["behaviorClose"])
        for number, result in results.items()
        if result["behavior"] not in {"OK", "NON-STRICT", "INFORMATIONAL"}
        or result["behaviorClose"] not in {"OK", "INFORMATIONAL"}
    }
    assert bad == {}
    assert len(results) == CASES


def _plan(port: int, reports: Path) -> dict[str, Any]:
    return {
        "outdir": str(reports),
        "servers": [{"agent": "trivet", "url": f"ws://127.0.0.1:{port}"}],
        "cases": ["*"],
        "exclude-cases": ["12.*", "13.*"],
        "exclude-agent-cases": {},
    }
