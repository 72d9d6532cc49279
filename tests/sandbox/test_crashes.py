"""Agents that raise errors of their own: what is shown is their own line."""

from __future__ import annotations

from collections.abc import Callable
from inspect import currentframe
from typing import Any

import generated as g
import numpy as np
import pytest
from generated import TEXTS, play

from mocks.service import Faults, Service
from sandbox.bridge import from_ask_tell, from_blocking
from sandbox.budget import Budget
from sandbox.errors import AgentCrashed, AnswerFailed
from sandbox.protocol import Evaluate, gather


def line() -> int:
    """The line after the caller's."""
    frame = currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno + 1


HERE = "test_crashes.py"
lines: dict[str, int] = {}


def crashes_itself() -> Any:
    yield from Evaluate(TEXTS[0])
    lines["itself"] = line()
    raise KeyError("temperature")


def crashes_in_numpy() -> Any:
    yield from Evaluate(TEXTS[0])
    lines["numpy"] = line()
    np.linalg.cholesky(-np.eye(2))


def ignores_a_failed_call() -> Any:
    lines["failed"] = line()
    yield from Evaluate(TEXTS[0])


def ignores_a_failed_call_in_a_batch() -> Any:
    answers = yield from gather([Evaluate(TEXTS[0])])
    lines["batch"] = line()
    raise answers[0]


def crashes_behind_a_bridge() -> Any:
    def main(ask: Any) -> str:
        ask(Evaluate(TEXTS[0]))
        lines["bridge"] = line()
        return {}["best"]

    return (yield from from_blocking(main))


def is_only_a_bridge() -> Any:
    def main(ask: Any) -> str:
        lines["only"] = line()
        ask(Evaluate(TEXTS[0]))
        return TEXTS[0]

    return from_blocking(main)


def tells_badly() -> Any:
    def tell(token: None, score: float) -> None:
        lines["tell"] = line()
        raise RuntimeError("not now")

    return from_ask_tell(lambda: (None, TEXTS[0]), tell)


def stops_its_iterator() -> Any:
    yield from Evaluate(TEXTS[0])
    lines["stop"] = line()
    next(iter(()))


def quits() -> Any:
    yield from Evaluate(TEXTS[0])
    lines["quit"] = line()
    raise SystemExit("bye")


def quits_behind_a_bridge() -> Any:
    def main(ask: Any) -> str:
        ask(Evaluate(TEXTS[0]))
        lines["quit behind"] = line()
        raise SystemExit("bye")

    return from_blocking(main)


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


def cannot_say_what_is_wrong() -> Any:
    yield from Evaluate(TEXTS[0])
    lines["unspeakable"] = line()
    raise Unspeakable


@pytest.mark.parametrize(
    ("plan", "where", "what", "dead"),
    [
        (crashes_itself, "itself", "KeyError: no key 'temperature'", False),
        (crashes_in_numpy, "numpy", "LinAlgError: Matrix is not positive definite", False),
        (ignores_a_failed_call, "failed", "did not handle a failed call: server_error: 500", True),
        (ignores_a_failed_call_in_a_batch, "batch", "did not handle a failed call: server_error", True),
        (crashes_behind_a_bridge, "bridge", "KeyError: no key 'best'", False),
        (is_only_a_bridge, "only", "did not handle a failed call: server_error", True),
        (tells_badly, "tell", "RuntimeError: not now", False),
        (stops_its_iterator, "stop", "StopIteration", False),
        (quits, "quit", "SystemExit: bye", False),
        (quits_behind_a_bridge, "quit behind", "SystemExit: bye", False),
        (cannot_say_what_is_wrong, "unspeakable", "Unspeakable: its message raises ValueError", False),
    ],
)
def test_an_agents_own_error_is_shown_with_its_own_line(
    plan: Callable[[], Any], where: str, what: str, dead: bool
) -> None:
    faults = Faults(server_error=1.0) if dead else Faults()
    session = play(plan(), world=g.oracle_world(1, Service(faults=faults)))
    assert isinstance(session.failure, AgentCrashed)
    assert what in str(session.failure)
    assert str(session.failure).endswith(f" at {HERE}:{lines[where]}")
    for record in session.trace.records:  # what the agent raised must not hang on the trace
        assert not isinstance(record.answer, AnswerFailed) or record.answer.__traceback__ is None


def test_the_shared_notice_of_lateness_carries_nothing_from_agent_to_agent() -> None:
    """An error that is raised collects frames; each agent must get errors of its own."""

    def raises_what_it_got() -> Any:
        answers = yield from gather([Evaluate(TEXTS[0])] * 3)
        raise answers[-1]

    for _ in range(2):
        session = play(raises_what_it_got(), Budget(seconds=1))
        assert isinstance(session.failure, AgentCrashed)
        for record in session.trace.records:
            if isinstance(record.answer, AnswerFailed):
                assert record.answer.__traceback__ is None
