"""Whether examples inside an instruction, language codes and the leaning of its words are understood."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocks.llm.inline import told_examples
from mocks.llm.leanings import lean
from mocks.llm.lexicon import parse
from mocks.llm.model import MockModel
from mocks.skills import SKILLS


@pytest.fixture(scope="module")
def model() -> MockModel:
    return MockModel("mock-gpt-3.5-turbo")


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("cat, dog, spoon, cow -> spoon. Go on like this.", [("cat, dog, spoon, cow", "spoon")]),
        ("As in hot -> cold or old -> new.", [("hot", "cold"), ("old", "new")]),
        ("If I say \u201cup\u201d you say \u201cdown\u201d.", [("up", "down")]),
        ('Write "forty-two", for example, for 42.', [("42", "forty-two")]),
        ("Pluralise (child -> children, box -> boxes).", [("child", "children"), ("box", "boxes")]),
        ("Think hat/cat, blue/shoe.", [("hat", "cat"), ("blue", "shoe")]),
        ("Calculate like 12 30 -> 42", [("12 30", "42")]),
    ],
)
def test_examples_in_a_sentence_are_found(text: str, pairs: list[tuple[str, str]]) -> None:
    rest, found = told_examples(text, {})
    assert found == pairs
    assert all(one not in rest or len(one) < 4 for one, _ in pairs)


@pytest.mark.parametrize(
    "text",
    [
        'Answer "positive" or "negative".',
        "active -> passive",
        "Change A -> B, please.",
        "Write either yes/no or true/false.",
        'Write the "last letter" of it and say "done".',
        "",
    ],
)
def test_what_no_skill_explains_is_no_example(text: str) -> None:
    assert told_examples(text, {}) == (text, [])


def test_facts_of_the_data_explain_examples() -> None:
    memory = {"antonyms": {"blorp": ("snarf",)}}
    assert told_examples("e.g. blorp -> snarf", memory)[1] == [("blorp", "snarf")]
    assert told_examples("e.g. blorp -> snarf", {})[1] == []


def test_an_example_decides_where_the_words_are_idle(model: MockModel) -> None:
    assert model.understanding("Do it so: lion, bee, table -> lion, bee").skills[0][0] == "taxonomy_animal"
    assert model.understanding("Now you: 12 30 => 42").skills[0][0] == "sum"


@pytest.mark.parametrize(("code", "task"), [("de", "en-de"), ("es", "en-es"), ("fr", "en-fr")])
def test_language_codes_name_a_translation(code: str, task: str, model: MockModel) -> None:
    for text in (f"en -> {code}", f"EN-{code.upper()}, please", f"en to {code}, one word"):
        assert model.understanding(text).skills[0][0] == f"translation_{task}"


def test_the_form_of_the_answer_alone_asks_for_nothing(model: MockModel) -> None:
    for text in ("Reply with one lowercase word.", "A number, please.", "Only the answer, nothing else."):
        mind = model.understanding(text)
        assert mind.nothing > 0.4, text
        assert mind.strength < 0.3, text


@given(st.text())
def test_leanings_are_chances_of_known_skills(text: str) -> None:
    found = lean(parse(text))
    assert set(found) <= set(SKILLS)
    assert math.fsum(found.values()) <= 1 + 1e-9
    assert all(chance >= 0 for chance in found.values())


def test_a_text_without_words_leans_nowhere() -> None:
    assert max(lean(parse("")).values()) < 0.3


@given(st.text(st.sampled_from("\"'`->=/ ,.abx1"), max_size=60))
def test_any_text_can_be_searched_for_examples(text: str) -> None:
    rest, found = told_examples(text, {})
    assert (rest == text) == (not found)


@pytest.mark.parametrize(
    "text", ["'", '"a" to ', "a/b ", "x = ", "write -> 'a' ", "hot -> cold ", "for 1 -> "]
)
def test_examples_of_huge_texts_are_looked_for_in_bounded_time(text: str) -> None:
    start = time.process_time()
    told_examples(text * (1_000_000 // len(text)), {})
    assert time.process_time() - start < 2
