"""Whether the mock LLM understands what people write: right, vague, wrong, denied, misspelt, shown."""

from __future__ import annotations

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocks.llm.evidence import weigh
from mocks.llm.lexicon import parse
from mocks.llm.model import MockModel
from mocks.llm.persona import load, personas
from mocks.llm.tables import concepts, frames
from mocks.llm.understanding import understand
from mocks.skills import SKILLS

STRANGERS = {
    "active_to_passive": "Convert the sentence so that it is in the passive.",
    "antonyms": "Give a term that means the exact contrary.",
    "auto_categorization": "Which family of things are these part of? Name the family.",
    "auto_debugging": "What will Python show when this snippet is executed?",
    "cause_and_effect": "Name the sentence that triggered the other.",
    "common_concept": "Tell me a trait that all of these objects share.",
    "diff": "Take the right number away from the left one.",
    "first_word_letter": "Just the letter at the front of the word.",
    "informal_to_formal": "Phrase it as a respectful official would.",
    "larger_animal": "Pick whichever animal is heavier.",
    "letters_list": "Divide the word into letters with blanks between them.",
    "negation": "Turn the claim into one that is false by denying it.",
    "num_to_verbal": "Put these digits into English words.",
    "object_counting": "How many items does the text mention altogether?",
    "odd_one_out": "Which of them doesn't fit in with the others?",
    "orthography_starts_with": "List the words of the sentence beginning with the bracketed letter.",
    "periodic_elements": "Say which chemical element has so many protons.",
    "rhymes": "Think of a word that rhymes.",
    "second_word_letter": "The letter in second place, nothing else.",
    "sentence_similarity": "Grade how close the two sentences are in meaning, 0 to 5.",
    "sentiment": "Does the critic's opinion come across as positive or negative?",
    "singular_to_plural": "How is the noun written in the plural?",
    "sum": "Return what the numbers add up to.",
    "synonyms": "Find a word with nearly the same meaning.",
    "taxonomy_animal": "Only keep the animals of this list.",
    "translation_en-de": "Say this word in German.",
    "translation_en-es": "Give its Spanish translation.",
    "translation_en-fr": "How would a French person call it?",
    "word_in_context": "Is the given word used with the same sense in both sentences?",
    "word_sorting": "Bring the words into alphabetic order.",
    "word_unscrambling": "These letters are jumbled; make the word out of them.",
}


@pytest.fixture(scope="module")
def model() -> MockModel:
    return MockModel("mock-gpt-3.5-turbo")


def strength(model: MockModel, text: str, skill: str) -> float:
    mind = model.understanding(text)
    return mind.clarity * dict(mind.skills).get(skill, 0.0)


@pytest.mark.parametrize(("task", "text"), STRANGERS.items())
def test_plain_instructions_are_understood(task: str, text: str, model: MockModel) -> None:
    assert model.understanding(text).skills[0][0] == task
    assert strength(model, text, task) > 0.4


def test_every_frame_is_a_skill_and_names_known_concepts() -> None:
    for skill, lines in frames().items():
        assert skill in SKILLS
        for line in lines:
            sign, weight, *terms = line.split()
            assert sign in "=+-"
            assert float(weight) > 0
            for term in terms:
                for concept in term.lstrip("!^").replace("~", "|").replace(">", "|").split("|"):
                    assert not concept or concept in concepts(), f"{skill}: {line}"


def test_precise_instructions_are_stronger_than_vague_ones_and_these_than_wrong_ones(model) -> None:
    own = [strength(model, text, task) for task, text in STRANGERS.items()]
    vague = [
        strength(model, text, task)
        for text in ("Do the task.", "Answer the question.", "Work on the input.")
        for task in STRANGERS
    ]
    wrong = [
        strength(model, text, task)
        for task in STRANGERS
        for other, text in STRANGERS.items()
        if other != task
    ]
    assert mean(own) > 0.75
    assert mean(vague) < 0.1
    assert mean(wrong) < 0.05


def test_an_instruction_for_two_things_does_each_by_halves(model) -> None:
    both = "Write the opposite of the word and translate it into German."
    shares = dict(model.understanding(both).skills)
    assert 0.1 < shares["antonyms"] < 0.9
    assert 0.1 < shares["translation_en-de"] < 0.9


def test_padding_and_length_weaken() -> None:
    plain = "Write the opposite of the given word."
    padding = " The weather was lovely yesterday, and my aunt baked wonderful cakes." * 6
    mean_of = lambda text: mean(strength(MockModel(name), text, "antonyms") for name in personas())  # noqa: E731
    assert mean_of(plain + padding) < mean_of(plain) - 0.1
    assert weigh(plain + padding).padding > 0.7
    assert weigh(plain).padding == 0


def test_what_is_denied_is_not_done(model) -> None:
    assert (
        model.understanding("Do not translate the word into German; write its antonym.").skills[0][0]
        == "antonyms"
    )
    assert model.understanding("Write a synonym instead of the opposite.").skills[0][0] == "synonyms"
    assert model.understanding("Which item does not belong?").skills[0][0] == "odd_one_out"
    assert model.understanding("Insert the word 'not' into the sentence.").skills[0][0] == "negation"


@pytest.mark.parametrize(
    "text", ["Write the oposite.", "Give the antonmy.", "Give an anntonym", "the opposste word"]
)
def test_slips_of_the_pen_are_forgiven_and_cost_something(text: str, model) -> None:
    assert model.understanding(text).skills[0][0] == "antonyms"
    assert weigh(text).skills["antonyms"] < weigh("Write the opposite.").skills["antonyms"]


def test_first_and_second_are_told_apart(model) -> None:
    for text, task in {
        "Output the first letter of the second word.": "first_word_letter",
        "Output the second letter of the first word.": "second_word_letter",
        "Write the first word.": "first_word",
        "Write the last letter.": "last_letter",
        "Subtract the second number from the first.": "diff",
    }.items():
        assert model.understanding(text).skills[0][0] == task


def test_asking_for_the_bare_answer_quiets_and_asking_to_explain_does_not(model) -> None:
    plain = model.understanding("Write the opposite.").talk
    assert model.understanding("Write the opposite. Only the word, nothing else.").talk < plain / 4
    assert model.understanding("Write the opposite. Do not explain.").talk < plain
    assert model.understanding("Write the opposite. Think step by step and explain.").talk > plain


def test_worked_examples_speak_for_the_skill_that_explains_them() -> None:
    persona = load("mock-gpt-3.5-turbo")
    pairs = [("place", "p"), ("family", "f"), ("water", "w"), ("time", "t"), ("game", "g")]
    chances = []
    for count in range(len(pairs) + 1):
        mind = understand("", pairs[:count], persona, {})
        chances.append(dict(mind.skills).get("first_word_letter", 0.0) * mind.clarity)
    assert chances == sorted(chances)
    assert chances[0] == 0
    assert chances[-1] > 0.7
    spoilt = understand("", [*pairs[:2], ("river", "x"), ("stone", "y"), ("cloud", "z")], persona, {})
    assert dict(spoilt.skills).get("first_word_letter", 0.0) * spoilt.clarity < chances[2]


def test_examples_need_facts_where_the_skill_has_none_of_its_own() -> None:
    persona = load("mock-gpt-3.5-turbo")
    pairs = [("blorp", "snarf"), ("quib", "zonk"), ("flim", "flam")]
    memory = {"antonyms": {x: ("other", y) for x, y in pairs}}
    assert understand("", pairs, persona, memory).skills[0][0] == "antonyms"
    assert understand("", pairs, persona, {}).skills == ()


def test_an_example_inside_the_instruction_counts(model) -> None:
    assert model.understanding('Do it like this: "hot" becomes "cold".').skills[0][0] == "antonyms"
    assert model.understanding("26 -> twenty-six").skills[0][0] == "num_to_verbal"


VERBS = ("Write", "Give", "Say", "Name", "State", "Print", "Tell")


def test_personas_share_a_part_of_their_taste() -> None:
    texts = [
        f"{verb} the {wish} of the {noun}."
        for verb in VERBS
        for wish in ("opposite", "exact opposite", "antonym")
        for noun in ("word", "given word", "input", "term")
    ]
    clarity = {name: [MockModel(name).understanding(text).clarity for text in texts] for name in personas()}

    def correlation(one: str, two: str) -> float:
        a, b = clarity[one], clarity[two]
        da, db = [x - mean(a) for x in a], [x - mean(b) for x in b]
        top = sum(x * y for x, y in zip(da, db, strict=True))
        return top / (sum(x * x for x in da) * sum(y * y for y in db)) ** 0.5

    near = correlation("mock-gpt-3.5-turbo", "mock-large")
    assert 0.3 < near < 0.98
    assert correlation("mock-gpt-3.5-turbo", "mock-contrarian") < near


def test_paraphrases_differ_in_strength_and_one_word_changes_it_little(model) -> None:
    nouns = ("word", "given word", "input word", "term")
    texts = [f"{verb} the opposite of the {noun}." for verb in VERBS for noun in nouns]
    found = [model.understanding(text).clarity for text in texts]
    assert len(set(found)) == len(found)
    assert max(found) - min(found) > 0.05
    near = mean(abs(a - b) for a, b in zip(found[::4], found[4::4], strict=False))
    assert near < max(found) - min(found)


@given(st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    parsed = parse(text)
    assert all(0 <= mention.start < mention.end <= len(parsed.words) for mention in parsed.mentions)
    told = weigh(text)
    assert 0 <= told.padding <= 1
    assert all(0 < amount <= 4.2 for amount in told.skills.values())
