"""Tokens are counted by one rule; answers are compared as the field does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chat import ChatCall, Messages
from sandbox.dataset import Dataset, Row, prompt, prompt_tokens
from sandbox.metrics import METRICS, contains, exact_match, exact_set, f1, normalise
from sandbox.tokens import PER_CHAT, PER_MESSAGE, count, count_messages, most, pieces

texts = st.text(st.characters(), max_size=60)


@given(texts)
def test_the_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
    assert count(text) == len(pieces(text))
    assert "" not in pieces(text)


@given(texts, texts)
def test_counting_is_additive_at_line_ends(one: str, other: str) -> None:
    assert count(one + "\n" + other) == count(one) + 1 + count(other)


@given(texts)
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    assert count(text) <= most(text)


@given(texts, texts)
def test_the_remembered_count_of_a_row_is_the_count_of_its_messages(instruction: str, text: str) -> None:
    assert prompt_tokens(instruction, text) == count_messages(prompt(instruction, text))


def test_messages_cost_a_little_more_than_their_texts() -> None:
    assert count_messages([("system", "Sort."), ("user", "b a")]) == PER_CHAT + 2 * PER_MESSAGE + 2 + 2


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("a", 1),
        ("12345", 2),
        ("   x", 2),
        ("internationalization", 3),
        ("don't", 3),
        ("日本語", 1),
        ("\n\n", 2),
    ],
)
def test_the_rule_by_example(text: str, number: int) -> None:
    assert count(text) == number


@given(texts)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert once == once.strip() == once.lower()
    assert not re.search(r"[.!?,;:'\"\n-]", once)


@given(st.sampled_from(sorted(METRICS)), texts, st.lists(texts, min_size=1, max_size=3))
def test_scores_are_shares_and_more_accepted_answers_never_hurt(
    name: str, said: str, answers: list[str]
) -> None:
    score = METRICS[name](said, answers)
    assert 0.0 <= score <= 1.0
    assert METRICS[name](said, answers[:1]) <= score


@given(st.from_regex(r"[a-z]+( [a-z]+){0,3}", fullmatch=True))
def test_the_answer_itself_is_right_by_every_metric(text: str) -> None:
    if normalise(text):
        for metric in METRICS.values():
            assert metric(text, [text]) == 1.0


@pytest.mark.parametrize(
    ("metric", "said", "answers", "score"),
    [
        (exact_match, "Hot!", ["hot"], 1.0),
        (exact_match, "The answer is hot", ["hot"], 0.0),
        (exact_match, "twenty-one. That is it", ["twenty one"], 1.0),
        (exact_match, "hot\nbecause", ["cold", "hot"], 1.0),
        (exact_match, "Sentence 1: It rained", ["it rained"], 1.0),
        (f1, "a big dog", ["big dog"], 0.8),
        (f1, "cat", ["big dog"], 0.0),
        (exact_set, "frog, cow and dog", ["dog, frog, cow"], 1.0),
        (exact_set, "frog, cow", ["dog, frog, cow"], 0.0),
        (contains, "I would say glad", ["happy", "glad"], 1.0),
        (contains, "gladly", ["glad"], 0.0),
        (contains, "C plus", ["c (plus"], 1.0),
    ],
)
def test_the_metrics_by_example(metric: object, said: str, answers: list[str], score: float) -> None:
    assert metric(said, answers) == pytest.approx(score)  # type: ignore[operator]


def test_a_dataset_needs_rows_and_a_known_metric() -> None:
    rows = (Row("a", ("b",)),)
    with pytest.raises(ValueError, match="metric 'bleu': one of exact_match"):
        Dataset("t", "d", rows, rows, rows, "bleu")
    with pytest.raises(ValueError, match="at least one row each"):
        Dataset("t", "d", rows, (), rows)
    assert Dataset("t", "d", rows, rows, rows).digest != Dataset("t", "d", rows, rows, rows, "f1").digest


turns = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
calls = st.builds(
    ChatCall,
    turns,
    texts,
    st.integers(1, 3),
    st.sampled_from([0, 0.0, 1, 1.0, 0.5]),
    st.sampled_from([1, 1.0, 0.5]),
    st.none() | st.integers(1, 3),
    st.lists(texts, max_size=2).map(tuple),
    st.integers(0, 2),
)


@given(calls, calls)
def test_calls_share_a_key_exactly_if_they_are_equal(one: ChatCall, other: ChatCall) -> None:
    assert (one.key() == other.key()) == (one == other)
    assert one.key() == ChatCall(*one).key()


@given(turns, turns)
def test_no_turn_imitates_another(one: Messages, other: Messages) -> None:
    assert (ChatCall(one).key() == ChatCall(other).key()) == (one == other)
