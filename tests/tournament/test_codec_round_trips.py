"""What is written as JSON is read back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chat import ChatAnswer, Choice
from sandbox.codec import (
    dump_answer,
    dump_candidate,
    dump_request,
    load_answer,
    load_candidate,
    load_request,
    one_line,
)
from sandbox.errors import AnswerFailed
from sandbox.protocol import Complete, Completion, Evaluate, Observation, Request, RowCall, RowResult

texts = st.text(st.characters(), max_size=30)
"""All characters, half surrogate pairs too."""
floats = st.floats(allow_nan=False)
counts = st.integers(0, 2**62)
candidates = texts | st.lists(floats, min_size=1, max_size=5).map(tuple)
messages = st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(tuple)
requests = (
    st.builds(Evaluate, candidates, st.none() | st.lists(counts, min_size=1, max_size=4).map(tuple))
    | st.builds(Complete, texts | messages, counts, floats, counts, st.lists(texts, max_size=2).map(tuple))
    | st.just(Request())
)
rows = st.builds(lambda row, score, cached: RowResult(row, score, cached), counts, floats, st.booleans())
"""Without texts: those are in the records of the rows' own calls, and in the task."""
choices = st.builds(lambda text, finish: Choice(text, finish), texts, st.sampled_from(["stop", "length"]))
chats = st.builds(ChatAnswer, st.lists(choices, max_size=3).map(tuple), counts, counts, counts)
answers = (
    chats
    | st.builds(Observation, floats, st.lists(rows, max_size=4).map(tuple))
    | st.builds(Completion, st.lists(texts, max_size=3).map(tuple))
    | st.builds(AnswerFailed, texts, texts)
    | st.none()
)


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types, and with the same signs of zero."""
    return repr(one) == repr(other) and (one == other or isinstance(one, AnswerFailed))


@given(candidates)
def test_candidates_come_back(candidate: Any) -> None:
    assert same(load_candidate(dump_candidate(candidate)), candidate)


@given(requests)
def test_requests_come_back(request: Request[Any]) -> None:
    text = dump_request(request)
    again = load_request(text)
    assert same(again, request)
    assert again.key() == request.key()
    assert text.isascii()


@given(texts, counts)
def test_the_call_of_a_row_comes_back_beside_its_candidate(candidate: str, row: int) -> None:
    call = RowCall(candidate, row)
    assert same(load_request(dump_request(call), candidate), call)


@given(answers)
def test_answers_come_back(answer: Any) -> None:
    assert same(load_answer(dump_answer(answer)), answer)


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(TypeError, match="no answer of this protocol: 3"):
        dump_answer(3)


@given(texts)
def test_one_line_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    line.encode("utf-8")
    assert one_line(line) == line
    if text.isprintable():
        assert line == text
    assert len(one_line(text, 10)) <= 10


@given(st.lists(requests, min_size=2, max_size=2, unique_by=repr))
def test_different_requests_are_written_differently(pair: list[Request[Any]]) -> None:
    one, other = pair
    assert json.loads(dump_request(one)) != json.loads(dump_request(other)) or one == other
