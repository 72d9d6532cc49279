"""What the agents that steer a white box share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from steered import Graded, Steered, play, task

from agents.soft_prompts import (
    PREFIX,
    Scored,
    answering,
    exemplars,
    finishing,
    first_sentence,
    question,
    sobol,
    soft_prompts,
    statement,
    tidy,
)
from sandbox.protocol import Plan
from sandbox.spaces import Candidate


@given(d=st.integers(1, 20), m=st.integers(1, 6), width=st.integers(1, 30), n=st.integers(0, 5))
def test_a_soft_prompt_is_linear_in_its_point(d: int, m: int, width: int, n: int) -> None:
    rng = np.random.default_rng(0)
    lift = soft_prompts(d, m, width, rng)
    points = rng.uniform(-1, 1, (n, d))
    soft = lift.lift(points)
    assert soft.shape == (n, m, width)
    assert soft.dtype == np.float32
    assert lift.dimensions == d
    np.testing.assert_allclose(lift.lift(2 * points), 2 * soft, rtol=1e-5)
    np.testing.assert_allclose(soft, (points @ lift.matrix.T).reshape(n, m, width), atol=1e-4)
    assert (np.abs(lift.matrix) <= 1).all()


@given(count=st.integers(0, 200), d=st.integers(1, 12), low=st.sampled_from([-1.0, 0.0]))
def test_sobol_points_lie_where_they_are_asked_for_and_spread(count: int, d: int, low: float) -> None:
    points = sobol(count, d, np.random.default_rng(0), low)
    assert points.shape == (count, d)
    assert ((low <= points) & (points <= 1.0)).all()
    if count >= 64:
        middle = (1.0 + low) / 2.0
        assert (np.abs((points > middle).mean(axis=0) - 0.5) < 0.15).all()


def test_the_map_and_the_points_are_those_of_the_generator() -> None:
    def drawn(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        made: np.ndarray = soft_prompts(3, 2, 4, rng).lift(sobol(5, 3, rng))
        return made

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


def test_contexts_show_the_examples_and_ask() -> None:
    demos = exemplars(task(Steered(), 1), 3, np.random.default_rng(0))
    assert len(set(demos)) == 3
    assert statement(demos).endswith(f"\n\n{PREFIX}")
    assert question(demos).endswith(f"{PREFIX}?")
    for x, y in demos:
        assert f"Input: {x}\nOutput: {y}" in statement(demos)
    assert len(exemplars(task(Steered(), 1), 99, np.random.default_rng(0))) == 8


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("  write it.  ", "write it."),
        ("write it.\nInput: a\nOutput: b", "write it."),
        ("write it.\n\nAnd more", "write it."),
        ("Comment: none", ""),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_a_text_ends_where_an_example_begins(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


def test_a_first_sentence_ends_at_its_mark() -> None:
    assert first_sentence('Say "no." Then stop.') == 'Say "no."'
    assert first_sentence("No mark") == "No mark"


def test_a_writer_finishes_a_sentence_or_answers_a_question() -> None:
    box, rng = Steered(), np.random.default_rng(0)
    lift = soft_prompts(10, 5, box.width, rng)
    told = task(box, 1)
    points = sobol(4, 10, rng)
    finished = finishing(told, lift, 2, 64, rng).write(points)
    assert all(text.startswith(f"{PREFIX} ") for text in finished)
    assert box.contexts[-1].endswith(PREFIX)
    answered = answering(told, lift, 2, 64, rng).write(points)
    assert [f"{PREFIX} {text}" for text in answered] == finished
    assert box.contexts[-1] == box.chat(box.contexts[-1][6 : -len("\nASSISTANT:")])
    assert finishing(told, lift, 2, 64, rng).write(points[:0]) == []


def test_no_text_is_paid_for_twice() -> None:
    graded, box = Graded(), Steered()

    def plan() -> Plan[Candidate]:
        scored = Scored(task(box, 10))
        first = yield from scored.ask(["a", "b", "a", " "])
        assert first[0] is first[2]
        assert first[3] is None
        again = yield from scored.ask(["b", "c"])
        assert again[0] is first[1]
        assert list(scored.known) == ["a", "b", "c"]
        return scored.best or ""

    assert [text for text, _ in play(plan(), graded, 10).asked] == ["a", "b", "c"]
