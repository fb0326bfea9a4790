"""The documentation names the versions of the official client that the tests run."""

from __future__ import annotations

import json

import pytest

from tests.meta.sources import ROOT

PACKAGES = json.loads((ROOT / "tests" / "interop" / "package.json").read_text())["dependencies"]


@pytest.mark.parametrize("name", ["rivetkit", "@rivetkit/react"])
def test_the_page_for_javascript_names_what_is_tested(name: str) -> None:
    page = (ROOT / "docs" / "how-to" / "javascript.md").read_text()
    assert f"`{name}` {PACKAGES[name]}" in page


def test_the_readme_counts_as_the_list_does() -> None:
    listed = (ROOT / "docs" / "reference" / "acceptance.md").read_text()
    (total,) = [line for line in listed.splitlines() if line.startswith("| all |")]
    _, lines, tested, _ = [cell.strip() for cell in total.strip("|").split("|")]
    readme = (ROOT / "README.md").read_text()
    assert f"a list of {lines} behaviours: {tested} with the test of each" in readme
