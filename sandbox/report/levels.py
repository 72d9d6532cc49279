"""Who is ahead when all have spent the same: scores and ranks at a few points of an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.axes import amount
from sandbox.report.summary import Array, Summary
from sandbox.statistics import normalised_regret, step_values
from sandbox.tournament import Run

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Of the axis at which is looked."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """How far agents had come when each had spent so much; who has stopped keeps what it recommended."""

    axis: str
    levels: tuple[float, ...]
    """In the units that people write, rising."""
    ways: dict[str, Array]
    """Agent → mean part of the way from the baseline to the optimum, shape (levels,)."""
    ranks: dict[str, Array]
    """Agent → mean over problems of the mean rank over the seeds that all have; 1 is the best, ties share."""

    def ranked(self) -> list[str]:
        """The agents, the best rank at the last level first."""
        return sorted(self.ranks, key=lambda agent: (self.ranks[agent][-1], agent))

    def as_data(self) -> dict[str, Any]:
        """What a script would read."""
        return {
            "axis": self.axis,
            "levels": list(self.levels),
            "agents": {
                agent: {"way": self.ways[agent].tolist(), "mean_rank": self.ranks[agent].tolist()}
                for agent in self.ranked()
            },
        }


def levels_of(summary: Summary, runs: Sequence[Run], shares: Sequence[float] = SHARES) -> Levels:
    """The standings of a summary's agents at equal spending on its axis.

    Args:
        summary: of these runs, perhaps among others.
        runs: without their records.
        shares: of `summary.horizon`, in (0, 1].
    """
    from scipy.stats import rankdata

    agents = [standing.agent for standing in summary.standings]
    levels = np.array(shares) * summary.horizon
    ways: dict[tuple[str, str, int], Array] = {}
    for run in runs:
        if run.agent in agents and summary.covers(run):
            at = [amount(step.spent, summary.axis) for step in run.steps]
            gaps = [float(normalised_regret(step.truth, run.optimum, run.baseline)) for step in run.steps]
            ways[run.agent, run.problem, run.seed] = 1.0 - step_values(at, gaps, levels, 1.0)
    means, ranks = {}, {agent: np.zeros((len(summary.problems), len(levels))) for agent in agents}
    for agent in agents:
        by_problem = [
            np.mean(
                [way for (who, where, _), way in ways.items() if who == agent and where == problem], axis=0
            )
            for problem in summary.problems
        ]
        means[agent] = np.mean(by_problem, axis=0)
    for place, problem in enumerate(summary.problems):
        seeds = [{seed for who, where, seed in ways if (who, where) == (agent, problem)} for agent in agents]
        shared = sorted(set.intersection(*seeds)) if seeds else []
        cells = [[ways[agent, problem, seed] for agent in agents] for seed in shared]
        if not cells:
            return Levels(summary.axis, tuple(levels.tolist()), means, {})
        mean = rankdata(-np.array(cells), axis=1).mean(axis=0)  # (seeds, agents, levels) → (agents, levels)
        for agent, row in zip(agents, mean, strict=True):
            ranks[agent][place] = row
    return Levels(
        summary.axis,
        tuple(levels.tolist()),
        means,
        {agent: rank.mean(axis=0) for agent, rank in ranks.items()},
    )
