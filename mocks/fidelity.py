"""How far predictions of measured accuracies can be trusted, and how far they could be at best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from sandbox.streams import stream

Floats = NDArray[np.float64]

DEFAULT_SAMPLES = 100
"""Samples behind one accuracy where the accuracies themselves do not tell."""
LEAST_SPEARMAN = 0.5
LEAST_R2 = 0.25
LEAST_INSTRUCTIONS = 50
_MOST_SAMPLES = 1000
_OFF_GRID = 2e-3
"""How far accuracy times samples may be from a whole number: accuracies may be printed with 4 digits."""
_CEILING_DRAWS = 200
_ROUNDING = 1e-9
"""Accuracies that differ by less than this are the same: no number of samples tells them apart."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How well held-out predictions agree with measurements that are noisy themselves."""

    spearman: float
    """Rank correlation of prediction and measurement, in [-1, 1]; 0 where either is constant."""
    r2: float
    """1 - squared error / variance of the measurements, at most 1; 0 where these are constant."""
    spearman_ceiling: float
    """The rank correlation that the noiseless truth itself would reach on average, in [0, 1]; see `judge`."""
    r2_ceiling: float
    """The R² that the noiseless truth itself would reach, in [0, 1]; see `judge`."""
    instructions: int
    """How many distinct instructions were predicted."""
    samples: int
    """How many samples stand behind one measured accuracy."""

    @property
    def spearman_relative(self) -> float:
        """The share of the possible rank correlation that is reached; may pass 1, see `judge`."""
        return self.spearman / self.spearman_ceiling if self.spearman_ceiling > 0.0 else 0.0

    @property
    def r2_relative(self) -> float:
        """The share of the explainable variance that is explained; may pass 1, see `judge`."""
        return self.r2 / self.r2_ceiling if self.r2_ceiling > 0.0 else 0.0

    @property
    def trusted(self) -> bool:
        """Whether results on this surface may be read as results on the model.

        It takes a held-out Spearman correlation of at least 0.5, a held-out R² of at least 0.25
        and at least 50 instructions. Absolute, not relative to the ceiling: where the measurements
        are mostly noise, a perfect fit to the rest of them says nothing about the model either.
        """
        return (
            self.spearman >= LEAST_SPEARMAN
            and self.r2 >= LEAST_R2
            and self.instructions >= LEAST_INSTRUCTIONS
        )

    def __str__(self) -> str:
        return (
            f"surrogate fidelity: Spearman {self.spearman:.2f} (of {self.spearman_ceiling:.2f} possible), "
            f"R² {self.r2:.2f} (of {self.r2_ceiling:.2f} possible), {self.instructions} instructions"
            f"{'' if self.trusted else ', not to be trusted'}"
        )


def judge(
    predicted: Sequence[float], measured: Sequence[float], repeats: Sequence[int], samples: int
) -> Fidelity:
    """Compare held-out predictions with measurements.

    The ceilings take it that every instruction was measured on samples of its own. Where all were
    measured on the same samples, part of the noise is common to all and does no harm: there the
    true ceilings are higher than these, and good predictions may pass them.

    An accuracy y over n samples has the binomial variance y(1 - y)/(n - 1), without bias. The share
    of the variance of all measurements that is left when the mean of these is taken away is the R²
    that the truth would reach. The ceiling of the rank correlation is the mean over 200 keyed draws:
    the measurements are shrunk towards their mean until they have the variance left, are taken for
    the truth, and are measured anew.

    Args:
        predicted: one accuracy an instruction, in [0, 1].
        measured: the same for the same instructions in the same order.
        repeats: how many measurements the mean in `measured` was taken over.
        samples: how many samples each of these measurements had.

    Raises:
        ValueError: if the lengths differ, or there is nothing to compare.
    """
    if not len(predicted) == len(measured) == len(repeats) or not len(measured):
        raise ValueError(f"{len(predicted)} predictions, {len(measured)} measurements, {len(repeats)} counts")
    guess, seen = np.asarray(predicted, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    trials = samples * np.asarray(repeats, dtype=np.int64)
    variance = float(seen.var())
    constant = bool(np.ptp(seen) <= _ROUNDING)
    noise = float(np.mean(seen * (1.0 - seen) / np.maximum(1, trials - 1)))
    r2_ceiling = 0.0 if constant else max(0.0, 1.0 - noise / variance)
    truth = np.clip(seen.mean() + np.sqrt(r2_ceiling) * (seen - seen.mean()), 0.0, 1.0)
    draws = stream(0, "spearman ceiling").binomial(trials, truth, size=(_CEILING_DRAWS, len(seen))) / trials
    return Fidelity(
        spearman=float(rank_correlation(guess, seen[None, :])[0]),
        r2=0.0 if constant else 1.0 - float(np.mean((guess - seen) ** 2)) / variance,
        spearman_ceiling=max(0.0, float(rank_correlation(truth, draws).mean())),
        r2_ceiling=r2_ceiling,
        instructions=len(seen),
        samples=samples,
    )


def rank_correlation(one: ArrayLike, several: ArrayLike) -> Floats:
    """Spearman's correlation of one row with each of several; 0 where a row is constant.

    Args:
        one: shape (n,).
        several: shape (rows, n).

    Returns:
        Shape (rows,), each in [-1, 1].
    """
    a, b = rankdata(one), rankdata(several, axis=1)
    a, b = a - a.mean(), b - b.mean(axis=1, keepdims=True)
    lengths = np.sqrt((a @ a) * (b * b).sum(axis=1))
    return np.asarray(np.where(lengths > 0.0, b @ a / np.where(lengths > 0.0, lengths, 1.0), 0.0))


def folds(texts: Sequence[str], count: int, seed: int = 0) -> tuple[int, ...]:
    """The fold of each text, from 0 to `count` - 1; the sizes are as equal as the groups allow.

    Texts that differ in white space alone are in one fold: seeing one of them gives the other away.
    The order of the texts plays no part.
    """
    groups = {" ".join(text.split()) for text in texts}
    shuffled = sorted(groups, key=lambda group: blake2b(repr((seed, group)).encode()).digest())
    fold_of = {group: place % count for place, group in enumerate(shuffled)}
    return tuple(fold_of[" ".join(text.split())] for text in texts)


def samples_behind(accuracies: Iterable[float]) -> int:
    """The smallest number of samples, up to 1000, that can give all these accuracies; 100 if none can.

    >>> samples_behind([0.0, 0.25, 0.6]), samples_behind([0.1234567])
    (20, 100)
    """
    values = np.unique(np.fromiter(accuracies, dtype=np.float64))
    for samples in range(1, _MOST_SAMPLES + 1):
        hits = values * samples
        if np.all(np.abs(hits - np.rint(hits)) <= _OFF_GRID):
            return samples
    return DEFAULT_SAMPLES
