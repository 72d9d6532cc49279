"""Dual with the mock model as the black box that writes and solves, and a toy as the white box."""

from __future__ import annotations

import numpy as np
import pytest
from test_dual import Reads

from agents.dual import Dual
from mocks.service import Service
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.protocol import Asides, Complete, Task
from sandbox.session import Session
from scenarios import chat
from scenarios.schema import ChatProblems


def played(name: str, agent: Dual, budget: Budget) -> tuple[Session, float]:
    """A run on one of the 30 tasks, and the truth of what was handed in."""
    entry = chat.find(ChatProblems(kind="chat", tasks=[name]), None, "test")
    problem = chat.problem(entry, name, Service(), "test")
    lends = Asides(True, Reads())
    task = Task(problem.description, problem.space, budget, problem.demos, problem.dev_rows, lends=lends)
    plan = agent.plan(task, np.random.default_rng(0))
    one = Session(agent.name, plan, task, problem.world(0), Ledger(budget))
    loop.play(one)
    assert one.failure is None
    assert one.recommendation is not None
    return one, problem.truth(one.recommendation)


@pytest.mark.parametrize("name", ["antonyms", "num_to_verbal", "second_word_letter"])
def test_the_mock_model_writes_proposals_and_the_best_of_them_work(name: str) -> None:
    one, truth = played(name, Dual(steps=5, n_cand=4), Budget(evaluations=18))
    requests = [record.ticket.request for record in one.trace.in_order_asked()]
    assert 1 <= sum(isinstance(request, Complete) for request in requests) <= 3
    assert one.ledger.spent.evaluations == 18
    assert truth > 0.5


def test_where_the_budget_has_no_completions_the_white_box_writes_alone() -> None:
    one, _ = played("antonyms", Dual(steps=5, n_cand=4), Budget(evaluations=6, completions=0))
    assert one.ledger.spent.completions == 0
    assert one.ledger.spent.evaluations == 6
