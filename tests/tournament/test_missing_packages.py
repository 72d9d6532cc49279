"""A package that is not installed is the person's to mend, and no result of the agent that needs it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from mocks.landscape import AdditivePool
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop, virtual
from sandbox.errors import MissingExtra
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Task
from sandbox.session import Session


def needs_more(text: str) -> Generator[Any, Any, str]:
    yield Evaluate(text)
    raise MissingExtra("gp-bo", "bo")


@pytest.mark.parametrize("driver", ["loop", "virtual"])
def test_a_missing_package_stops_the_tournament_and_is_no_failed_run(driver: str) -> None:
    oracle, budget = AdditivePool(size=20), Budget(evaluations=3)
    task = Task("", oracle.space, budget)
    session = Session("a", needs_more(oracle.best), task, OracleWorld(oracle, 0), Ledger(budget))
    with pytest.raises(MissingExtra, match="packages are missing; pip install"):
        loop.play(session) if driver == "loop" else virtual.play([session], Limits())
    session.close()
    assert session.failure is None
    assert session.ledger.committed == session.ledger.spent
