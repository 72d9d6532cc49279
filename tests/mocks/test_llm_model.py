"""Laws of the mock model as a whole: ceilings, gradients, forms, personas, windows, any text at all."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.llm.model import MockModel
from mocks.llm.persona import ContextTooLong, from_mapping, load, personas
from sandbox.chat import ChatCall
from sandbox.dataset import Row, prompt
from sandbox.errors import AnswerFailed, UsageError
from sandbox.metrics import exact_match
from sandbox.tokens import count_messages

WORDS = [
    a + b
    for a in ("ba", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu")
    for b in ("r", "st", "nd", "lk")
]
INITIALS = tuple(Row(word + end, (word[0],)) for word in WORDS for end in ("er", "ing", "ow", "ame", "ill"))
SUMS = tuple(Row(f"{i} {j}", (str(i + j),)) for i in range(11, 31) for j in range(40, 50))
SECRETS = tuple(Row(f"fact {i}", (f"answer {i}",)) for i in range(300))
RIGHT = "Write the first letter of the word."


@pytest.fixture(scope="module")
def model() -> MockModel:
    return MockModel("mock-gpt-3.5-turbo")


def answer(model: MockModel, *messages: tuple[str, str]) -> str:
    return model.answer(ChatCall(messages, temperature=0.0)).choices[0].text


@pytest.mark.parametrize("name", personas())
@pytest.mark.parametrize(("task", "rows"), [("first_word_letter", INITIALS), ("sum", SUMS)])
def test_a_perfect_instruction_scores_the_personas_ceiling(name: str, task: str, rows: Sequence[Row]) -> None:
    model = MockModel(name)
    want = model.persona.ceiling(task)
    sd = math.sqrt(want * (1 - want) / len(rows))
    assert abs(model.ceiling(task, rows, exact_match) - want) <= 4 * sd + 0.01


def test_what_it_knows_of_data_does_not_make_it_better(model) -> None:
    memory = {"antonyms": {row.input: row.answers for row in SECRETS}}
    knowing = MockModel("mock-gpt-3.5-turbo", memory)
    score = knowing.expected("Write the opposite.", SECRETS, exact_match)
    assert 0.5 < score < knowing.ceiling("antonyms", SECRETS, exact_match) < 0.92
    assert model.expected("Write the opposite.", SECRETS, exact_match) < 0.05


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_score_grows_with_the_instruction(temperature: float) -> None:
    told = (
        "",
        "Do the task.",
        "Write the opposite.",
        RIGHT + " My aunt baked wonderful cakes when the weather was lovely and nobody was in a hurry." * 8,
        RIGHT,
        "Output the first letter of the given word. Only the letter, nothing else.",
    )
    scores = [
        mean(MockModel(name).expected(text, INITIALS, exact_match, temperature) for name in personas())
        for text in told
    ]
    empty, vague, wrong, padded, right, best = scores
    assert max(empty, vague, wrong) < 0.25 < padded < right - 0.1
    assert 0.6 < right < best


def test_many_strengths_lie_between_nothing_and_the_ceiling(model) -> None:
    told = [f"{verb} {what} of {whom}." for verb in ("Write", "Give", "Say", "Find") for what in
            ("the initial", "the first letter", "the first one", "the beginning", "the first sign or letter")
            for whom in ("it", "the word", "the given input", "this, if you can")]  # fmt: skip
    scores = {round(model.expected(text, INITIALS, exact_match), 3) for text in told}
    assert len(scores) > 20
    assert min(scores) < 0.3
    assert max(scores) > 0.8


def test_examples_in_the_prompt_help_a_vague_instruction(model) -> None:
    shots = "\n\n".join(f"Input: {row.input}\nOutput: {row.answers[0]}" for row in INITIALS[::40])
    bare = model.expected("Answer.", INITIALS[1:100], exact_match)
    assert model.expected(f"Answer.\n\n{shots}", INITIALS[1:100], exact_match) > bare + 0.4


def test_the_truth_is_the_mean_of_what_is_sampled(model) -> None:
    rows = SUMS[:20]
    for temperature in (0.0, 1.0):
        truth = model.expected("Add the two numbers up.", rows, exact_match, temperature)
        got = [
            exact_match(model.answer(ChatCall(prompt("Add the two numbers up.", row.input), n=100,
                                              temperature=temperature)).choices[i].text, row.answers)
            for row in rows for i in range(100)
        ]  # fmt: skip
        assert mean(got) == pytest.approx(truth, abs=0.05 if temperature else 1e-9)


def test_wrong_instructions_are_followed_too(model) -> None:
    said = [
        answer(model, *prompt("Translate the word into German.", word)) for word in ("house", "water", "dog")
    ]
    assert "Hund" in said or "Haus" in said or "Wasser" in said


def test_every_template_gets_the_same_understanding(model) -> None:
    right = sum(
        answer(model, *messages) == row.answers[0]
        for row in INITIALS[:30]
        for messages in (
            prompt(RIGHT, row.input),
            (("system", RIGHT), ("user", row.input)),
            (("user", f"{RIGHT}\n\nQ: {row.input}\nA:"),),
            (("user", f"{RIGHT}\n{row.input}"),),
        )
    )
    assert right > 0.6 * 120


def test_answers_come_in_the_form_that_is_asked_for(model) -> None:
    tagged = [
        answer(model, ("user", f"{RIGHT} Put it between <final_answer> and </final_answer>.\n{row.input}"))
        for row in INITIALS[:30]
    ]
    assert sum(text.startswith("<final_answer>") and text.endswith("</final_answer>") for text in tagged) > 20
    json_form = f'{RIGHT} Respond with a JSON object with the key "answer".'
    texts = [answer(model, ("system", json_form), ("user", row.input)) for row in INITIALS[:30]]
    assert sum(text.startswith("{") and "answer" in json.loads(text) for text in texts) > 20


def test_personas_have_their_own_strengths_and_troubles() -> None:
    scores = {name: MockModel(name).expected(RIGHT, INITIALS, exact_match) for name in personas()}
    assert scores["mock-small"] < scores["mock-large"]
    solved = {
        name: {
            row for row in SUMS
            if exact_match(answer(MockModel(name), *prompt("Add both.", row.input)), row.answers)
        }
        for name in ("mock-small", "mock-contrarian")
    }  # fmt: skip
    assert solved["mock-small"] - solved["mock-contrarian"]
    assert solved["mock-contrarian"] - solved["mock-small"]


def test_a_prompt_longer_than_the_window_is_refused_by_name() -> None:
    model = MockModel("mock-small")
    with pytest.raises(ContextTooLong, match=r"8192 tokens; the messages have \d+") as caught:
        model.answer(ChatCall(prompt("word " * 9_000, "x")))
    assert isinstance(caught.value, AnswerFailed)
    assert caught.value.args[0] == "context_length_exceeded"
    fits = ChatCall(prompt("word " * 8_000, "x"), temperature=0.0)
    assert count_messages(fits.messages) < 8192
    assert model.answer(fits).completion_tokens >= 1


def test_unknown_personas_are_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no mock model is called 'mock-smal'; did you mean mock-small"):
        MockModel("mock-smal")
    with pytest.raises(UsageError, match="persona x: prices is missing"):
        from_mapping("x", {})
    assert all(load(name).dated for name in personas())


ANY = st.text(st.characters(), max_size=60) | st.sampled_from(
    [
        "",
        "\n\n",
        "Input:",
        "Instruction: \n\nInput: \nOutput:",
        "[[ ## a ## ]]",
        "\ud800",
        "\x00",
        "a -> b",
        "{x} {y}",
    ]
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), ANY), max_size=4), ANY, ANY)
def test_any_text_at_all_is_answered(messages, instruction, text) -> None:
    model = MockModel("mock-small")
    for asked in (tuple(messages), prompt(instruction, text)):
        call = ChatCall(asked, temperature=0.7)
        found = model.outcomes(call)
        assert math.fsum(chance for _, chance in found) == pytest.approx(1)
        assert model.answer(call, top_logprobs=2).choices[0].text in dict(found)


@pytest.mark.parametrize(
    "text", ["a " * 500_000, "Input: x\n" * 100_000, "<" * 1_000_000, "Q: a\nA: b\n" * 5_000, "not " * 7_000]
)
def test_huge_texts_are_answered_or_refused_in_seconds(text: str) -> None:
    model = MockModel("mock-large")
    start = time.perf_counter()
    for messages in (prompt(text, "hot"), prompt(RIGHT, text), (("user", text),)):
        try:
            model.answer(ChatCall(messages))
        except ContextTooLong:
            continue
    assert time.perf_counter() - start < 30
