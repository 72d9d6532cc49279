"""A score that is no finite number reaches no agent."""

from __future__ import annotations

import math

import pytest

from sandbox.asktell import AskTell
from sandbox.assembly import NOT_A_NUMBER
from sandbox.budget import Budget
from sandbox.errors import AnswerFailed
from sandbox.protocol import Evaluate, Observation, Task
from sandbox.registry import make_agent
from sandbox.spaces import Pool
from sandbox.testing.history import play
from sandbox.testing.scenes import Fault, Scene


@pytest.mark.parametrize("fault", ["nan", "inf", "-inf"])
def test_it_is_a_failed_answer_and_paid_for(fault: Fault) -> None:
    history = play(make_agent("ucb"), Scene(size=3, oracle="table", budget=6, faults=((1, fault),)))
    answers = [event.answer for event in history.of(Evaluate)]
    assert isinstance(answers[1], AnswerFailed)
    assert answers[1].args == (NOT_A_NUMBER, fault)
    assert all(math.isfinite(answer.score) for answer in answers if isinstance(answer, Observation))
    assert history.evaluations == 6


def test_a_loop_of_ones_own_may_tell_it() -> None:
    loop = AskTell(make_agent("thompson"), Task("t", Pool(("a", "b")), Budget(evaluations=5)))
    while loop.ask() is not None:
        loop.tell(math.nan)
    assert loop.spent.evaluations == 5
    assert loop.recommendation in ("a", "b")
