"""What tests of this directory share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.scribes import forget_scripts


@pytest.fixture(autouse=True)
def _fresh_scripts() -> Iterator[None]:
    forget_scripts()
    yield
    forget_scripts()
