"""Generated classification tasks: what holds for every seed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import tokens
from sandbox.metrics import normalise
from scenarios.tasks import classification
from scenarios.tasks.classification import TOKEN_QUANTILES, label_count, make, problem, text_tokens
from scenarios.tasks.decisions import STYLES, Rules

SEEDS = st.integers(0, 10**6)
QUICK = settings(max_examples=25)


@QUICK
@given(SEEDS)
def test_no_text_is_in_two_places(seed: int) -> None:
    task = make(seed, train=30, dev=20, test=30)
    texts = [row.input for row in task.train + task.dev + task.test]
    assert len(texts) == len(set(texts)) == 80


@QUICK
@given(SEEDS)
def test_a_seed_is_one_task_and_its_rules_do_not_depend_on_the_sizes(seed: int) -> None:
    one, again = problem(seed, train=8, dev=4, test=4), problem(seed, train=8, dev=4, test=4)
    assert one == again
    longer = problem(seed, train=12, dev=8, test=4)
    assert longer.rules == one.rules
    assert longer.dataset.train[:8] == one.dataset.train


@QUICK
@given(SEEDS)
def test_without_noise_the_rules_give_every_label(seed: int) -> None:
    task = problem(seed, train=30, dev=10, test=10, noise=0.0)
    for row in task.dataset.train + task.dataset.dev + task.dataset.test:
        assert row.answers == (task.rules.apply(row.input),)


@QUICK
@given(SEEDS)
def test_the_metric_tells_all_labels_apart(seed: int) -> None:
    labels = make(seed, train=5, dev=5, test=5).labels
    assert len({normalise(label) for label in labels}) == len(labels)
    assert all(normalise(label) for label in labels)


def test_noise_sets_the_ceiling() -> None:
    shares = []
    for seed in range(10):
        task = problem(seed, train=5, dev=5, test=300, noise=0.2)
        rows = task.dataset.test
        shares.append(sum(task.rules.apply(row.input) == row.answers[0] for row in rows) / len(rows))
    assert sum(shares) / len(shares) == pytest.approx(0.8, abs=0.03)


def test_thousands_of_seeds_are_thousands_of_tasks() -> None:
    tasks = [make(seed, train=2, dev=1, test=1) for seed in range(1000)]
    assert len({task.digest for task in tasks}) == 1000
    assert len({task.labels for task in tasks}) > 500
    assert len({task.description for task in tasks}) > 100


def test_label_counts_are_the_published_ones() -> None:
    # quantiles of Table 6 as printed in the reference: 2, 2, 4, 10, 60, 503
    at = (0.01, 0.25, 0.5, 0.75, 0.9, 0.9999)
    found = [label_count(u) for u in at]
    assert found[:4] == [2, 2, 4, 10]
    assert 50 < found[4] < 75
    assert found[5] > 490


def test_lengths_are_the_published_ones() -> None:
    for at, value in TOKEN_QUANTILES:
        assert text_tokens(at) == pytest.approx(value)


def test_texts_are_as_long_as_they_should_be() -> None:
    for length in (20, 60, 150, 1000):
        task = make(3, train=60, dev=1, test=1, length=length)
        mean = sum(tokens.count(row.input) for row in task.train) / 60
        assert mean == pytest.approx(length, rel=0.15)


def test_all_kinds_of_rules_decide_something() -> None:
    kinds = {"pair": 0, "keyword": 0, "order": 0, "default": 0}
    for seed in range(30):
        task = problem(seed, train=50, dev=1, test=1)
        rules = task.rules
        for row in task.dataset.train:
            text = f" {row.input.lower()} "
            held = {label for cue, label in rules.keywords if cue in text}
            if any(a in text and b in text for a, b, _ in rules.conjunctions):
                kinds["pair"] += 1
            else:
                kinds[("default", "keyword", "order")[min(2, len(held))]] += 1
    assert all(count > 50 for count in kinds.values()), kinds


def test_opaque_names_and_their_opposite_can_be_asked_for() -> None:
    assert all(problem(seed, train=1, dev=1, test=1, opaque=1.0).opaque for seed in range(10))
    assert not any(problem(seed, train=1, dev=1, test=1, opaque=0.0).opaque for seed in range(10))


def test_as_many_labels_as_published_fit() -> None:
    task = problem(1, train=20, dev=5, test=5, labels=503)
    assert len(set(task.dataset.labels)) == 503
    assert len(task.rules.cues()) >= 503


@pytest.mark.parametrize(
    ("option", "value"),
    [("labels", 1), ("labels", 504), ("length", 3), ("noise", 1.0), ("cues", 0), ("imbalance", 0)],
)
def test_an_impossible_option_is_refused_by_name(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{option}={value}"):
        make(0, **{option: value})


def test_too_few_different_texts_are_an_error_and_not_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenarios.tasks.texts.fillers", lambda manner, rng: iter(["Same."] * 9))
    with pytest.raises(ValueError, match="different texts"):
        make(0, labels=2, length=8, cues=1, train=5000)


def test_the_order_of_steps_is_pairs_keywords_default() -> None:
    rules = Rules(("x", "y", "z"), (("oak", "elm", "z"),), (("oak", "x"), ("elm", "y")), ("y", "x"), "x")
    said = {"oak": "x", "the elm": "y", "Oak? Elm!": "z", "nothing": "x", "oaks": "x", "elmwood": "x"}
    assert {text: rules.apply(text) for text in said} == said
    two = Rules(("x", "y", "z"), (), rules.keywords, ("y", "x"), "z")
    assert two.apply("oak and elm") == "y"


@QUICK
@given(SEEDS, st.sampled_from(sorted(STYLES)))
def test_a_description_names_every_cue_and_every_label_with_one(seed: int, style: str) -> None:
    rules = problem(seed, train=1, dev=1, test=1).rules
    told = rules.describe(style)
    assert all(cue in told for cue in rules.cues())
    assert all(label in told for _, label in rules.keywords)


def test_confused_rules_are_wrong_everywhere() -> None:
    for seed in range(5):
        task = problem(seed, train=50, dev=1, test=1)
        wrong = task.rules.confused()
        kept = [row for row in task.dataset.train if wrong.apply(row.input) == task.rules.apply(row.input)]
        # with another order of labels a text with cues of two labels may come out right
        assert len(kept) <= 0.3 * 50


def test_the_command_prints_published_and_generated_quantiles(capsys: pytest.CaptureFixture[str]) -> None:
    classification.main(["--count", "12"])
    printed = capsys.readouterr().out
    assert printed.count("published") == 2
    assert "4028" in printed
