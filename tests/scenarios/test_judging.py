"""Macro-F1 as the judge of labelling tasks, from the scenario file to the table beside the published one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mocks.llm.model import MockModel
from sandbox.classification import format_line, macro_f1
from sandbox.cli import main as sandbox
from sandbox.dataset import Dataset
from sandbox.protocol import RowResult
from sandbox.worlds.chat import Asking
from scenarios import prompt_mii_table
from scenarios.judging import F1, answers_to_test, tally_of, truth_of
from scenarios.published_prompt_mii import PUBLISHED, SHOTS
from scenarios.tasks import classification

SHARED = Path(__file__).parents[3] / "shared" / "data" / "published" / "prompt-mii-macro-f1.csv"
MODEL = "mock-gpt-3.5-turbo"
ANSWERS = st.lists(st.tuples(st.sampled_from("abcx"), st.sampled_from("abc")), min_size=1, max_size=12)


def task() -> tuple[Dataset, Asking]:
    data = classification.with_shots(41, 10, test=60)
    return data, Asking(MODEL, 0.0, 10, True, format_line(data.labels))


@given(ANSWERS)
def test_a_tally_is_the_score_of_its_answers(pairs: list[tuple[str, str]]) -> None:
    rows = [
        RowResult(row=i, score=float(given == gold), input=str(i), answer=given, expected=gold)
        for i, (given, gold) in enumerate(pairs)
    ]
    tally = tally_of("macro-f1", "abc")
    assert tally is not None
    assert tally(rows) == macro_f1([given for given, _ in pairs], [gold for _, gold in pairs])
    assert tally_of("mean", "abc") is None


def test_the_truth_is_the_score_of_the_most_likely_answers() -> None:
    data, asking = task()
    outcomes = MockModel(MODEL, {}).outcomes
    rules = classification.problem(41, train=100, dev=1, test=60).rules.describe()
    golds = [row.answers[0] for row in data.test]
    for judge, score in F1.items():
        truth = truth_of(judge, outcomes, data, asking)
        answers = answers_to_test(outcomes, data, asking, rules)
        assert truth(rules) == score(answers, golds, data.labels)
        assert truth(rules) > truth("Classify the text.") + 0.1


def test_a_prompt_that_is_too_long_for_the_model_gets_no_label() -> None:
    data, asking = task()
    answers = answers_to_test(MockModel(MODEL, {}).outcomes, data, asking, "word " * 200_000)
    assert set(answers) == {""}


@pytest.mark.parametrize(
    ("judge", "change", "sentence"),
    [
        ("macro-f1", {"labels": ()}, "needs labels"),
        ("reward-f1", {"temperature": 0.7}, "temperature = 0"),
        ("table-f1", {"rows": 3}, "twice as many test rows"),
    ],
)
def test_where_no_f1_can_be_told_it_is_said(judge: str, change: dict[str, object], sentence: str) -> None:
    from dataclasses import replace

    data, asking = task()
    if "labels" in change:
        data = replace(data, labels=())
    if "temperature" in change:
        asking = replace(asking, temperature=change["temperature"])
    if "rows" in change:
        data = replace(data, test=data.test[:3])
    with pytest.raises(ValueError, match=sentence):
        truth_of(judge, MockModel(MODEL, {}).outcomes, data, asking)


def test_more_shots_keep_the_rows_of_fewer() -> None:
    few, many = classification.with_shots(7, 5), classification.with_shots(7, 50)
    assert many.train[:5] == few.train == few.dev
    assert many.test == few.test
    with pytest.raises(ValueError, match="shots=101"):
        classification.with_shots(7, 101)


def test_from_a_scenario_to_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.toml").write_text(
        'description = "two labelling tasks"\nagents = ["naive", "icl", "prompt-mii-zero"]\nseeds = 1\n'
        "budget = { rows = 200, completions = 20 }\n\n[[problem]]\n"
        'kind = "chat"\ntasks = "held-out"\ncount = 2\nshots = [5, 20]\njudge = "macro-f1"\n'
        "train = 20\ntest = 40\nlongest = 200_000\nmax_tokens = 10\n"
    )
    played = CliRunner().invoke(sandbox, ["run", "few.toml", "--engine", "inline", "--out", "few.db"])
    assert played.exit_code == 0, played.output
    cells = prompt_mii_table.scored([Path("few.db")])
    assert len(cells) == 3 * 2 * 2
    assert {cell.written for cell in cells if cell.method == "prompt-mii-zero"} == {1}
    assert {cell.written for cell in cells if cell.method != "prompt-mii-zero"} == {0}
    for method, scores in prompt_mii_table.grid(cells).items():
        assert scores.shape == (2, 2)
        assert np.isfinite(scores).all()
        if method == "naive":
            np.testing.assert_array_equal(scores[:, 0], scores[:, 1])
    assert prompt_mii_table.main(["few.db"]) == 0
    told = capsys.readouterr().out
    assert "Qwen2.5-7B" in told
    assert "prompt-mii-zero against naive, all n: " in told
    assert prompt_mii_table.main(["none.db"]) == 2
    assert "none.db" in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.exists(), reason="the published tables are not here")
def test_the_published_numbers_are_those_of_the_paper() -> None:
    named = {"llama3.1-8b": "Llama-3.1-8B", "qwen2.5-7b": "Qwen2.5-7B"}
    with SHARED.open(encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["follower"] in named]
    compared = 0
    for line in lines:
        ours = PUBLISHED[named[line["follower"]]].get(line["method"])
        if ours is not None and int(line["n"]) in SHOTS:
            assert ours.f1[SHOTS.index(int(line["n"]))] == float(line["macro_f1"])
            compared += 1
    assert compared >= 40
