"""The surrogate world scores any text, and says honestly how well."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.fidelity import Fidelity, folds, judge, rank_correlation, samples_behind
from mocks.oracle import Oracle
from mocks.phrasing import Comparison, Corpus, cues
from mocks.recorded import Table, load_folder
from mocks.surrogate import (
    FOLDS,
    Surrogate,
    SurrogateOracle,
    fidelity_of,
    held_out,
    main,
    vocabulary,
)
from sandbox.errors import DataError

VERBS = ("Name", "Write", "Give", "Find", "Tell me", "Produce", "State", "Print", "Show", "Choose")
KINDS = ("a word", "one word", "some word", "the word")
ENDINGS = {".": 0.1, "?": 0.2, ":\nA:": 0.8}
TEXTS = tuple(f"{verb} {kind} like {{x}}{end}" for verb in VERBS for kind in KINDS for end in ENDINGS)


def _score(text: str) -> float:
    end = next(level for ending, level in ENDINGS.items() if text.endswith(ending))
    return round(end + 0.02 * KINDS.index(next(kind for kind in KINDS if f" {kind} " in text)), 2)


def a_table(texts: tuple[str, ...] = TEXTS, name: str = "made-up") -> Table:
    """A table in which the ending decides nearly everything."""
    return Table(
        name=name,
        templates=texts,
        methods=("",) * len(texts),
        correct=(True,) * len(texts),
        accuracies={"alpha-7b": tuple(_score(text) for text in texts)},
        digest="0",
    )


@pytest.fixture(scope="module")
def oracle() -> SurrogateOracle:
    return SurrogateOracle.of(a_table(), "alpha-7b")


def test_it_is_an_oracle_over_free_text(oracle: SurrogateOracle) -> None:
    plain: Oracle = oracle
    assert plain.space.kind == "text"
    scores = {text: plain.truth(text) for text in TEXTS}
    assert plain.truth(plain.best) == plain.optimum == max(scores.values())
    assert plain.baseline == fmean(scores.values())
    assert oracle.fidelity.trusted


def test_nobody_starts_above_the_baseline(oracle: SurrogateOracle) -> None:
    assert len(oracle.space.seeds) == len(set(oracle.space.seeds)) == 8
    assert all(oracle.truth(seed) <= oracle.baseline for seed in oracle.space.seeds)
    assert set(oracle.space.seeds) <= set(TEXTS)
    assert len(SurrogateOracle.of(a_table(), "alpha-7b", starts=3).space.seeds) == 3


def test_an_unseen_instruction_gets_the_score_of_its_format(oracle: SurrogateOracle) -> None:
    assert oracle.truth("Please print any word like {x}:\nA:") > 0.5
    assert oracle.truth("Please print any word like {x}.") < 0.3


@given(text=st.text(min_size=1, max_size=300))
def test_any_text_has_one_score_between_0_and_1(oracle: SurrogateOracle, text: str) -> None:
    score = oracle.truth(text)
    assert 0.0 <= score <= 1.0
    assert oracle.truth(text) == score == oracle.surrogate.predict(text)


def test_a_point_of_a_box_is_refused(oracle: SurrogateOracle) -> None:
    with pytest.raises(TypeError, match="scores texts"):
        oracle.truth((0.5,))


def test_a_full_cache_changes_nothing(oracle: SurrogateOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [oracle.truth(f"{text} Now!") for text in TEXTS]
    monkeypatch.setattr("mocks.surrogate._LARGEST_CACHE", 5)
    assert [oracle.truth(f"{text} Now!") for text in TEXTS] == before


def test_a_pickled_surrogate_gives_the_same_scores(oracle: SurrogateOracle) -> None:
    copy = pickle.loads(pickle.dumps(oracle))
    assert copy == oracle
    assert copy.truth("What is like {x}?") == oracle.truth("What is like {x}?")


def test_flat_scores_give_a_flat_surface_that_is_not_trusted() -> None:
    table = a_table()
    flat = Table("flat", table.templates, table.methods, table.correct, {"m": (0.1,) * len(TEXTS)}, "0")
    oracle = SurrogateOracle.of(flat, "m")
    assert oracle.truth("Anything.") == pytest.approx(0.1)
    assert (oracle.fidelity.spearman, oracle.fidelity.r2, oracle.fidelity.r2_relative) == (0.0, 0.0, 0.0)
    assert not oracle.fidelity.trusted


@pytest.mark.parametrize(
    ("texts", "model", "reason"),
    [
        (TEXTS[:19], "alpha-7b", "made-up: 19 distinct instructions .* at least 20"),
        (TEXTS[:19] + TEXTS[:19], "alpha-7b", "19 distinct"),
        (TEXTS[:19] + tuple(f"\n {text}" for text in TEXTS[:19]), "alpha-7b", "19 distinct"),
        (TEXTS, "alpha-7", "did you mean alpha-7b"),
    ],
)
def test_what_cannot_be_fitted_is_refused(texts: tuple[str, ...], model: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        SurrogateOracle.of(a_table(texts), model)


spaced = st.tuples(st.sampled_from(TEXTS[:30]), st.sampled_from(["", "\n", "  "])).map(lambda p: p[1] + p[0])


@given(texts=st.lists(spaced, min_size=1, max_size=60), count=st.integers(2, 10), data=st.data())
def test_repeated_texts_share_a_fold_whatever_their_order(
    texts: list[str], count: int, data: st.DataObject
) -> None:
    fold_of = dict(zip(texts, folds(texts, count), strict=True))
    by_group: dict[str, set[int]] = {}
    for text, fold in fold_of.items():
        by_group.setdefault(" ".join(text.split()), set()).add(fold)
    assert all(len(several) == 1 for several in by_group.values())
    shuffled = data.draw(st.permutations(texts))
    assert dict(zip(shuffled, folds(shuffled, count), strict=True)) == fold_of
    sizes = [sum(several == {fold} for several in by_group.values()) for fold in range(count)]
    assert max(sizes) - min(sizes) <= 1


def test_a_held_out_prediction_is_that_of_a_surrogate_which_never_saw_the_fold() -> None:
    scores = [_score(text) for text in TEXTS]
    predicted, fold_of = held_out(TEXTS, scores), folds(TEXTS, FOLDS)
    for fold in (0, 7):
        others = [row for row in range(len(TEXTS)) if fold_of[row] != fold]
        refitted = Surrogate.fitted([TEXTS[row] for row in others], [scores[row] for row in others])
        for row in set(range(len(TEXTS))) - set(others):
            assert predicted[row] == pytest.approx(refitted.predict(TEXTS[row]), abs=1e-8)


def test_repeated_measurements_are_averaged_and_counted_once() -> None:
    fidelity = fidelity_of(a_table(TEXTS + TEXTS[:40]), "alpha-7b")
    assert fidelity.instructions == len(TEXTS)
    assert fidelity.r2_ceiling > fidelity_of(a_table(), "alpha-7b").r2_ceiling


@given(text=st.text(max_size=200) | st.sampled_from(["{", "{a}{b}", '"{b}" or [{a}]\nA:']))
def test_every_text_has_the_same_cues_all_finite(text: str) -> None:
    found = cues(text)
    assert list(found) == list(cues("Name {x}."))
    assert np.isfinite(list(found.values())).all()


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=12, unique=True))
def test_a_text_alone_and_among_others_has_the_same_vector(texts: list[str]) -> None:
    corpus, rows = Corpus.of(texts), np.arange(len(texts))
    comparison = Comparison.learnt(corpus, rows)
    together = comparison.vectors(rows)
    similarity = (together @ together.T).toarray()
    assert similarity.min() >= 0.0
    assert similarity.max() <= 1.0 + 1e-9
    for row, text in enumerate(texts):
        alone = np.zeros(len(corpus.columns))
        numbers, values = comparison.vector(text)
        alone[numbers] = values
        np.testing.assert_allclose(alone, together[[row]].toarray()[0], atol=1e-12)


def test_the_vocabulary_keeps_marks_and_line_ends() -> None:
    assert vocabulary(['Say "yes".\nA:', 'Write "yes".\nA:', "Alone"]) == ("\nA:", '"yes".')


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=40, unique=True))
def test_perfect_predictions_are_judged_perfect(thousandths: list[int]) -> None:
    measured = [number / 1000 for number in thousandths]
    fidelity = judge(measured, measured, [1] * len(measured), 100)
    assert fidelity.spearman == pytest.approx(1.0)
    assert fidelity.r2 == pytest.approx(1.0)
    assert 0.0 <= fidelity.r2_ceiling <= 1.0
    assert 0.0 <= fidelity.spearman_ceiling <= 1.0 + 1e-9


def test_measurements_that_differ_by_rounding_alone_leave_nothing_to_explain() -> None:
    fidelity = judge([0.3, 0.4], [0.0, 1e-223], [1, 1], 100)
    assert (fidelity.r2, fidelity.r2_ceiling, fidelity.spearman_ceiling) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("samples", [26, 100])
def test_the_ceilings_are_what_the_truth_itself_reaches(samples: int) -> None:
    rng = np.random.default_rng(5)
    reached, promised = [], []
    for _ in range(20):
        truth = rng.beta(2.0, 6.0, 300)
        measured = rng.binomial(samples, truth) / samples
        fidelity = judge(truth.tolist(), measured.tolist(), [1] * 300, samples)
        reached.append((fidelity.spearman, fidelity.r2))
        promised.append((fidelity.spearman_ceiling, fidelity.r2_ceiling))
    np.testing.assert_allclose(np.mean(promised, axis=0), np.mean(reached, axis=0), atol=0.02)


def test_the_rank_correlation_of_a_constant_is_0() -> None:
    assert rank_correlation([1, 1, 1], [[1, 2, 3], [3, 3, 3]]).tolist() == [0.0, 0.0]
    assert rank_correlation([1, 2, 3], [[1, 4, 9], [3, 2, 1]]).tolist() == pytest.approx([1.0, -1.0])


@given(st.integers(1, 200), st.data())
def test_the_samples_behind_a_grid_explain_every_value(samples: int, data: st.DataObject) -> None:
    hits = data.draw(st.lists(st.integers(0, samples), min_size=1, max_size=30))
    found = samples_behind(hit / samples for hit in hits)
    assert found <= samples
    assert all(hit / samples * found == pytest.approx(round(hit / samples * found), abs=3e-3) for hit in hits)


@pytest.mark.parametrize(
    ("spearman", "r2", "instructions", "trusted"),
    [(0.5, 0.25, 50, True), (0.49, 0.9, 99, False), (0.9, 0.24, 99, False), (0.9, 0.9, 49, False)],
)
def test_trust_takes_ranks_variance_and_numbers(
    spearman: float, r2: float, instructions: int, trusted: bool
) -> None:
    fidelity = Fidelity(spearman, r2, 1.0, 1.0, instructions, 100)
    assert fidelity.trusted == trusted
    assert str(fidelity).endswith("not to be trusted") != trusted


def test_fidelity_reads_as_one_line() -> None:
    assert str(Fidelity(0.714, 0.551, 0.98, 0.97, 227, 100)) == (
        "surrogate fidelity: Spearman 0.71 (of 0.98 possible), R² 0.55 (of 0.97 possible), 227 instructions"
    )


_SCRIPT = """
from test_surrogate import TEXTS, SurrogateOracle, a_table
oracle = SurrogateOracle.of(a_table(), "alpha-7b")
print(repr(oracle), [oracle.truth(text + " Now!") for text in TEXTS])
"""


def test_two_processes_tell_the_same_scores() -> None:
    root = Path(__file__).parents[2]
    places = (root, Path(__file__).parent)
    told = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(map(str, places))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_the_command_reports_every_table(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(shared_data / "multi-prompt")
    assert main(["--data", folder, "--model", "vicuna-13b"]) == 0
    shown = capsys.readouterr().out
    assert "ends_with_word" in shown
    assert "8 of 8" in shown
    assert main(["--data", folder, "--model", "vicuna-13"]) == 2
    assert "did you mean vicuna-13b?" in capsys.readouterr().err


def test_the_command_leaves_out_what_cannot_be_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(name: str, texts: tuple[str, ...]) -> None:
        rows = ({"template": text, "correct": True, "accs": {"m": _score(text)}} for text in texts)
        document = {"paraphrases": {str(number): row for number, row in enumerate(rows)}}
        (tmp_path / name).write_text(json.dumps(document))

    write("short.json", TEXTS[:5])
    assert main(["--data", str(tmp_path)]) == 2
    assert "5 distinct instructions" in capsys.readouterr().err
    write("long.json", TEXTS)
    assert main(["--data", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "left out: the table short" in shown.err
    assert "1 of 1" in shown.out


def test_real_scores_of_unseen_instructions_are_predicted(shared_data: Path) -> None:
    tables = load_folder(shared_data / "multi-prompt")
    found = {(table.name, model): fidelity_of(table, model) for table in tables for model in table.models}
    vicuna = [fidelity for (_, model), fidelity in found.items() if model == "vicuna-13b"]
    assert fmean(fidelity.spearman for fidelity in vicuna) >= 0.75
    assert all(fidelity.trusted for fidelity in vicuna)
    assert fmean(fidelity.spearman for fidelity in found.values()) >= 0.66
    assert {fidelity.samples for (name, _), fidelity in found.items() if name == "word_not_containing"} == {
        26
    }
    assert {fidelity.samples for (name, _), fidelity in found.items() if name != "word_not_containing"} == {
        100
    }
