"""Evidence for a tournament that is looked at after every seed: who beats whom, decided as soon as it can be.

The hypothesis is that of `comparisons.sign_flip_p`: if a and b are alike on every problem, each
difference of a pair of runs could as well have had the other sign. Given its size |D| the sign is then
a fair coin, and the product over pairs of exp(l D) / cosh(l D) is a martingale of mean 1 whatever l is
made of, as long as it does not look at the sign: here l = c / (root mean square of the differences so
far). A mixture over c is an e-process: P(it ever reaches 1 / alpha) <= alpha (Ville, 1939), so one may look
as often as one likes and stop when one likes. Sources: de la Pena (1999), Ann. Prob. 27:537, for sums of
symmetric variables; Ramdas, Grünwald, Vovk and Shafer (2023), Statistical Science 38:576, for e-processes.
1 / (the largest e-value so far) is a p-value at every time, so Holm's correction over the pairs holds
at every time too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from sandbox.statistics.comparisons import holm
from sandbox.statistics.estimates import Array

_SIZES = np.array([0.08, 0.16, 0.32, 0.64, 1.28, 2.56])
"""Effects, in root mean squares of a difference, that the mixture bets on, in both directions."""
_CHANCES = 400
"""Replicates of `smallest_effect`."""


@dataclass(frozen=True, slots=True)
class Duel:
    """What is known about one pair of competitors after some seeds."""

    a: str
    b: str
    winner: str | None
    """None while it is undecided."""
    decided_after: int | None
    """Seeds that both had played when it was decided."""
    seeds: int
    """That both have played."""
    mean: float
    """Of a - b, over problems and seeds; NaN before the first seed. Stopping when it looks decided makes it
    look larger than it is."""
    p: float
    """Anytime-valid, Holm-adjusted over all pairs."""

    def __str__(self) -> str:
        if self.winner is None:
            return f"{self.a} against {self.b}: undecided after {self.seeds} seeds (p = {self.p:.2g})"
        loser = self.b if self.winner == self.a else self.a
        return f"{self.winner} beats {loser}: decided after {self.decided_after} seeds (p = {self.p:.2g})"


def evidence(differences: npt.ArrayLike) -> Array:
    """The natural logarithm of the e-value against "a and b are alike", after each seed.

    log e_t = log mean over c of prod over s <= t, m of exp(c D_sm / r_s) / cosh(c D_sm / r_s), with c in
    +-{.08, .16, ..., 2.56} and r_s the root mean square of all differences up to and with seed s.

    Args:
        differences: a - b in the order of play, shape (..., seeds, problems); NaN where a pair is missing,
            which is no evidence. Any unit: a common factor changes nothing.

    Returns:
        Shape (..., seeds).

    Raises:
        ValueError: if there are fewer than two axes, or a difference is infinite.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim < 2:
        raise ValueError(f"differences of shape {d.shape}: wanted (..., seeds, problems)")
    if np.isinf(d).any():
        raise ValueError("an infinite difference: every score must be a number")
    there = ~np.isnan(d)
    d = np.where(there, d, 0.0)
    largest = np.abs(d).max(axis=(-2, -1), keepdims=True, initial=0.0)
    d = d / np.where(largest > 0, largest, 1.0)  # no square of a tiny difference vanishes
    count = np.maximum(np.cumsum(there.sum(axis=-1), axis=-1), 1)
    size = np.sqrt(np.cumsum((d**2).sum(axis=-1), axis=-1) / count)
    scaled = d / np.where(size > 0, size, 1.0)[..., None]
    wealth = []
    for c in np.concatenate([_SIZES, -_SIZES]):
        # exp(x) / cosh(x) = 2 / (1 + exp(-2 x)).
        wealth.append(np.cumsum((math.log(2.0) - np.logaddexp(0.0, -2.0 * c * scaled)).sum(axis=-1), axis=-1))
    logs: Array = np.logaddexp.reduce(np.stack(wealth), axis=0) - math.log(2 * len(_SIZES))
    return logs


def duels(scores: Mapping[str, npt.ArrayLike], alpha: float = 0.05) -> tuple[Duel, ...]:
    """Every pair of competitors, judged after each seed as if it were the last.

    The probability that any pair of equal competitors is ever decided is at most `alpha`, however
    many pairs there are and whenever one stops (Holm's correction of 1 / max e). A pair's winner is the one
    that the mean favoured when it was decided. A competitor may stop playing: pairs are judged on the
    seeds that both have.

    Args:
        scores: competitor → scores, shape (problems, seeds), the seeds in the order of play, NaN where a
            run is missing or not played.
        alpha: bound on the probability of any false verdict.

    Raises:
        ValueError: if shapes differ, a score is infinite, or `alpha` is out of range.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha}: wanted a number between 0 and 1")
    tables = {name: np.asarray(x, dtype=np.float64) for name, x in scores.items()}
    if len({x.shape for x in tables.values()}) > 1 or any(x.ndim != 2 for x in tables.values()):
        raise ValueError("scores: wanted the same shape (problems, seeds) for every competitor")
    pairs = list(combinations(tables, 2))
    if not pairs:
        return ()
    gaps = [(tables[a] - tables[b]).T for a, b in pairs]
    best = [np.maximum.accumulate(np.maximum(evidence(d), 0.0)) for d in gaps]
    seeds = gaps[0].shape[0]
    decided: dict[int, int] = {}
    adjusted = (1.0,) * len(pairs)
    for t in range(seeds):
        adjusted = holm([math.exp(-e[t]) for e in best])
        for i, p in enumerate(adjusted):
            if p <= alpha and np.isfinite(gaps[i][t]).any():
                decided.setdefault(i, t)
    found = []
    for i, (a, b) in enumerate(pairs):
        winner = None
        if i in decided:
            winner = a if _mean(gaps[i][: decided[i] + 1]) > 0 else b
        found.append(
            Duel(
                a,
                b,
                winner,
                None if i not in decided else _played(gaps[i][: decided[i] + 1]),
                _played(gaps[i]),
                _mean(gaps[i]),
                adjusted[i],
            )
        )
    return tuple(found)


def smallest_effect(
    differences: npt.ArrayLike, level: float, rng: np.random.Generator, power: float = 0.8
) -> float:
    """The smallest mean difference that these many seeds would have decided with probability `power`.

    The differences of each problem, their mean removed, are drawn anew with replacement (each widened
    by sqrt(n / (n - 1)), as their spread is that of n - 1), an effect is added to all, and the
    share of replicates whose e-value ever reaches 1 / level is found; the effect is the one at which that
    share is `power`, by bisection to 1 %.

    Args:
        differences: a - b, shape (seeds, problems), NaN where missing.
        level: of the pair alone; with k pairs, alpha / k is what its first step needs.
        rng: draws the replicates; all effects see the same draws.
        power: between 0 and 1.

    Returns:
        In the unit of the scores; infinite where no effect could have been seen (too few seeds), and NaN
        with fewer than two seeds, which show no spread.

    Raises:
        ValueError: if `level` or `power` is out of range.
    """
    for name, value in (("level", level), ("power", power)):
        if not 0 < value < 1:
            raise ValueError(f"{name}={value}: wanted a number between 0 and 1")
    d = np.asarray(differences, dtype=np.float64)
    d = d[~np.isnan(d).all(axis=1)]
    seeds = d.shape[0]
    if seeds < 2:
        return math.nan
    centred = (d - np.nanmean(d, axis=0)) * math.sqrt(seeds / (seeds - 1))
    drawn = centred[rng.integers(seeds, size=(_CHANCES, seeds, 1)), np.arange(d.shape[1])]
    spread = float(np.nanstd(centred)) or 1e-12

    def share(effect: float) -> float:
        return float((evidence(drawn + effect).max(axis=-1) >= -math.log(level)).mean())

    low, high = 0.0, spread / 8
    while share(high) < power:
        low, high = high, 2 * high
        if high > 1e3 * spread:
            return math.inf
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) >= power else (middle, high)
    return high


def _mean(gaps: Array) -> float:
    """Over problems of the mean over seeds; NaN where there is none."""
    played = ~np.isnan(gaps)
    counts = played.sum(axis=0)
    if not counts.any():
        return math.nan
    means = np.where(played, gaps, 0.0).sum(axis=0)[counts > 0] / counts[counts > 0]
    return float(means.mean())


def _played(gaps: Array) -> int:
    return int((~np.isnan(gaps)).any(axis=1).sum())
