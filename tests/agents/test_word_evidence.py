"""Laws of the words that go with each label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.templates.meta import digest, spelled
from agents.word_evidence import Term, evidence

WORDS = st.lists(
    st.sampled_from(["oak", "elm", "ash", "the", "brass", "lantern", "of"]), min_size=1, max_size=8
)
PAIRS = st.lists(st.tuples(WORDS.map(" ".join), st.sampled_from("ab")), max_size=12)


@given(PAIRS, st.integers(1, 30))
def test_counts_are_those_of_the_texts(pairs: list[tuple[str, str]], most: int) -> None:
    found = evidence(pairs, ("a", "b"), most)
    assert list(found) == ["a", "b"]
    assert sum(map(len, found.values())) <= most
    for label, terms in found.items():
        strengths = [term.strength for term in terms]
        assert strengths == sorted(strengths, reverse=True)
        for term in terms:
            holding = [held for text, held in pairs if f" {term.text} " in f" {text} "]
            assert (term.texts, term.hits) == (len(holding), holding.count(label))
            assert term.strength > 0


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_texts_has_no_say(pairs: list[tuple[str, str]], rng: object) -> None:
    other = list(pairs)
    rng.shuffle(other)  # type: ignore[attr-defined]
    assert evidence(pairs, ("a", "b"), 9) == evidence(other, ("a", "b"), 9)


def test_a_cue_stands_first_and_two_words_only_where_they_tell_more() -> None:
    pairs = [
        ("the oak fell", "a"),
        ("an oak grew", "a"),
        ("the brass lantern", "b"),
        ("a brass lantern", "b"),
    ]
    pairs += [("the brass bell", "a"), ("the paper lantern", "a")]
    found = evidence(pairs, ("a", "b"), 20)
    assert found["a"][0].text == "oak"
    assert found["b"][0].text == "brass lantern"
    assert digest(found).startswith("\n1 a: 1 oak 2, ")
    assert "\n2 b: 1 brass lantern 2, 2 brass 2/3, 3 lantern 2/3" in digest(found)


def test_answers_that_are_no_label_are_not_read() -> None:
    assert evidence([("oak", "c")], ("a", "b"), 5) == {"a": (), "b": ()}


FOUND = {
    "a": (Term("oak", "a", 3, 3, 2.0), Term("ash", "a", 2, 3, 1.0)),
    "b": (Term("elm", "b", 3, 3, 2.0),),
}


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("1: 2, 1\n2: 1\nelse: 2", 'Answer a if the text mentions "ash" or "oak".\n'
         'Answer b if the text mentions "elm".\nOtherwise, answer b.'),
        ("1: 1, 1, 9", 'Answer a if the text mentions "oak".'),
        ("  else: 1 ", "Otherwise, answer a."),
        ("3: 1\n0: 1\n1: 0\nelse: 3", None),
        ("write well", None),
        ("1: 1 and so on", None),
        ("", None),
    ],
)  # fmt: skip
def test_numbers_are_spelled_out_and_what_is_not_there_is_passed_over(told: str, meant: str | None) -> None:
    assert spelled(told, FOUND) == meant


@given(st.text(alphabet="0123456789:, \nels", max_size=60))
def test_whatever_is_told_names_words_and_labels_that_are_there(told: str) -> None:
    meant = spelled(told, FOUND)
    for line in (meant or "").splitlines():
        assert line.startswith(("Answer a if", "Answer b if", "Otherwise, answer a.", "Otherwise, answer b."))
