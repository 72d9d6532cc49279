"""Scores of a classification task: what counts, and how the published variants differ."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.classification import format_line, invalid_rate, macro_f1, prompt, reward_f1, table_f1
from sandbox.dataset import Row

LABELS = ("red", "green", "blue")
ANSWERS = st.lists(
    st.tuples(st.sampled_from([*LABELS, "?", "Label: red", ""]), st.sampled_from(LABELS)), min_size=1
)


def by_hand(pairs: Sequence[tuple[str, str]], classes: Sequence[str]) -> float:
    """Macro-F1 as the textbook has it."""
    scores = []
    for name in classes:
        right = sum(answer == gold == name for answer, gold in pairs)
        precision = right / max(1, sum(answer == name for answer, _ in pairs))
        recall = right / max(1, sum(gold == name for _, gold in pairs))
        scores.append(2 * precision * recall / (precision + recall) if right else 0.0)
    return sum(scores) / len(scores)


@given(ANSWERS)
def test_macro_f1_is_the_textbooks_over_the_classes_of_the_golds(pairs: list[tuple[str, str]]) -> None:
    answers, golds = zip(*pairs, strict=True)
    assert macro_f1(answers, golds) == pytest.approx(by_hand(pairs, sorted(set(golds))))


@given(ANSWERS)
def test_what_the_junk_says_does_not_matter(pairs: list[tuple[str, str]]) -> None:
    answers, golds = zip(*pairs, strict=True)
    other = [answer if answer in LABELS else f"junk {place}" for place, answer in enumerate(answers)]
    assert macro_f1(other, golds) == macro_f1(answers, golds)
    assert reward_f1(other, golds, LABELS) == reward_f1(answers, golds, LABELS)


@given(ANSWERS)
def test_without_junk_and_with_every_class_all_three_agree(pairs: list[tuple[str, str]]) -> None:
    sure = [(gold if answer not in LABELS else answer, gold) for answer, gold in pairs]
    sure += [(label, label) for label in LABELS * 2]
    answers, golds = zip(*sure, strict=True)
    assert macro_f1(answers, golds) == pytest.approx(reward_f1(answers, golds, LABELS))
    assert macro_f1(answers, golds) == pytest.approx(table_f1(answers, golds) or -1)


def test_the_published_variants_disagree_on_junk() -> None:
    golds = ["red"] * 6 + ["green"] * 2
    answers = ["what"] * 6 + ["green"] * 2
    assert macro_f1(answers, golds) == 0.5
    assert reward_f1(answers, golds, LABELS) == 1.0  # junk is taken for the first label, which is right here
    assert table_f1(answers, golds) == pytest.approx(1 / 3)  # the junk is a class of its own
    scattered = [f"what {place}" for place in range(6)] + ["green"] * 2
    assert table_f1(scattered, golds) == pytest.approx(1 / 8)


def test_the_tables_leave_out_empty_answers_and_groups_that_say_nothing() -> None:
    assert table_f1(["", "red", "green", "red", "green"], ["green", "red", "green", "red", "green"]) == 1.0
    assert table_f1(["red"] * 4, ["red"] * 4) is None
    assert table_f1(["red", "green"], ["red", "green"]) is None


def test_case_and_white_space_do_not_count() -> None:
    assert macro_f1([" Red\n"], ["red"]) == 1.0
    assert invalid_rate([" RED", "red!", "green"], LABELS) == pytest.approx(1 / 3)


@pytest.mark.parametrize("golds", [[], ["red", "red"]])
def test_answers_and_golds_must_match_in_number(golds: list[str]) -> None:
    with pytest.raises(ValueError, match="golds"):
        macro_f1(["red"], golds)


def test_a_prompt_holds_instruction_examples_labels_and_text_in_this_order() -> None:
    ((role, text),) = prompt("Sort it.", LABELS, "a rose", [Row("the sky", ("blue",))])
    places = [
        text.index(part)
        for part in ("Sort it.", "Input: the sky\nLabel: blue", format_line(LABELS), "Input: a rose")
    ]
    assert role == "user"
    assert places == sorted(places)
