"""Laws of the skills: what they work out, how they go wrong, and that nothing makes them crash."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocks import knowledge
from mocks.skills import SKILLS, right
from mocks.skills.numbers import verbal
from sandbox.metrics import METRICS, exact_match, exact_set, normalise
from scenarios.tasks import TASKS, stock
from scenarios.tasks.catalogue import metric

luck = st.floats(0, 1, exclude_min=True, exclude_max=True)
names = st.sampled_from(sorted(SKILLS))
BANK = "The bank raised its interest rates."
EXAMPLES = {
    "first_word_letter": {"cat": "c", "  Berlin": "B"},
    "second_word_letter": {"cat": "a", "x": None},
    "last_letter": {"cat": "t"},
    "letters_list": {"cat": "c a t"},
    "spell_out": {"cat": "C-A-T"},
    "orthography_starts_with": {
        "Mary thinks that she is smart. [t]": "thinks that",
        "I remembered having kissed Mary. [i]": "i",
        "No bracket": None,
        "Not one of them. [z]": None,
    },
    "word_sorting": {
        "\nList: chrysalis wallaby abacus\n": "abacus chrysalis wallaby",
        "hockey headwall he'll": "he'll headwall hockey",
        "pear, fig": "fig, pear",
    },
    "word_unscrambling": {"ksta": "task", "qzxv": None},
    "sum": {"11 96": "107", "1 2 3": "6", "eleven 3": None, "5": None},
    "diff": {"21 1": "20", "3 5": "-2", "1 2 3": None},
    "absolute_difference": {"3 5": "2"},
    "product": {"12 12": "144"},
    "num_to_verbal": {
        "0": "zero",
        "122": "one hundred and twenty-two",
        "2,231": "two thousand, two hundred and thirty-one",
        "1049": "one thousand and forty-nine",
        "1000000": "one million",
        "999999": "nine hundred and ninety-nine thousand, nine hundred and ninety-nine",
        "12.5": None,
        "twelve": None,
    },
    "periodic_elements": {"1": "hydrogen", "113": "nihonium", "118": "oganesson", "0": None, "119": None},
    "object_counting": {
        "I have two stoves, a dog, a cat, and three mice.": "5",
        "I have a fish, and a donkey.": "2",
        "I have a head of broccoli, two lettuce heads, and a chair.": "3",
        "You have a fish.": None,
    },
    "active_to_passive": {
        "The banker avoided the doctors.": "The doctors were avoided by the banker.",
        "The cats chased a mouse.": "A mouse was chased by the cats.",
        "Anna writes a letter.": "A letter is written by Anna.",
        "He will sell the house.": "The house will be sold by him.",
        "She has broken the vases.": "The vases have been broken by her.",
        "They are building a bridge.": "A bridge is being built by them.",
        "The children saw him.": "He was seen by the children.",
        "The book was read.": None,
        "Run!": None,
    },
    "passive_to_active": {"The doctors were avoided by the banker.": "The banker avoided the doctors."},
    "singular_to_plural": {
        "cat": "cats", "body": "bodies", "journey": "journeys", "genus": "genera", "box": "boxes",
        "child": "children", "Wife": "Wives", "stomach": "stomachs",
        "passer-by": "passers-by", "polar bear": "polar bears",
    },
    "negation": {
        "Time is finite.": "Time is not finite.",
        "Tucker plays as kicker with the Ravens.": "Tucker does not play as kicker with the Ravens.",
        "Businesses like to succeed.": "Businesses do not like to succeed.",
        "Businesses like growth.": "Businesses do not like growth.",
        "James plays chess.": "James does not play chess.",
        "Beef can be marinated.": "Beef cannot be marinated.",
        "Jim Chapin died in Florida.": "Jim Chapin did not die in Florida.",
        "It is not cold.": "It is cold.",
    },
    "antonyms": {"hot": "cold", "Happy ": "sad", "unable": "able", "qwerty": None},
    "synonyms": {"large": "big"},
    "rhymes": {"cat": "hat"},
    "translation_en-de": {"house": "Haus", "Monday": "Montag"},
    "translation_en-es": {"water": "agua"},
    "translation_en-fr": {"school": "école"},
    "larger_animal": {"hamster, owl": "owl", "blue whale, shih tzu": "blue whale", "cat, table": None},
    "smaller_animal": {"hamster, owl": "hamster"},
    "taxonomy_animal": {"eagle, cheese, crocodile, cow, pilot": "eagle, crocodile, cow"},
    "odd_one_out": {"red, chair, blue, green": "chair", "red, chair": None},
    "auto_categorization": {"Lima, Oslo, and Dublin": "capital cities"},
    "common_concept": {"guitars, kites": "involve strings."},
    "sentiment": {
        "A warm, funny, engaging film.": "positive",
        "Lacks depth.": "negative",
        "Not a good film.": "negative",
    },
    "cause_and_effect": {
        "Sentence 1: The river flooded. Sentence 2: The dam broke.": None,
        "Sentence 1: The valley was flooded. Sentence 2: The dam broke.": "The dam broke.",
    },
    "sentence_similarity": {
        "Sentence 1: A man is slicing an onion. Sentence 2: A guy cuts the onion.": "5 - perfectly",
        "Sentence 1: A man is slicing an onion. Sentence 2: A chimpanzee drives a bus.": "0 - definitely not",
    },
    "word_in_context": {
        f"Sentence 1: {BANK} Sentence 2: He works as a clerk in a bank. Word: bank": "same",
        f"Sentence 1: {BANK} Sentence 2: Wild flowers grew on the muddy bank. Word: bank": "not the same",
    },
    "informal_to_formal": {"Don't forget the deadline.": "Please remember the deadline."},
    "auto_debugging": {"```\nx = [1, 2, 3]\nprint(x[4])\n```": "IndexError: list index out of range"},
    "echo": {" abc ": "abc"},
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_skill_works_out(name: str) -> None:
    for text, wanted in EXAMPLES[name].items():
        found = SKILLS[name].execute(text)
        # A cause that is not known is guessed; only that one of the two is named is certain.
        assert found == wanted or (name == "cause_and_effect" and wanted is None and found in text), (
            text,
            found,
        )


def test_every_task_of_the_published_table_has_a_skill(shared_data: Path) -> None:
    with (shared_data / "published" / "induction30-test-accuracy.csv").open() as lines:
        tasks = [row["task"] for row in csv.DictReader(lines)]
    assert set(tasks) <= set(SKILLS)
    assert set(TASKS) == {*tasks, "word_in_context"}


def test_neighbours_are_skills_and_nobody_is_his_own() -> None:
    for skill in SKILLS.values():
        assert set(skill.neighbours) <= set(SKILLS) - {skill.name}, skill.name
        assert skill.neighbours


@given(names, st.text(max_size=200))
def test_no_text_makes_a_skill_crash(name: str, text: str) -> None:
    found = SKILLS[name].execute(text)
    assert found is None or (isinstance(found, str) and found)


@given(names, st.text(alphabet="abc 123,.[]:\n'-", max_size=60), luck)
def test_a_slip_is_never_the_right_answer(name: str, text: str, u: float) -> None:
    found = SKILLS[name].execute(text)
    if found is not None:
        assert normalise(SKILLS[name].slip(text, found, u)) != normalise(found)


@given(names, st.text(max_size=40), st.text(min_size=1, max_size=40), luck)
def test_a_slip_takes_any_right_answer_as_memory_may_hold_it(
    name: str, text: str, answer: str, u: float
) -> None:
    assert normalise(SKILLS[name].slip(text, answer, u)) != normalise(answer)


@given(st.sampled_from(TASKS), st.integers(0, 10**6), luck)
def test_a_slip_fails_under_the_metric_of_its_task(name: str, number: int, u: float) -> None:
    rows = stock(name)
    row = rows.at(number % rows.size)
    slip = SKILLS[name].slip(row.input, row.answers[0], u)
    assert METRICS[metric(name)](slip, row.answers) < 1
    assert slip == SKILLS[name].slip(row.input, row.answers[0], u)


def test_neighbours_are_wrong_where_it_counts() -> None:
    holes = {("rhymes", "echo"), ("cause_and_effect", "echo"), ("informal_to_formal", "echo")}
    for name in TASKS:
        rows = [stock(name).at(number * 977 % stock(name).size) for number in range(15)]
        score = METRICS[metric(name)]
        for other in SKILLS[name].neighbours:
            scores = [score(right(other, row.input) or "", row.answers) for row in rows]
            assert sum(scores) < 0.6 * len(rows) or (name, other) in holes, (name, other)


def test_slips_are_of_several_kinds() -> None:
    for name in TASKS:
        row = stock(name).at(7)
        slips = {SKILLS[name].slip(row.input, row.answers[0], (step + 0.5) / 40) for step in range(40)}
        assert len(slips) >= 2, name


def test_memory_comes_before_working_it_out() -> None:
    memory = {"antonyms": {"hot": ("frigid", "cold")}, "riddle": {"what?": ("that",)}}
    assert right("antonyms", "hot", memory) == "frigid"
    assert right("antonyms", "big", memory) == "small"
    assert right("riddle", "what?", memory) == "that"
    assert right("riddle", "who?", memory) is None


@given(st.integers(0, 10**6))
def test_number_words_can_be_read_back(number: int) -> None:
    ones = {verbal(n): n for n in range(20)} | {verbal(n): n for n in range(20, 100, 10)}
    total = part = 0
    for word in verbal(number).replace(",", "").replace("-", " ").split():
        if word in ones:
            part += ones[word]
        elif word == "hundred":
            part *= 100
        elif word != "and":
            total, part = total + part * {"thousand": 1000, "million": 10**6}[word], 0
    assert total + part == number
    assert right("num_to_verbal", str(number)) == verbal(number)


@pytest.mark.parametrize(
    "name", ["active_to_passive", "num_to_verbal", "sum", "first_word_letter", "taxonomy_animal"]
)
def test_published_rows_are_solved_without_memory(name: str, shared_data: Path) -> None:
    for row in _published(shared_data, name):
        score = exact_set if name == "taxonomy_animal" else exact_match
        assert score(right(name, row["input"]) or "", [row["output"]]), row


@pytest.mark.parametrize(("name", "share"), [("larger_animal", 0.97), ("sentiment", 0.7)])
def test_most_published_rows_that_are_understood_are_solved(
    name: str, share: float, shared_data: Path
) -> None:
    pairs = [(right(name, row["input"]), row["output"]) for row in _published(shared_data, name)]
    known = [found == output for found, output in pairs if found is not None]
    assert len(known) > 0.5 * len(pairs)
    assert sum(known) > share * len(known)


def _published(shared_data: Path, name: str) -> list[dict[str, str]]:
    folder = shared_data / "instruction-induction" / "raw"
    files = [folder / split / f"{name}.json" for split in ("induce", "execute")]
    return [row for file in files for row in json.loads(file.read_text())["examples"].values()]


def test_lexica_are_consistent() -> None:
    assert len(knowledge.elements()) == len(set(knowledge.elements())) == 118
    assert len(knowledge.masses()) >= 120
    for language in knowledge.LANGUAGES:
        assert len(knowledge.translations(language)) >= 300
        assert all(all(row) for row in knowledge.translations(language).values())
    for word, others in knowledge.antonyms().items():
        assert word not in others
        assert all(word in knowledge.antonyms()[other] for other in others), word
    for kinds in knowledge.senses().values():
        assert [len(sentences) for sentences in kinds] == [3, 3]
    for word, kinds in knowledge.senses().items():
        assert all(word in sentence.lower() for sentences in kinds for sentence in sentences), word
    opposite = {
        word
        for word, others in knowledge.antonyms().items()
        for other in others
        if other in knowledge.groups("synonyms").get(word, ())
    }
    assert not opposite, "both opposite and alike"


def test_lexica_stay_small() -> None:
    folder = Path(knowledge.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.txt")) < 400_000


def test_skills_are_fast() -> None:
    inputs = {name: [stock(name).at(number).input for number in range(50)] for name in TASKS}
    for name, texts in inputs.items():
        for text in texts:
            SKILLS[name].execute(text)
        start = time.process_time()
        for text in texts:
            SKILLS[name].execute(text)
        # Some microseconds each; the bound is wide because test machines are slow and busy.
        assert (time.process_time() - start) / len(texts) < 1e-3, name
