"""Which runs of a tournament may be compared with which, and what is said where some may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

MOST_COMPARED = 40
"""Agents up to which all pairs are compared; Holm's correction for more leaves little to be found."""


def common_cells(scores: Mapping[str, Array]) -> dict[str, Array]:
    """Only the cells that every agent has, so that all comparisons speak of the same runs.

    Where a problem has no such cell, everything stays as it is, and each pair has its own cells.
    """
    if not scores:
        return {}
    present = np.logical_and.reduce([~np.isnan(x) for x in scores.values()])
    if not present.any(axis=1).all():
        return dict(scores)
    return {agent: np.where(present, x, np.nan) for agent, x in scores.items()}


def strangers(scores: Mapping[str, Array], problems: Sequence[str]) -> tuple[str, ...]:
    """A sentence where nothing is compared: too many agents, or two that share no seed of a problem."""
    count = len(scores)
    if count > MOST_COMPARED:
        return (
            f"nothing is compared: {count:,} agents make {count * (count - 1) // 2:,} pairs, and more than "
            f"{MOST_COMPARED} agents are not compared pair by pair",
        )
    for a, b in combinations(scores, 2):
        lonely = (np.isnan(scores[a]) | np.isnan(scores[b])).all(axis=1)
        if lonely.any():
            where = problems[int(np.argmax(lonely))]
            return (f"nothing is compared: {a} and {b} have no seed of {where} in common",)
    return ()


def uneven(scores: Mapping[str, Array]) -> tuple[str, ...]:
    """A sentence where some agents played more runs than the comparisons speak of."""
    shared = {agent: int((~np.isnan(x)).sum()) for agent, x in common_cells(scores).items()}
    played = {agent: int((~np.isnan(x)).sum()) for agent, x in scores.items()}
    if len(scores) < 2 or played == shared:
        return ()
    return (
        f"agents played unequal numbers of runs ({min(played.values()):,} to {max(played.values()):,}): "
        f"comparisons speak of the {min(shared.values()):,} that all have. Where `sandbox decide` made the "
        "store, its own verdicts use all of them, at a level that holds for stopping early",
    )
