"""What may be tested: agents, blocking code, and ask/tell objects; and how a name becomes one of them."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sandbox.bridge import Ask, from_blocking
from sandbox.claims import NONE, Claims, claims_of
from sandbox.errors import AnswerFailed, BudgetExhausted, UsageError
from sandbox.manners import message
from sandbox.protocol import Agent, Evaluate, Needs, Plan, Recommend, Task, affordable
from sandbox.registry import make_agent
from sandbox.spaces import Candidate

Score = Callable[[Candidate], float]
"""Blocks until the score is there; raises `AnswerFailed` or `BudgetExhausted`."""
Blocking = Callable[[Score, Task, int], Candidate]


@dataclass(frozen=True)
class FromBlocking:
    """Blocking code as a subject: ``optimize(score, task, seed)`` returns what it hands in.

    It runs unmodified in a thread that is in lockstep with the kit, see `sandbox.bridge`.
    """

    optimize: Blocking
    name: str
    needs: Needs = Needs.ANY_SPACE
    claims: Claims = NONE

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        return self.seeded_plan(task, int(rng.integers(2**31)))

    def seeded_plan(self, task: Task, seed: int) -> Plan[Candidate]:
        """A run with a seed that is a number."""

        def main(ask: Ask) -> Candidate:
            return self.optimize(lambda candidate: ask(Evaluate(candidate)).score, task, seed)

        return from_blocking(main)


@dataclass(frozen=True)
class FromAskTell:
    """An ask/tell optimizer as a subject.

    Args:
        make: ``make(task, seed)`` returns an object with ``ask() -> candidate`` and
            ``tell(candidate, score)``; if it also has ``recommend() -> candidate``, that is handed in, and
            else the candidate of the best score.
        batch: how many candidates are asked for before the first is told.
        minimise: whether it minimises, and so is told the negative of each score.
        lowest: whether the lowest score is sought, in place of the highest.
        saved_after: answers after which it is saved and loaded by pickle; None for never.
    """

    make: Callable[[Task, int], Any]
    name: str
    needs: Needs = Needs.ANY_SPACE
    claims: Claims = NONE
    batch: int = 1
    minimise: bool = False
    lowest: bool = False
    saved_after: int | None = None

    def interrupted(self, after: int) -> FromAskTell:
        """The same, saved and loaded after so many answers."""
        return replace(self, saved_after=after)

    def flipped(self) -> FromAskTell:
        """The same in search of the lowest score."""
        return replace(self, lowest=not self.lowest)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        return self.seeded_plan(task, int(rng.integers(2**31)))

    def seeded_plan(self, task: Task, seed: int) -> Plan[Candidate]:
        """A run with a seed that is a number."""
        optimizer, told = self.make(task, seed), 0
        sign, goal = (-1.0 if self.minimise else 1.0), (-1.0 if self.lowest else 1.0)
        best: Candidate | None = None
        top = -np.inf
        try:
            while True:
                asked = [optimizer.ask() for _ in range(self.batch)]
                heard = yield from affordable([Evaluate(candidate) for candidate in asked])
                for candidate, answer in zip(asked, heard, strict=False):
                    if isinstance(answer, AnswerFailed):
                        continue
                    value = goal * answer.score
                    optimizer.tell(candidate, sign * value)
                    told += 1
                    best = candidate if best is None else best
                    if value > top:
                        best, top = candidate, value
                    if told == self.saved_after:
                        optimizer = pickle.loads(pickle.dumps(optimizer))
                if hasattr(optimizer, "recommend") and told:
                    best = optimizer.recommend()
                if best is not None:
                    yield from Recommend(best)
        except BudgetExhausted:
            if best is None:
                raise
            return best


def subject_of(thing: object, claims: Claims | None = None) -> Agent:
    """A subject from an agent, its spec, or a factory that returns one.

    Raises:
        UsageError: if it is none of these, or the factory raises.
    """
    if isinstance(thing, str):
        thing = make_agent(thing)
    if inspect.isroutine(thing) or isinstance(thing, type):
        try:
            thing = thing()
        except Exception as exc:
            raise UsageError(f"{thing!r} raises {type(exc).__name__}: {message(exc)}") from exc
    for attribute in ("name", "needs", "plan"):
        if not hasattr(thing, attribute):
            raise UsageError(
                f"{thing!r} has no {attribute!r}: give an agent, or wrap other code in "
                "sandbox.testing.FromBlocking or FromAskTell"
            )
    subject: Agent = thing  # type: ignore[assignment]
    try:
        claims_of(subject)
    except TypeError as exc:
        raise UsageError(str(exc)) from exc
    return subject if claims is None else _Claiming(subject, claims)


class _Claiming:
    """A subject with other claims."""

    def __init__(self, subject: Agent, claims: Claims) -> None:
        self._subject, self.claims = subject, claims

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subject, name)


def white_box_for(subject: Agent) -> Callable[[], Any] | None:
    """What makes a white box for a run of a subject that needs one; None for the others."""
    if Needs.WHITE_BOX not in subject.needs:
        return None
    from sandbox.testing.toy_box import ToyBox

    return ToyBox
