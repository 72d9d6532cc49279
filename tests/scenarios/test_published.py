"""The command that puts a published table beside a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sandbox.cli import main as sandbox
from sandbox.errors import DataError
from scenarios.published import correlations, main, match, read, side_by_side

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "published" / "induction30-test-accuracy.csv"


def test_tables_side_by_side_and_their_rank_correlation(capsys: pytest.CaptureFixture[str]) -> None:
    published = {"one": {"a": 0.1, "b": 0.5, "c": 0.9}, "two": {"a": 0.2, "b": 0.1, "c": 0.3}}
    ours = {"one": {"a": 0.3, "b": 0.4, "c": 0.8, "d": 1.0}, "second": {"a": 0.1, "b": 0.9, "c": 0.5}}
    pairs = match(published, ours, ["two=second"])
    assert pairs == {"one": "one", "two": "second"}
    assert correlations(published, ours, pairs) == [
        "one: rank correlation over 3 tasks 1.00",
        "two: rank correlation over 3 tasks -0.50",
    ]
    assert side_by_side(published, ours, pairs).row_count == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no row"),
        ("method,a\nx,0.5\n", "no column `task`"),
        ("task,ape\nsum,much\n", "must be a number"),
        ("task,ape\nsum\n", "must be a number"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        read(path)


def test_from_a_tournament_to_the_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    play = ["run", "induction30-quick", "--agents", "random", "--seeds", "1", "--budget", "evaluations=2"]
    assert CliRunner().invoke(sandbox, [*play, "--engine", "inline", "--out", "a.db"]).exit_code == 0
    (tmp_path / "table.csv").write_text("task,ape,opro\nsum,0.9,0.8\nantonyms,0.7,0.6\nrhymes,0.2,0.3\n")
    assert main(["table.csv", "a.db"]) == 2
    assert "no agent is called like a method (ape, opro)" in capsys.readouterr().err
    assert main(["table.csv", "a.db", "--of", "ape=random"]) == 0
    told = capsys.readouterr().out
    assert "ape | random" in told
    assert "ape: rank correlation over 3 tasks" in told
    assert main(["table.csv", "none.db"]) == 2
    assert main(["table.csv", "a.db", "--of", "aep=random"]) == 2
    assert "did you mean ape?" in capsys.readouterr().err


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published table is not beside this checkout")
def test_the_papers_own_table_is_read() -> None:
    published = read(PUBLISHED)
    assert list(published) == ["ape", "instructzero", "evoprompt", "instinct", "dual"]
    assert all(len(tasks) == 30 for tasks in published.values())
