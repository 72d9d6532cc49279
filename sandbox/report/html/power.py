"""What a tournament could have seen: smallest detectable differences, and the seeds that were needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.report.html.facts import Facts
from sandbox.statistics.power import Design, paired_design, seeds_needed

ALPHA = 0.05
POWER = 0.8
_ASKED = 20
"""Undecided pairs for which the seeds needed are computed."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the comparison of one pair could have seen."""

    smallest: float
    """The true difference that is decided with probability `POWER`; NaN where the spread is unknown."""
    seeds: int | None = None
    """A problem, to decide a difference as large as the one that was seen; None where not asked for."""


def sights(facts: Facts) -> dict[frozenset[str], Sight]:
    """Of each compared pair, at the first and strictest step of Holm's correction, alpha / pairs."""
    pairs = facts.summary.comparisons
    if not pairs:
        return {}
    scores = facts.scores(drawn=False)
    if not facts.published:
        present = np.logical_and.reduce([~np.isnan(x) for x in scores.values()])
        if present.any(axis=1).all():  # as the comparisons themselves are made
            scores = {agent: np.where(present, x, np.nan) for agent, x in scores.items()}
    level, asked = ALPHA / len(pairs), 0
    found = {}
    for pair in pairs:
        a, b = scores[pair.a], scores[pair.b]
        design = paired_design(a, b, facts.summary.unit)
        seeds = None
        if pair.winner is None and not facts.published and pair.difference.value and asked < _ASKED:
            asked += 1
            seeds = seeds_needed(a, b, pair.difference.value, level, POWER)
        smallest = design.error * _factor(design.degrees, level) if design.degrees else math.nan
        found[frozenset((pair.a, pair.b))] = Sight(smallest, seeds)
    return found


@lru_cache(maxsize=1024)
def _factor(degrees: int, level: float) -> float:
    """The smallest detectable effect in standard errors."""
    return Design(1.0, degrees).smallest_effect(level, POWER)
