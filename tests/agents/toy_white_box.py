"""A white box of a few numbers: a soft prompt is averaged, and each coordinate becomes one of eight words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mocks.noise import Noise
from mocks.service import Service
from mocks.world import OracleWorld
from sandbox.budget import Budget, Ledger
from sandbox.drivers import loop
from sandbox.protocol import Agent, Asides, Task
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText
from sandbox.streams import stream
from sandbox.testing.toy_box import LEVELS, ToyBox

Toy = ToyBox
TARGET = (6, 1, 4)
SPACE = FreeText(("Answer.", "Do it."))
DEMOS = tuple((f"in {i}", f"out {i}") for i in range(8))


@dataclass(frozen=True)
class Letters:
    """How near the letters of a text are to the target's; texts without letters score 0."""

    space: FreeText = SPACE
    calls: list[str] = field(default_factory=list, compare=False)

    def truth(self, candidate: Candidate) -> float:
        word = str(candidate).rpartition(" ")[2].split("-")
        self.calls.append(str(candidate))
        if len(word) != len(TARGET) or not all(c in LEVELS and c for c in word):
            return 0.0
        apart = [abs(LEVELS.index(c) - t) for c, t in zip(word, TARGET, strict=True)]
        return 1.0 - sum(apart) / 21


def opened(
    agent: Agent,
    box: Any,
    seed: int = 0,
    budget: Budget | None = None,
    noises: tuple[Noise, ...] = (),
    service: Service | None = None,
    oracle: Any = None,
) -> Session:
    """A run of an agent that is lent `box`, not yet played."""
    budget, oracle = budget or Budget(evaluations=60), oracle or Letters()
    task = Task("letters", oracle.space, budget, DEMOS, 20, lends=Asides(white_box=box))
    world = OracleWorld(oracle, seed, noises, service, 20)
    return Session(
        agent.name, agent.plan(task, stream(seed, "agent", agent.name)), task, world, Ledger(budget)
    )


def run(agent: Agent, box: Any, **setting: Any) -> Session:
    """A run played to its end, which must not be an error."""
    one = opened(agent, box, **setting)
    loop.play(one)
    if one.failure is not None:
        raise one.failure
    return one


def asked(one: Session) -> list[str]:
    """The texts evaluated, in order."""
    return [str(getattr(r.ticket.request, "candidate", "")) for r in one.trace.in_order_asked()]
