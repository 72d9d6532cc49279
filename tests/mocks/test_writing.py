"""Laws of the mock model as a writer: wordings, their quality, and changes to texts of anybody's."""

from __future__ import annotations

import re
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocks.llm.jobs.sense import meant
from mocks.llm.persona import load
from mocks.llm.understanding import understand
from mocks.llm.writing import edits
from mocks.llm.writing.luck import Luck, expand, variety
from mocks.llm.writing.phrases import phrase
from mocks.llm.writing.wording import wordings
from mocks.skills import SKILLS
from scenarios.tasks import TASKS

READER = load("mock-gpt-3.5-turbo")
STRANGERS = {
    "antonyms": "Produce the antonym for every term you are shown.",
    "sum": "Add the two numbers together and report the total.",
    "active_to_passive": "Take each active sentence and restate it passively.",
    "singular_to_plural": "Provide the plural form of each noun.",
    "translation_en-fr": "Translate each English word into French.",
    "taxonomy_animal": "From the list, keep only the animals.",
    "sentiment": "Decide if the review is favorable; respond positive or negative.",
}
CHANGES = {
    "paraphrase": edits.paraphrase,
    "shorten": edits.shorten,
    "elaborate": edits.elaborate,
    "without_form": edits.without_form,
    "mutate": edits.mutate,
    "typos": edits.typos,
    "cross": lambda text, luck: edits.cross(text, text[::-1], luck),
}


def strength(text: str, skill: str) -> float:
    """How strongly `text` tells the reader to do `skill`."""
    found = understand(text, (), READER, {})
    return dict(found.skills).get(skill, 0.0) * found.clarity


def tops(text: str) -> str:
    found = meant(text)
    return found[0][0] if found else ""


def test_every_skill_has_a_wording_and_every_wording_a_skill() -> None:
    assert set(wordings()) == set(SKILLS)


@pytest.mark.parametrize("skill", TASKS)
def test_a_task_is_put_into_words_in_at_least_two_hundred_ways(skill: str) -> None:
    assert len({phrase(skill, 0.9, Luck(i)) for i in range(600)}) >= 200


@pytest.mark.parametrize("skill", TASKS)
def test_precise_wordings_of_a_task_are_understood_as_that_task(skill: str) -> None:
    texts = [phrase(skill, 0.95, Luck(i)) for i in range(30)]
    assert fmean(tops(text) == skill for text in texts) >= 0.7


def test_the_better_the_quality_the_stronger_the_instruction() -> None:
    means = [
        fmean(strength(phrase(skill, quality, Luck(i)), skill) for skill in TASKS for i in range(6))
        for quality in (0.1, 0.3, 0.42, 0.95)
    ]
    assert means == sorted(means) or means[0] - means[1] < 0.15
    assert means[3] > 0.7 > means[2] > max(means[:2]) + 0.1


def test_a_skill_that_nobody_knows_is_still_put_into_words() -> None:
    assert "knit a sock" in phrase("knit_a_sock", 0.9, 0.5)


@given(st.sampled_from(sorted(SKILLS)), st.floats(0, 1), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_phrases_are_whole_and_repeatable(skill: str, quality: float, luck: float) -> None:
    text = phrase(skill, quality, luck)
    assert text == phrase(skill, quality, luck)
    assert text[0].isupper()
    assert text.rstrip('"')[-1] in ".!?"
    assert not set("[]{}|") & set(text)
    assert "  " not in text


def test_a_template_has_as_many_texts_as_it_says() -> None:
    template = "[a|b[c|d]] e[|f]"
    assert {expand(template, Luck(i)) for i in range(200)} == {
        "a e",
        "a ef",
        "bc e",
        "bc ef",
        "bd e",
        "bd ef",
    }
    assert variety(template) == 6


@pytest.mark.parametrize("name", CHANGES)
@given(st.text(max_size=300), st.integers(0, 50))
def test_any_text_can_be_changed_and_always_in_the_same_way(name: str, text: str, number: int) -> None:
    changed = CHANGES[name](text, Luck(number))
    assert changed == CHANGES[name](text, Luck(number))
    assert len(changed) <= 3 * len(text) + 200


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\u017ftate the word", "İ WRITE", "FROM A TO Z", '"', "a" * 9000]
)
@pytest.mark.parametrize("name", CHANGES)
def test_odd_texts_do_not_stop_a_writer(name: str, text: str) -> None:
    for number in range(20):
        assert isinstance(CHANGES[name](text, Luck(number)), str)


def test_a_paraphrase_differs_and_mostly_keeps_the_meaning() -> None:
    texts = [(skill, phrase(skill, 0.9, Luck(i))) for skill in TASKS for i in range(4)]
    known = [(skill, text) for skill, text in [*texts, *STRANGERS.items()] if tops(text) == skill]
    changed = [(skill, text, edits.paraphrase(text, Luck(text))) for skill, text in known]
    assert all(old != new for _, old, new in changed)
    assert fmean(tops(new) == skill for skill, _, new in changed) >= 0.93


def test_what_is_quoted_survives_a_paraphrase() -> None:
    text = 'If the text mentions "word input task", answer {label} in <answer> tags.'
    for number in range(40):
        changed = edits.paraphrase(text, Luck(number))
        assert '"word input task"' in changed
        assert "{label}" in changed
        assert "<answer>" in changed


def test_articles_fit_the_words_that_replace_others() -> None:
    texts = [edits.mutate("Give an antonym. Find a word.", Luck(i)) for i in range(200)]
    texts += [edits.paraphrase("Give an example of a task.", Luck(i)) for i in range(200)]
    assert not [text for text in texts if re.search(r"\b(?:an [b-df-hj-np-tv-z]|a [aeio])", text)]


def test_mutations_change_the_meaning_more_often_than_paraphrases() -> None:
    def kept(change: str) -> float:
        return fmean(
            tops(CHANGES[change](text, Luck(text, i))) == skill
            for skill, text in STRANGERS.items()
            for i in range(30)
        )

    assert kept("mutate") < kept("paraphrase") - 0.05


def test_a_crossing_holds_something_of_both_parents() -> None:
    first = "Write the opposite of the word. Be brief."
    second = "Give an antonym. Answer in lower case."
    children = [edits.cross(first, second, Luck(i)) for i in range(40)]
    both = [child for child in children if set(child.split()) & {"opposite"} and "lower" in child]
    assert len(both) > 10


def test_a_crossing_puts_no_comma_after_the_end_of_a_sentence() -> None:
    asked, told = "What is the tone?", "Look at the review, and judge it!"
    for i in range(40):
        for child in (edits.cross(asked, told, Luck(i)), edits.cross(told, asked, Luck(i))):
            assert "?," not in child
            assert "!," not in child


def test_shortening_keeps_the_sentence_that_asks() -> None:
    text = "Please look here. Write the plural of the noun. Do not explain your answer."
    assert all("plural" in edits.shorten(text, Luck(i)) for i in range(40))
