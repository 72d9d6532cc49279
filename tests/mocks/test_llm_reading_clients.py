"""The shapes in which other people's packages put a row to a model are read as they are meant."""

from __future__ import annotations

import pytest

from mocks.llm.reading import read

ORDER = "Classify the sentiment of the review as positive or negative."
ROW = "A thrilling, exhilarating musical."


@pytest.mark.parametrize(
    "system",
    [
        "You are a helpful assistant.",
        "You are a helpful, honest and harmless AI assistant.",
        "You are an AI assistant",
        "You are ChatGPT, a large language model trained by OpenAI.",
    ],
)
def test_a_system_text_that_says_nothing_of_the_task_changes_nothing(system: str) -> None:
    for user in (f"{ORDER}\n{ROW}", f"{ORDER}\n\nInput: {ROW}\nOutput:", ROW):
        assert read((("system", system), ("user", user))) == read((("user", user),))


@pytest.mark.parametrize(
    "system",
    [
        "You are a helpful assistant that translates words to German.",
        "You are a helpful assistant. Answer with the opposite.",
        ORDER,
    ],
)
def test_a_system_text_that_says_what_to_do_is_the_instruction(system: str) -> None:
    reading = read((("system", system), ("user", ROW)))
    assert (reading.instruction, reading.query) == (system, ROW)
