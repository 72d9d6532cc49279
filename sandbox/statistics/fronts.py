"""Score against cost: which agents nobody beats at both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.statistics.estimates import Array, resampled_counts, table

_BLOCK = 2**22
"""Numbers in one block of replicates, to bound memory."""
_DIGITS = 12
"""Means that agree so far, relative to the largest, are equal: what differs further on is rounding."""


@dataclass(frozen=True, slots=True)
class Place:
    """One agent in the plane of cost and score."""

    agent: str
    score: float
    """Mean over problems of the mean over seeds."""
    cost: float
    """The same of what was spent."""
    on_front: bool
    """No other agent scores at least as much at no more cost, and better at one of them."""
    share: float
    """Of bootstrap replicates in which it is on the front; NaN where a problem has one seed."""
    contribution: float
    """Hypervolume that would be lost without it."""


@dataclass(frozen=True, slots=True)
class Front:
    """All agents in the plane, and how much of it the best of them cover."""

    places: tuple[Place, ...]
    """The cheapest first."""
    hypervolume: float
    """Area between the front and the reference point, in score times cost."""
    reference: tuple[float, float]
    """The score and the cost of the reference point."""
    cells: int
    """Of (problem, seed): those that every agent has."""


def cost_front(
    scores: Mapping[str, npt.ArrayLike],
    costs: Mapping[str, npt.ArrayLike],
    reference: tuple[float, float],
    rng: np.random.Generator,
    replicates: int = 2_000,
) -> Front:
    """The agents that no other beats at both score and cost, and how sure that is.

    Score and cost of each agent are means over problems of means over seeds. In each
    replicate seeds are drawn with replacement within each problem, the same for all agents
    (they share luck) and for score and cost, and the front is found anew. The share of
    replicates in which an agent is on it says how settled its place is; it is no probability
    that it truly is.

    Measured over 600 sets of 8 problems of 10 seeds, standard deviation of what is not
    shared .3: an agent truly beaten at both by .05 / .1 / .2 has a share of .5 or more in
    .372 / .058 / 0 of the sets, of .95 or more in .025 / .002 / 0; the one that beats it has .95 or more
    in .730 / .980 / 1. Of two agents that are equally good each has .95 or more in .25.

    Args:
        scores: competitor → scores, shape (problems, seeds), NaN where missing; the same
            problems and seeds in the same order for all. Greater is better.
        costs: competitor → what each run spent, the same shape, NaN where missing. Less is better.
        reference: score and cost that are barely acceptable, such as the baseline's and the
            budget; only what is better at both has volume.
        rng: draws the replicates.
        replicates: how many.

    Raises:
        ValueError: if there is no competitor, the mappings or the shapes differ, a number is
            infinite, a problem has no cell that all have, the reference is not finite, or
            `replicates` is below 1.
    """
    if not scores or set(scores) != set(costs):
        raise ValueError(f"scores of {sorted(scores)} and costs of {sorted(costs)}: wanted the same")
    if not np.isfinite(reference).all():
        raise ValueError(f"reference={reference}: wanted two finite numbers, a score and a cost")
    if replicates < 1:
        raise ValueError(f"replicates={replicates}: wanted at least 1")
    names = list(scores)
    tables = [table(given[name]) for given in (scores, costs) for name in names]
    if len({x.shape for x in tables}) > 1:
        raise ValueError(f"scores and costs of shapes {sorted({x.shape for x in tables})} cannot be paired")
    whole = np.array(tables)
    present = np.asarray(~np.isnan(whole).any(axis=0))
    if not present.any(axis=1).all():
        raise ValueError(f"problem {int(np.argmin(present.any(axis=1)))} has no cell that all agents have")
    # One of shape (seeds, agents' scores and then costs) for each problem.
    cells = [whole[:, m, here].T for m, here in enumerate(present)]
    mean = np.mean([rows.mean(axis=0) for rows in cells], axis=0)
    score, cost = _rounded(mean[: len(names)]), _rounded(mean[len(names) :])
    on = non_dominated(score, cost)
    volume = hypervolume(score, cost, reference)
    share = _shares(cells, len(names), rng, replicates)
    places = []
    for i in np.lexsort((-score, cost)):
        others = np.arange(len(names)) != i
        lost = volume - hypervolume(score[others], cost[others], reference) if on[i] else 0.0
        places.append(
            Place(names[i], float(mean[i]), float(mean[len(names) + i]), bool(on[i]), float(share[i]), lost)
        )
    return Front(tuple(places), volume, (float(reference[0]), float(reference[1])), int(present.sum()))


def non_dominated(scores: npt.ArrayLike, costs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which points no other dominates: scores at least as much at no more cost, and is better at one.

    Points that are equal at both do not dominate each other.

    Args:
        scores: greater is better, shape (..., points).
        costs: less is better, the same shape.

    Raises:
        ValueError: if the shapes differ, there is no point, or a number is NaN.
    """
    high, spent = np.asarray(scores, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if high.shape != spent.shape or high.ndim == 0 or high.size == 0:
        raise ValueError(f"scores and costs of shapes {high.shape} and {spent.shape}: wanted the same")
    if np.isnan(high).any() or np.isnan(spent).any():
        raise ValueError("a score or a cost is NaN")
    order = np.lexsort((-high, spent), axis=-1)  # the cheapest first; of them the best
    high, spent = np.take_along_axis(high, order, -1), np.take_along_axis(spent, order, -1)
    best = np.maximum.accumulate(high, axis=-1)
    rises = np.ones(high.shape, dtype=np.bool_)
    rises[..., 1:] = best[..., 1:] > best[..., :-1]
    since = np.maximum.accumulate(np.where(rises, np.arange(high.shape[-1]), 0), axis=-1)
    # Nobody cheaper or as cheap has more, and nobody cheaper has as much.
    kept = np.asarray((high == best) & (spent == np.take_along_axis(spent, since, -1)))
    found = np.empty_like(kept)
    np.put_along_axis(found, order, kept, -1)
    return found


def hypervolume(scores: npt.ArrayLike, costs: npt.ArrayLike, reference: tuple[float, float]) -> float:
    """The area that points dominate and that dominates the reference point (Zitzler & Thiele 1998).

    The union over points of [reference score, score] x [cost, reference cost]; a point that
    is not better than the reference at both adds nothing.

    Args:
        scores: greater is better, shape (points,); there may be none.
        costs: less is better, the same shape.
        reference: a score and a cost.

    Raises:
        ValueError: if the shapes differ or a number is NaN.
    """
    high, spent = np.asarray(scores, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    if high.shape != spent.shape or high.ndim != 1:
        raise ValueError(f"scores and costs of shapes {high.shape} and {spent.shape}: wanted (points,) twice")
    if np.isnan(high).any() or np.isnan(spent).any():
        raise ValueError("a score or a cost is NaN")
    order = np.argsort(spent, kind="stable")
    reached = np.maximum(np.maximum.accumulate(high[order]), reference[0]) - reference[0]
    edges = np.minimum(np.concatenate([spent[order], [reference[1]]]), reference[1])
    return float(reached @ np.diff(edges))


def _shares(cells: list[Array], agents: int, rng: np.random.Generator, replicates: int) -> Array:
    if min(len(rows) for rows in cells) < 2:
        return np.full(agents, np.nan)
    counts = np.zeros(agents)
    block = max(1, _BLOCK // (2 * agents + max(len(rows) for rows in cells)))
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        means = np.zeros((size, 2 * agents))
        for rows in cells:
            means += resampled_counts(len(rows), rng, size) @ rows / (len(rows) * len(cells))
        front = non_dominated(_rounded(means[:, :agents]), _rounded(means[:, agents:]))
        counts += np.count_nonzero(front, axis=0)
    return np.asarray(counts / replicates)


def _rounded(means: Array) -> Array:
    largest = np.abs(means).max(axis=-1, keepdims=True)
    scale = 10.0 ** np.ceil(np.log10(np.where(largest > 0, largest, 1.0)))
    return np.asarray(np.round(means / scale, _DIGITS) * scale)
