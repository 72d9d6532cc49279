"""Other people's optimizers as plans: code that blocks, and ask/tell objects."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import generated as g
import numpy as np
import pytest
from generated import DRIVERS, TEXTS, open_session, story
from scipy.optimize import minimize

from mocks.noise import Gaussian
from mocks.service import Faults, Retry, Service
from mocks.world import OracleWorld
from sandbox import bridge
from sandbox.bridge import from_ask_tell, from_blocking
from sandbox.budget import SECOND, Budget
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed, BudgetExhausted, ProtocolError
from sandbox.limits import Limits
from sandbox.protocol import Evaluate, Gather, Recommend
from sandbox.session import Session
from sandbox.spaces import Box, Candidate
from sandbox.trace import Fate

pytestmark = pytest.mark.filterwarnings("error")  # an error that only a thread sees is a warning
SQUARE = Box((-1.0, -1.0), (1.0, 1.0))
PEAK = (0.3, -0.4)


class Hill:
    space = SQUARE
    optimum = 1.0
    best = PEAK
    baseline = 0.0

    def truth(self, candidate: Candidate) -> float:
        x, y = candidate
        return 1.0 - (float(x) - PEAK[0]) ** 2 - (float(y) - PEAK[1]) ** 2


def hill(noise: bool = False) -> OracleWorld:
    return OracleWorld(Hill(), 1, (Gaussian(0.01),) if noise else (), Service(), 5)


def nelder_mead(ask: Any) -> Candidate:
    """Scipy's own code, with its objective on our side."""
    best: list[Any] = [-9.0, None]

    def loss(x: Any) -> float:
        point = tuple(float(v) for v in np.clip(x, -1, 1))
        seen = ask(Evaluate(point))
        if seen.score > best[0]:
            best[:] = [seen.score, point]
            ask(Recommend(point))
        return -float(seen.score)

    with suppress(BudgetExhausted):
        minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    return best[1]


def bridges() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "bridge"]


@pytest.mark.parametrize("drive", DRIVERS.values(), ids=DRIVERS.keys())
def test_nelder_mead_finds_the_peak_and_stops_at_the_budget(drive: Any) -> None:
    session = open_session(from_blocking(nelder_mead), Budget(evaluations=500), hill(), space=SQUARE)
    drive(session)
    assert session.failure is None
    assert session.recommendation == pytest.approx(PEAK, abs=1e-4)
    assert session.ledger.spent.evaluations < 500
    short = open_session(from_blocking(nelder_mead), Budget(evaluations=7), hill(), space=SQUARE)
    drive(short)
    assert short.failure is None
    assert short.ledger.spent.evaluations == 7
    assert bridges() == []


def test_a_bridged_agent_tells_one_story_under_both_drivers() -> None:
    stories = []
    for drive in DRIVERS.values():
        session = open_session(from_blocking(nelder_mead), Budget(evaluations=60), hill(True), space=SQUARE)
        drive(session)
        stories.append(story(session))
    assert stories[0] == stories[1]


def test_many_bridged_agents_share_a_service() -> None:
    sessions = [
        open_session(from_blocking(nelder_mead), Budget(seconds=40 * SECOND), hill(True), space=SQUARE)
        for _ in range(8)
    ]
    virtual.play(sessions, Limits(concurrency=2))
    assert all(session.failure is None for session in sessions)
    assert all(session.ended_at == 40 * SECOND for session in sessions)
    assert bridges() == []


def test_answers_and_errors_reach_the_blocking_code_where_it_asks() -> None:
    events: list[Any] = []

    def main(ask: Any) -> str:
        events.append(ask(Recommend(TEXTS[1])))
        events.append(ask(Gather((Evaluate(TEXTS[0]), Evaluate(TEXTS[1])))))
        for _ in range(2):
            try:
                events.append(ask(Evaluate(TEXTS[0])))
            except (BudgetExhausted, AnswerFailed) as exc:
                events.append(type(exc))
        return TEXTS[2]

    dead = Service(faults=Faults(server_error=1.0), retry=Retry(attempts=1))
    session = open_session(from_blocking(main), Budget(evaluations=3), g.oracle_world(1, dead))
    loop.play(session)
    assert session.recommendation == TEXTS[2]
    assert events[0] is None
    assert [answer.args[0] for answer in events[1]] == ["server_error"] * 2
    assert events[2:] == [AnswerFailed, BudgetExhausted]


def test_the_refusal_ends_a_blocking_agent_that_does_not_catch_it() -> None:
    def main(ask: Any) -> str:
        ask(Recommend(TEXTS[4]))
        while True:
            ask(Evaluate(TEXTS[0]))

    session = open_session(from_blocking(main), Budget(evaluations=3), g.oracle_world(1, Service()))
    loop.play(session)
    assert session.failure is None
    assert session.recommendation == TEXTS[4]
    assert bridges() == []


def test_a_plan_that_was_never_started_starts_no_thread() -> None:
    plan = from_blocking(nelder_mead)
    assert bridges() == []
    plan.close()


def test_a_plan_that_is_forgotten_takes_its_thread_along() -> None:
    plan = from_blocking(nelder_mead)
    next(plan)
    assert len(bridges()) == 1
    del plan
    assert bridges() == []


def test_the_context_of_the_caller_comes_along() -> None:
    def main(ask: Any) -> str:
        ask(Evaluate(TEXTS[0]))
        return np.geterr()["divide"]

    with np.errstate(divide="raise"):
        plan = from_blocking(main)
        next(plan)
        with pytest.raises(StopIteration) as stop:
            plan.send(None)
    assert stop.value.value == "raise"


def test_its_finally_blocks_run_when_it_is_abandoned() -> None:
    done: list[str] = []

    def main(ask: Any) -> str:
        try:
            ask(Evaluate(TEXTS[0]))
        finally:
            done.append("tidied up")
        return TEXTS[0]

    plan = from_blocking(main)
    next(plan)
    plan.close()
    assert done == ["tidied up"]
    assert bridges() == []


def test_code_that_goes_on_after_it_was_abandoned_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_PATIENCE", 0.05)
    release = threading.Event()

    def main(ask: Any) -> str:
        try:
            ask(Evaluate(TEXTS[0]))
        except BaseException:
            release.wait(20)
        return TEXTS[0]

    session = open_session(from_blocking(main), Budget(evaluations=3), g.oracle_world(1, Service()))
    session.start(0)
    session.close()
    assert isinstance(session.failure, ProtocolError)
    assert "goes on running after it was abandoned" in str(session.failure)
    release.set()
    for thread in bridges():
        thread.join(5)
    assert bridges() == []


# --- ask/tell -------------------------------------------------------------------------


class Sweep:
    """An ask/tell optimizer that goes through the pool."""

    def __init__(self) -> None:
        self.asked = 0
        self.told: list[tuple[int, float]] = []
        self.given_up: list[int] = []

    def ask(self) -> tuple[int, str]:
        self.asked += 1
        return self.asked - 1, TEXTS[(self.asked - 1) % 6]

    def tell(self, token: int, score: float) -> None:
        self.told.append((token, score))

    def give_up(self, token: int) -> None:
        self.given_up.append(token)


def sweep(batch: int, evaluations: int, faults: Faults | None = None) -> tuple[Sweep, Session]:
    optimizer = Sweep()
    service = Service(faults=faults or Faults(), retry=Retry(attempts=1))
    plan = from_ask_tell(optimizer.ask, optimizer.tell, optimizer.give_up, batch)
    session = open_session(plan, Budget(evaluations=evaluations), g.oracle_world(1, service))
    virtual.play([session], Limits(concurrency=3))
    return optimizer, session


@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("evaluations", [1, 6, 50])
def test_ask_tell_spends_the_whole_budget_and_is_told_every_score(batch: int, evaluations: int) -> None:
    optimizer, session = sweep(batch, evaluations)
    assert session.failure is None
    assert session.ledger.spent.evaluations == evaluations
    scores = [r.answer.score for r in session.trace.in_order_asked()]
    assert optimizer.told == list(enumerate(scores))
    assert session.recommendation == TEXTS[int(np.argmax(scores)) % 6]


def test_ask_tell_is_never_told_a_failure_as_a_score() -> None:
    optimizer, session = sweep(5, 40, Faults(dropped=0.4))
    fates = {r.ticket.number: r.fate for r in session.trace.records}
    assert sorted(optimizer.given_up) == sorted(n for n, fate in fates.items() if fate is Fate.FAILED)
    assert sorted(n for n, _ in optimizer.told) == sorted(
        n for n, fate in fates.items() if fate is Fate.ANSWERED
    )
    assert len(optimizer.given_up) > 5


def test_ask_tell_without_a_single_score_recommends_nothing() -> None:
    _, session = sweep(5, 10, Faults(dropped=1.0))
    assert session.recommendation is None
    assert str(session.failure) == "agent returned nothing and recommended nothing"


def test_ask_tell_recommends_what_its_optimizer_calls_its_incumbent() -> None:
    optimizer = Sweep()

    def incumbent() -> str | None:
        """Nothing after the first answer, then the one that was told second to last."""
        return TEXTS[optimizer.told[-2][0] % 6] if len(optimizer.told) > 1 else None

    plan = from_ask_tell(optimizer.ask, optimizer.tell, incumbent=incumbent)
    session = open_session(plan, Budget(evaluations=5), g.oracle_world(1, Service()))
    loop.play(session)
    assert session.failure is None
    assert [r.candidate for r in session.trace.recommendations] == list(TEXTS[:4])
    assert session.recommendation == TEXTS[3]
