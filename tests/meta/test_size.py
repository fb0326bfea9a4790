from __future__ import annotations

from tests.meta.sources import FOLDERS, shown, sources

MOST_LINES = 400


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in sources(*FOLDERS)}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
