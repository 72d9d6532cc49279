"""Laws of the words that go with each label."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.templates.meta import digest
from agents.word_evidence import evidence

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
    assert digest(found).startswith("\na: oak 2, ")
    assert "\nb: brass lantern 2, brass 2/3, lantern 2/3" in digest(found)


def test_answers_that_are_no_label_are_not_read() -> None:
    assert evidence([("oak", "c")], ("a", "b"), 5) == {"a": (), "b": ()}
