"""Laws of other people's code as an agent: what it may do to the budget, to the process, to the result."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playing import story
from scribe import DEMOS, ROWS, SPACE, Scribe

from agents.external import TABLE
from agents.external.line import Line, Refused, hosted
from agents.external.visit import Visit
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.errors import AnswerFailed, MissingExtra, UsageError
from sandbox.protocol import Asides, Complete, Needs, Task
from sandbox.registry import agent_table, make_agent
from sandbox.session import Session
from sandbox.streams import stream
from sandbox.trace import Reply, Ticket

Run = Callable[[Line], object]
pytestmark = pytest.mark.filterwarnings("error")  # an error that only a thread sees is a warning


def the_task(budget: Budget) -> Task:
    return Task("a test", SPACE, budget, demos=DEMOS, dev_rows=ROWS, lends=Asides(completions=True))


def hosting(run: Run, budget: Budget, world: Any = None) -> Session:
    """A session in which somebody's code has been played to its end."""
    task = the_task(budget)
    line = Line(task, SPACE.seeds[0], range(ROWS), SPACE.longest)
    plan = hosted(line, Visit(np.random.default_rng(1)), run)
    one = Session("guest", plan, task, world or Scribe(), Ledger(budget))
    loop.play(one)
    return one


def climb(line: Line) -> None:
    """An optimizer that never ends by itself."""
    for number in range(10**9):
        ((text,),) = line.write([Complete(f"try {number}")])
        line.score([text, "another"], [range(ROWS), [1, 1, 2]])


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 400), completions=st.integers(1, 20), evaluations=st.integers(1, 40))
def test_no_budget_is_overshot(rows: int, completions: int, evaluations: int) -> None:
    budget = Budget(rows=rows, completions=completions, evaluations=evaluations)
    one = hosting(climb, budget)
    spent = one.ledger.spent
    assert one.failure is None
    assert (spent.rows <= rows, spent.completions <= completions) == (True, True)
    assert spent.evaluations <= evaluations
    assert one.recommendation in SPACE
    assert story(hosting(climb, budget)) == story(one)


def test_what_exceptions_are_swallowed_changes_nothing() -> None:
    def swallows(line: Line) -> None:
        for number in range(100):
            try:
                line.score([f"text {number}"], [range(ROWS)])
            except Exception:
                raise AssertionError("it could be caught") from None

    one = hosting(swallows, Budget(rows=100))
    assert one.failure is None
    assert one.ledger.spent.rows == 3 * ROWS


def test_once_refused_always_refused() -> None:
    refusals = []

    def persists(line: Line) -> None:
        for rows in (range(ROWS), range(ROWS), [0], [1]):
            try:
                line.score([f"text {len(refusals)} {rows}"], [rows])
            except Refused:
                refusals.append(rows)

    one = hosting(persists, Budget(rows=ROWS + 5))
    assert len(refusals) == 3
    assert one.ledger.spent.rows == ROWS
    assert one.failure is None


def test_code_that_catches_everything_and_goes_on_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.bridge._PATIENCE", 0.2)

    def for_ever(line: Line) -> None:
        while True:
            try:
                line.score(["text"], [range(ROWS)])
            except BaseException:
                continue

    one = hosting(for_ever, Budget(rows=5))
    assert one.failure is not None
    assert one.ledger.spent.rows == 0
    assert "asleep" in [thread.name for thread in threading.enumerate()]


def test_code_that_asks_from_a_thread_of_its_own_is_told_from_others() -> None:
    def threaded(line: Line) -> None:
        def ask() -> None:
            with pytest.raises(Refused):
                line.score(["text"], [range(ROWS)])

        worker = threading.Thread(target=ask)
        worker.start()
        worker.join()

    one = hosting(threaded, Budget(rows=1000))
    assert "thread of its own" in str(one.failure)
    assert one.ledger.spent.rows == 0


def test_a_thread_that_is_left_over_is_refused() -> None:
    go, told, outcome = threading.Event(), threading.Event(), []

    def leaves_one(line: Line) -> None:
        def late() -> None:
            go.wait()
            try:
                line.score(["late"], [range(ROWS)])
            except Refused:
                outcome.append("refused")
            told.set()

        threading.Thread(target=late, daemon=True).start()
        line.score(["in time"], [range(ROWS)])

    one = hosting(leaves_one, Budget(rows=1000))
    go.set()
    assert told.wait(10)
    assert outcome == ["refused"]
    assert one.ledger.spent.rows == ROWS
    assert one.failure is None


def test_an_error_of_the_code_is_the_agents_own() -> None:
    def breaks(line: Line) -> None:
        raise ZeroDivisionError("a bug")

    assert "ZeroDivisionError: a bug" in str(hosting(breaks, Budget(rows=5)).failure)


class Failing(Scribe):
    """Fails the first times that something is asked."""

    fails = 2

    def reply(self, ticket: Ticket, now: int) -> Reply:
        if ticket.repeat < self.fails:
            return Reply(AnswerFailed("server_error", "no"), self.quote(ticket.request), 0)
        return super().reply(ticket, now)


def test_a_failed_call_is_made_again_and_never_a_score() -> None:
    def once(line: Line) -> None:
        ((result,),) = line.score(["text"], [[3]])
        assert result.answer == "said"

    world = Failing()
    one = hosting(once, Budget(rows=10), world)
    assert one.failure is None
    assert one.ledger.spent.rows == 3
    world.fails = 3
    one = hosting(once, Budget(rows=10), world)
    assert one.failure is None
    assert one.recommendation == SPACE.seeds[0]


def test_what_is_empty_or_too_long_is_asked_as_far_as_the_space_allows() -> None:
    def odd(line: Line) -> None:
        line.score(["", "long " * 1000], [range(ROWS), range(ROWS)])

    one = hosting(odd, Budget(rows=1000))
    assert one.failure is None
    assert one.ledger.spent.evaluations == 2


def test_streams_are_its_own_and_the_process_is_as_it_was() -> None:
    drawn: list[tuple[float, float]] = []
    during: list[Any] = []

    class Watching(Scribe):
        def reply(self, ticket: Ticket, now: int) -> Reply:
            during.append((random.getstate(), np.random.get_state()[1].tolist(), sys.stdout))  # type: ignore[index]  # noqa: NPY002
            random.random()  # others draw as well
            return super().reply(ticket, now)

    def draws(line: Line) -> None:
        for number in range(3):
            drawn.append((random.random(), float(np.random.random())))  # noqa: NPY002
            print("heard by nobody")  # noqa: T201
            line.score([f"text {number}"], [[number]])

    random.seed(5)
    before, stdout = (random.getstate(), np.random.get_state()[1].tolist()), sys.stdout  # type: ignore[index]  # noqa: NPY002
    hosting(draws, Budget(rows=10), Watching())
    first = list(drawn)
    random.seed(7)
    hosting(draws, Budget(rows=10), Watching())
    assert drawn[3:] == first
    assert len(set(first)) == 3
    assert during[0][:2] == before
    assert all(seen[2] is stdout for seen in during)
    assert sys.stdout is stdout


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    def talks(line: Line) -> None:
        print("progress", file=sys.stderr)  # noqa: T201
        line.score(["text"], [[0]])
        print("done")  # noqa: T201

    hosting(talks, Budget(rows=10))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", TABLE)
def test_each_adapter_is_registered_and_describes_itself(name: str) -> None:
    assert agent_table()[name] == TABLE[name]
    agent: Any = make_agent(name)
    assert agent.name == name
    assert agent.needs == Needs.TEXT | Needs.COMPLETIONS
    assert type(agent).__doc__.splitlines()[0].endswith(".")
    task = the_task(Budget(rows=500))
    least = agent.least_useful_budget(task)
    assert least.rows > 0
    assert agent.estimate(task, Budget(rows=300)).rows <= 300
    with pytest.raises(UsageError, match="any_version"):
        make_agent(f"{name}(any_version=3)")


@pytest.mark.parametrize("name", TABLE)
def test_what_is_missing_or_untested_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from agents.external import packages

    def missing(package: str) -> str:
        raise packages.PackageNotFoundError(package)

    rng = stream(0, "agent", name)
    task = the_task(Budget(rows=10))
    monkeypatch.setattr(packages, "version", missing)
    with pytest.raises(MissingExtra, match=rf"{name}.*pip install 'instruct-sandbox\[external\]'"):
        next(make_agent(name).plan(task, rng))
    monkeypatch.setattr(packages, "version", lambda package: "99.0")
    package = name.partition("-")[0]
    with pytest.raises(
        UsageError, match=rf"{package} 99.0 is not tested here, {packages.TESTED[package]} is"
    ):
        next(make_agent(name).plan(task, rng))
    make_agent(f"{name}(any_version=True)").require()  # type: ignore[attr-defined]


def test_the_tested_versions_are_those_that_the_extra_pins() -> None:
    import tomllib
    from pathlib import Path

    from agents.external.packages import TESTED

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = dict(
        line.replace("[optuna]", "").split("==")
        for line in project["project"]["optional-dependencies"]["external"]
        if "==" in line
    )
    assert {name: pinned[name] for name in TESTED} == TESTED
