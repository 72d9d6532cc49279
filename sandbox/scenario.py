"""What a tournament is played on: a scenario, its problems, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.budget import Budget
from sandbox.limits import Limits
from sandbox.protocol import Asides, Evaluate, Request, RowResult, Task
from sandbox.session import World
from sandbox.spaces import Box, Candidate, FreeText, Pool, Space
from sandbox.trace import Ticket


@dataclass(frozen=True, slots=True)
class Problem:
    """One task to optimize, and the referee's knowledge about it."""

    name: str
    description: str
    space: Space
    optimum: float
    """The best truth there is, or the best known."""
    baseline: float
    """The truth of a blind guess; regret is measured from the optimum down to it."""
    truth: Callable[[Candidate], float]
    """The noiseless score, for the referee alone."""
    world: Callable[[int], World]
    """A world with the luck of a seed."""
    limits: Limits = field(default_factory=Limits)
    """Of the service that the world's answers come from."""
    demos: tuple[tuple[str, str], ...] = ()
    dev_rows: int = 0
    score_range: tuple[float, float] = (0.0, 1.0)
    lends: Asides = field(default_factory=Asides)
    labels: tuple[str, ...] = ()
    """See `sandbox.protocol.Task`."""
    tally: Callable[[Sequence[RowResult]], float] | None = None
    """What answers to test rows come to, where a referee has to ask; the mean of their scores if None."""
    caveat: str = ""
    """What everybody who reads a result must know, such as a surrogate's fidelity."""

    def task(self, budget: Budget) -> Task:
        """What an agent is told."""
        return Task(
            description=self.description,
            space=self.space,
            budget=budget,
            demos=self.demos,
            dev_rows=self.dev_rows,
            score_range=self.score_range,
            lends=self.lends,
            labels=self.labels,
        )

    def endless(self, budget: Budget) -> bool:
        """Whether evaluations cost nothing of what `budget` limits, not even time."""
        probe: Candidate
        match self.space:
            case Pool(texts=texts) | FreeText(seeds=texts):
                probe = texts[0]
            case Box(lower=lower):
                probe = lower
        world, request = self.world(0), Evaluate(probe)
        asked: list[Request[Any]] = [request]
        if hasattr(world, "parts"):
            asked += world.parts(request)
        if any(getattr(world.quote(part), name) for part in asked for name in budget.limits()):
            return False
        if budget.seconds is None:
            return True
        paced = self.limits.requests_per_minute or self.limits.tokens_per_minute
        last = asked[-1]
        return not paced and not world.reply(Ticket(0, last, 0, 0, 0, last.key()), 0).nanoseconds


@dataclass(frozen=True, slots=True)
class Source:
    """Enough to build a scenario again in another process."""

    name: str
    """A name of the catalogue, or the absolute path of a TOML file."""
    data: str | None = None
    """Absolute path of a folder or file of measured scores; what is in it matters, not where it is."""
    changes: tuple[tuple[str, str], ...] = ()
    """What differs from the file: (dotted key, value as TOML)."""
    tape: tuple[str, str] | None = None
    """("record" or "replay", absolute path): whether the world's replies are written to a file, or come
    from one; no result depends on it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Problems, and who plays them by default, how often, under what budget."""

    name: str
    description: str
    agents: tuple[str, ...]
    seeds: int
    budget: Budget
    problems: tuple[str, ...]
    """Names, in the order in which they are reported."""
    build: Callable[[str], Problem]
    """Makes a problem from its name; may be slow, and is asked once a process."""
    digest: str
    """Changes whenever a result could change: the settings, and the bytes of the data."""
    shared: bool = False
    """Whether all agents of a seed play at the same time against one service."""
