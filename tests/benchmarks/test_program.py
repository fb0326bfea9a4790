from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import BENCHMARKS

NAMES = [ratio.name for benchmark in BENCHMARKS for ratio in benchmark.ratios]


@pytest.mark.slow
def test_a_quick_run_prints_and_dumps_every_ratio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ratios.json"
    main(["--quick", "--json", str(path)])

    ratios = json.loads(path.read_text())
    assert list(ratios) == NAMES
    assert all(ratio > 0 for ratio in ratios.values())

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    printed = {line[0]: line for line in lines if line}
    for name, ratio in ratios.items():
        assert f"{ratio:.3g}" in printed[name]


@pytest.mark.slow
def test_only_the_named_ones_are_run(tmp_path: Path) -> None:
    path = tmp_path / "ratios.json"
    main(["--quick", "--json", str(path), "ask"])
    assert {name.partition("_")[0] for name in json.loads(path.read_text())} == {"ask"}


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "no such benchmark: nonsense" in capsys.readouterr().err


def test_names_are_unique() -> None:
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize(
    "name",
    [
        "ask_vs_channel_pingpong",
        "ask_vs_pykka",
        "echo_vs_tcp",
        "echo_vs_trio_websocket",
        "broadcast_vs_trio_websocket",
        "slow_reader_vs_none",
    ],
)
def test_the_ratios_that_have_goals_are_there(name: str) -> None:
    assert name in NAMES
