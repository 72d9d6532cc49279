"""Mean ranks over problems, whether any competitor stands out, and which groups are not told apart.

For reference and for papers: what a mean rank says of a pair depends on who else was there, and it
forgets by how much somebody won. `comparisons` judges pairs by their mean difference instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from sandbox.statistics.comparisons import holm
from sandbox.statistics.estimates import Array, Unit, differences, strata, table

_ROUNDING = 1e-12
"""Distance, as a share of the scores' size, below which two numbers are a tie."""
_EXACT_UP_TO = 50
"""Differences, up to which the signed-rank sum's distribution is enumerated."""


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether the mean ranks are further apart than chance makes them."""

    mean_ranks: dict[str, float]
    """Competitor → mean over problems of its rank; 1 is best, ties share the mean of their places."""
    problems: int
    chi2: float
    """Friedman's statistic, corrected for ties; of k - 1 degrees of freedom."""
    p_chi2: float
    f: float
    """Iman and Davenport's statistic; infinite where all problems rank alike."""
    p: float
    """Of `f`, which is the better approximation."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The competitors in order of mean rank, with the bars of a critical-difference diagram."""

    mean_ranks: dict[str, float]
    """Best first; equal ranks in alphabetical order."""
    groups: tuple[tuple[str, ...], ...]
    """Neighbours in that order no two of whom are told apart; the longest such runs, of two or more."""
    p: dict[tuple[str, str], float]
    """Pair → p, adjusted for the number of pairs; the better ranked of the two comes first."""
    alpha: float
    critical_difference: float | None
    """Nemenyi's, in ranks; None where pairs were tested one by one."""


def mean_ranks(scores: Mapping[str, npt.ArrayLike]) -> dict[str, float]:
    """Each competitor's mean over problems of its rank by mean score: 1 is best, ties share.

    Args:
        scores: competitor → scores, shape (problems, seeds), the same problems and seeds for all, no
            cell missing. To rank in spite of missing runs, say how: pass problem means, shape
            (problems, 1), or leave out problems.

    Raises:
        ValueError: if there are fewer than two competitors, shapes differ, or a score is missing or
            infinite.
    """
    return dict(zip(scores, _ranks(scores).mean(axis=0).tolist(), strict=True))


def friedman(scores: Mapping[str, npt.ArrayLike]) -> Friedman:
    """Friedman's test (1937, 1940) over problems, and Iman and Davenport's version of it (1980).

    With k competitors, M problems, mean ranks R_j and tie groups of sizes t within problems:

    chi2 = 12 M / (k (k + 1)) (sum_j R_j^2 - k (k + 1)^2 / 4) / (1 - sum (t^3 - t) / (M (k^3 - k)))
    F = (M - 1) chi2 / (M (k - 1) - chi2), of k - 1 and (k - 1)(M - 1) degrees of freedom

    The first division by the ties is scipy's; F is given by Demšar (2006, *JMLR* 7:1, p. 11). Where all
    problems rank alike F is infinite, and p is the exact probability of that agreement. Where everybody
    ties everywhere, chi2 = F = 0 and p = 1. Of the two, chi2 is too timid with few problems.

    Measured share of p (of p_chi2) below .05 among five equal competitors, 10,000 tables each (standard
    error .002): .057 (.034) with 5 problems, .055 (.045) with 8, .051 (.046) with 20, as with ties.

    Args:
        scores: as in `mean_ranks`.

    Raises:
        ValueError: as `mean_ranks`, or if there are fewer than two problems.
    """
    from scipy.special import chdtrc, fdtrc

    ranks = _ranks(scores)
    problems, k = ranks.shape
    if problems < 2:
        raise ValueError(f"{problems} problem: Friedman's test needs at least 2")
    # M k (k^2 - 1) / 12 without ties; with them it is smaller by what the formula divides by.
    scatter = ((ranks - (k + 1) / 2) ** 2).sum()
    means = ranks.mean(axis=0)
    chi2 = f = 0.0
    p_chi2 = p = 1.0
    if scatter > 0:
        between = ((means - (k + 1) / 2) ** 2).sum()
        # At most M (k - 1), with ties and without: where all problems rank alike.
        chi2 = float(problems**2 * (k - 1) * between / scatter)
        p_chi2 = float(chdtrc(k - 1, chi2))
        rest = problems * (k - 1) - chi2
        if rest <= 1e-9 * problems * (k - 1):
            f, p = math.inf, math.exp((problems - 1) * _log_same_order(ranks[0]))
        else:
            f = (problems - 1) * chi2 / rest
            p = float(fdtrc(k - 1, (k - 1) * (problems - 1), f))
    return Friedman(dict(zip(scores, means.tolist(), strict=True)), problems, chi2, p_chi2, f, p)


def nemenyi_distance(competitors: int, problems: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of mean ranks: q_(alpha; k, inf) / sqrt(2) * sqrt(k (k + 1) / (6 M)).

    q is the studentised range's quantile (Demšar 2006, p. 11 and table 5).

    Raises:
        ValueError: if there are fewer than two competitors or no problem, or `alpha` is not in (0, 1).
    """
    from scipy.stats import studentized_range

    _check_alpha(alpha)
    if competitors < 2 or problems < 1:
        raise ValueError(f"{competitors} competitors and {problems} problems: wanted at least 2 and 1")
    q = float(studentized_range.ppf(1 - alpha, competitors, math.inf))
    return q * math.sqrt(competitors * (competitors + 1) / (12 * problems))


def rank_groups(
    scores: Mapping[str, npt.ArrayLike],
    method: Literal["wilcoxon", "nemenyi"] = "wilcoxon",
    alpha: float = 0.05,
) -> Groups:
    """Who is not told apart from whom, along the order of mean ranks.

    - `"wilcoxon"`: each pair by `signed_rank_p` over problems, adjusted by Holm. What it says of a pair
      does not depend on the others' scores (Benavoli et al. 2016, *JMLR* 17:5).
    - `"nemenyi"`: by mean ranks, told apart where they differ by `nemenyi_distance` or more; p from the
      studentised range.

    A group is a run of neighbours in the order no two of whom are told apart. Wilcoxon's test may leave a
    pair undecided with somebody between them who is told apart from one: such a pair shares no group, as
    no bar can show it, and stands in `p`.

    With few problems nobody can be told apart by Wilcoxon's test: its smallest adjusted p is
    2^(1 - M) k (k - 1) / 2, which is .078 for five competitors on 8 problems.

    Measured share of tables in which anybody is told apart among five equal competitors, alpha = .05,
    3,000 tables: on 20 problems .046 ("nemenyi" .040), with rounded scores .031 (.016).

    Args:
        scores: as in `mean_ranks`.
        method: how pairs are judged.
        alpha: bound on the probability of telling any equal competitors apart.

    Raises:
        ValueError: as `mean_ranks`, or if `method` or `alpha` is out of range.
    """
    _check_alpha(alpha)
    averages = mean_ranks(scores)
    order = sorted(averages, key=lambda name: (round(averages[name], 9), name))
    pairs = list(combinations(order, 2))
    critical = None
    if method == "nemenyi":
        from scipy.stats import studentized_range

        k, problems = len(order), table(scores[order[0]]).shape[0]
        critical = nemenyi_distance(k, problems, alpha)
        apart = np.array([averages[b] - averages[a] for a, b in pairs])
        unit = math.sqrt(k * (k + 1) / (12 * problems))
        found = np.clip(studentized_range.sf(np.abs(apart) / unit, k, math.inf), 0.0, 1.0).tolist()
        told = apart >= critical - 1e-9
    elif method == "wilcoxon":
        means = {name: table(x).mean(axis=1) for name, x in scores.items()}
        largest = {name: np.abs(x).max() for name, x in means.items()}
        gaps = np.array([means[a] - means[b] for a, b in pairs])
        scale = np.array([max(largest[a], largest[b]) for a, b in pairs])
        found = list(holm(_signed_rank(gaps, scale).tolist()))
        told = np.array(found) < alpha
    else:
        raise ValueError(f"method={method!r}: wanted 'wilcoxon' or 'nemenyi'")
    together = dict(zip(pairs, (~told).tolist(), strict=True))
    return Groups(
        mean_ranks={name: averages[name] for name in order},
        groups=_runs(order, lambda a, b: together[a, b]),
        p=dict(zip(pairs, found, strict=True)),
        alpha=alpha,
        critical_difference=critical,
    )


def signed_rank_p(a: npt.ArrayLike, b: npt.ArrayLike, unit: Unit = "problems") -> float:
    """Wilcoxon's signed-rank p (1945), two-sided, exact with ties as well.

    Differences of 0 are dropped, the others' sizes ranked, ties sharing the mean of their places. Given
    those ranks each sign is a fair coin under the hypothesis, and P(|W - E W| >= observed) is summed over
    all 2^n patterns by convolution, up to 50 differences; beyond that W is taken as normal. Without ties
    it equals `scipy.stats.wilcoxon`. 1 where all pairs tie.

    Args:
        a: scores, shape (problems, seeds), NaN where missing.
        b: the same for the rival: the same problems, the same seeds, in the same order.
        unit: whether problems' mean differences are ranked, or all pairs together.

    Raises:
        ValueError: if shapes differ, a score is infinite, or a problem has no pair.
    """
    gaps = np.concatenate(strata(differences(a, b), unit))
    scale = max(np.nanmax(np.abs(table(x))) for x in (a, b))
    return float(_signed_rank(gaps[None, :], np.array([scale]))[0])


def _ranks(scores: Mapping[str, npt.ArrayLike]) -> Array:
    """Shape (problems, competitors), competitors in the order given."""
    from scipy.stats import rankdata

    tables = {name: table(x) for name, x in scores.items()}
    if len(tables) < 2:
        raise ValueError(f"{len(tables)} competitors: ranks need at least 2")
    first, shape = next((name, x.shape) for name, x in tables.items())
    for name, x in tables.items():
        if x.shape != shape:
            raise ValueError(f"scores of {first} have shape {shape}, those of {name} {x.shape}")
        if np.isnan(x).any():
            problem, seed = np.argwhere(np.isnan(x))[0].tolist()
            raise ValueError(
                f"{name} has no score on problem {problem}, seed {seed}: ranks need every cell; "
                "finish the run, or leave that problem or seed out for all"
            )
    means = np.stack([x.mean(axis=1) for x in tables.values()], axis=1)
    return np.asarray(rankdata(-_places(means, np.abs(means).max(axis=1)), axis=1), dtype=np.float64)


def _places(values: Array, scale: Array) -> Array:
    """0, 1, .. from the smallest of each row up, equal where the step is an error of rounding.

    Args:
        values: shape (rows, n).
        scale: the size of the numbers that a row was computed from, shape (rows,).
    """
    order = np.argsort(values, axis=1, kind="stable")
    steps = np.diff(np.take_along_axis(values, order, axis=1), axis=1) > _ROUNDING * scale[:, None]
    climbed = np.concatenate([np.zeros((len(values), 1)), np.cumsum(steps, axis=1)], axis=1)
    places = np.empty_like(values)
    np.put_along_axis(places, order, climbed, axis=1)
    return places


def _log_same_order(ranks: Array) -> float:
    """Logarithm of the probability that a random order with these ties is this very one: prod t! / k!."""
    _, sizes = np.unique(ranks, return_counts=True)
    return sum(math.lgamma(t + 1) for t in sizes.tolist()) - math.lgamma(ranks.size + 1)


def _runs(order: Sequence[str], together: Callable[[str, str], bool]) -> tuple[tuple[str, ...], ...]:
    """The longest runs of two or more neighbours all of whose pairs are `together`."""
    runs: list[tuple[int, int]] = []
    start = 0
    for end in range(len(order)):
        while not all(together(order[i], order[end]) for i in range(start, end)):
            start += 1
        if end > start:
            if runs and runs[-1][0] == start:
                runs.pop()
            runs.append((start, end))
    return tuple(tuple(order[start : end + 1]) for start, end in runs)


def _signed_rank(gaps: Array, scale: Array) -> Array:
    """The p of each row of differences.

    Args:
        gaps: shape (rows, n).
        scale: the size of the scores of each row, shape (rows,): ties among differences of 0.3 - 0.2 and
            0.2 - 0.1 are seen in spite of rounding.
    """
    from scipy.special import ndtr
    from scipy.stats import rankdata

    zero = np.abs(gaps) <= _ROUNDING * scale[:, None]
    sizes = np.where(zero, -scale[:, None], np.abs(gaps))
    # Twice the rank among those that differ: whole numbers, with ties as well; 0 for a difference of 0.
    doubled = 2 * (rankdata(_places(sizes, scale), axis=1) - zero.sum(axis=1, keepdims=True))
    doubled = np.where(zero, 0.0, doubled)
    off = np.abs((doubled * np.sign(gaps)).sum(axis=1))  # twice the distance of W from its mean, doubled
    p = np.ones(len(gaps))
    known: dict[bytes, Array] = {}
    for i, row in enumerate(np.sort(doubled, axis=1).astype(np.int64)):
        ranks = row[row > 0]
        if ranks.size > _EXACT_UP_TO:
            p[i] = 2 * ndtr(-off[i] / math.sqrt(float((ranks**2).sum())))
        elif ranks.size:
            key = ranks.tobytes()
            if key not in known:
                known[key] = _tail_of_sums(ranks)
            p[i] = min(1.0, known[key][int(off[i])])
    return p


def _tail_of_sums(ranks: npt.NDArray[np.int64]) -> Array:
    """P(|sum of randomly signed ranks| >= s) for s = 0, 1, .. sum of ranks."""
    whole = int(ranks.sum())
    chances = np.zeros(whole + 1)  # of the sum of the positive ones
    chances[0] = 1.0
    for rank in ranks.tolist():
        moved = np.zeros_like(chances)
        moved[rank:] = chances[: whole + 1 - rank]
        chances = (chances + moved) / 2
    of_size = np.zeros(whole + 1)
    np.add.at(of_size, np.abs(2 * np.arange(whole + 1) - whole), chances)
    return np.asarray(np.cumsum(of_size[::-1])[::-1], dtype=np.float64)


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha}: wanted a number between 0 and 1")
