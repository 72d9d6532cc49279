"""What the mock LLM reads in a prompt, whatever template it came in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mocks.llm.reading import Wrap, read
from sandbox.dataset import Row, prompt, shown

TOLD = "Write the opposite of the word."
DEMOS = (("hot", "cold"), ("tall", "short"))
CONTEXT = "Sentence 1: The play was long.\nSentence 2: Children play.\nWord: play"
FIELDS = (
    "Your input fields are:\n1. `question` (str):\nYour output fields are:\n1. `reasoning` (str):\n"
    "2. `answer` (str):\nAll interactions will be structured in the following way.\n\n"
    f"In adhering to this structure, your objective is: \n        {TOLD}"
)


def user(text: str) -> tuple[tuple[str, str], ...]:
    return (("user", text),)


@pytest.mark.parametrize(
    "messages",
    [
        prompt(TOLD, "big"),
        (("system", TOLD), ("user", "big")),
        (("developer", TOLD), ("user", "Input: big")),
        (("system", "You are an assistant."), ("user", f"{TOLD}\n\nInput: big\nOutput:")),
        user(f"Instruction: {TOLD}\n\nInput: big\n Output: "),
        user(f"Instruction: {TOLD}\n\nInput: big\n\nOUTPUT: "),
        user(f"{TOLD}\n\nQ: big\nA:"),
        user(f"{TOLD}\n\nText: big\nLabel:"),
        user(f"{TOLD}\n\nQuestion: big\n\nAnswer:"),
        user(f"{TOLD}\nbig"),
        user(f"{TOLD}\n\nbig"),
        user(f"Task: {TOLD}\nInput: big"),
    ],
)
def test_instruction_and_input_are_found_in_every_template(messages) -> None:
    reading = read(messages)
    assert TOLD in reading.instruction
    assert "big" not in reading.instruction
    assert reading.query == "big"
    assert reading.demos == ()
    assert reading.wrap == Wrap()


@pytest.mark.parametrize(
    ("asked", "told"), [("Input", "Output"), ("Q", "A"), ("Text", "Label"), ("Word", "Answer")]
)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_worked_examples_are_found(asked: str, told: str, gap: str) -> None:
    lines = gap.join(f"{asked}: {x}\n{told}: {y}" for x, y in DEMOS)
    reading = read(user(f"{TOLD}\n\n{lines}{gap}{asked}: big\n{told}:"))
    assert reading.demos == DEMOS
    assert reading.query == "big"
    assert reading.instruction.strip() == TOLD


def test_examples_may_be_turns_arrows_or_part_of_the_instruction() -> None:
    turns = (
        ("system", TOLD),
        ("user", "hot"),
        ("assistant", "cold"),
        ("user", "tall"),
        ("assistant", "short"),
    )
    assert read((*turns, ("user", "big"))).demos == DEMOS
    assert read(user(f"{TOLD}\nhot -> cold\ntall -> short\n\nbig")).demos == DEMOS
    house = prompt(f"{TOLD}\n\n{shown(tuple(Row(x, (y,)) for x, y in DEMOS))}", "big")
    assert (read(house).demos, read(house).query) == (DEMOS, "big")


@pytest.mark.parametrize(
    "messages",
    [
        prompt(TOLD, CONTEXT),
        (("system", TOLD), ("user", CONTEXT)),
        user(f"{TOLD}\n\nInput: {CONTEXT}\nOutput:"),
        user(f"{TOLD}\n\n{CONTEXT}"),
        (("system", f"{TOLD}\n\nInput: a\nOutput: b"), ("user", CONTEXT)),
    ],
)
def test_an_input_of_several_labelled_lines_stays_whole(messages) -> None:
    assert read(messages).query == CONTEXT


def test_marked_fields_are_read_and_answered_in_kind() -> None:
    ask = "[[ ## question ## ]]\n{}"
    end = "\n\nRespond with the corresponding output fields, starting with the field `[[ ## reasoning ## ]]`."
    shot = "[[ ## reasoning ## ]]\nbecause\n\n[[ ## answer ## ]]\ncold\n\n[[ ## completed ## ]]\n"
    reading = read(
        (
            ("system", FIELDS),
            ("user", ask.format("hot")),
            ("assistant", shot),
            ("user", ask.format("big") + end),
        )
    )
    assert (reading.instruction, reading.query, reading.demos) == (TOLD, "big", (("hot", "cold"),))
    answer = reading.wrap("small")
    assert answer.index("[[ ## reasoning ## ]]") < answer.index("[[ ## answer ## ]]\nsmall\n")
    assert answer.endswith("[[ ## completed ## ]]")


def test_json_and_tags_are_read_and_answered_in_kind() -> None:
    reading = read(user(f'{TOLD} Respond with a JSON object with the key "answer".\n\nInput: big'))
    assert json.loads(reading.wrap('say "small"')) == {"answer": 'say "small"'}
    end = "\n\nRespond with a JSON object in the following order of fields: `reasoning`, then `answer`."
    reading = read((("system", FIELDS), ("user", "[[ ## question ## ]]\nbig" + end)))
    assert reading.query == "big"
    assert list(json.loads(reading.wrap("small"))) == ["reasoning", "answer"]
    reading = read(user(f"{TOLD} Put it between <final_answer> and </final_answer> tags.\nbig"))
    assert reading.query == "big"
    assert reading.wrap("small") == "<final_answer>small</final_answer>"


def test_allowed_labels_are_found() -> None:
    reading = read(user("Sort it.\nOnly answer with one of these labels: spam, no spam.\n\nText: hi\nLabel:"))
    assert reading.labels == ("spam", "no spam")
    assert read(prompt(TOLD, "big")).labels == ()


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text()), max_size=4))
def test_any_messages_can_be_read(messages) -> None:
    reading = read(tuple(messages))
    assert isinstance(reading.wrap(reading.query), str)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=":[<"), min_size=1).map(str.strip))
def test_an_input_without_labels_of_its_own_comes_through_the_house_template(text: str) -> None:
    assert read(prompt(TOLD, text)).query == text.strip()
