"""The landscape families: how good each set of cues is, for all 2^n sets at once.

Every function returns an array of 2^n qualities whose largest element is exactly 1; entry `s` belongs
to the set whose i-th cue is present where bit i of `s` is set. Sums are taken over integers
wherever ties matter, so that no rounding makes one set look better than an equal one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.streams import stream

Qualities = NDArray[np.float64]


def _membership(cues: int) -> NDArray[np.int64]:
    """Row s says which cues the set s holds; shape (2^cues, cues)."""
    return (np.arange(1 << cues)[:, None] >> np.arange(cues)) & 1


def _unit(sums: NDArray[np.int64]) -> Qualities:
    """Whole numbers carried to [0, 1] by an affine map: the least becomes 0, the largest exactly 1."""
    low, high = int(sums.min()), int(sums.max())
    return (sums - low) / (high - low)


def additive(seed: int, cues: int, spoilers: int) -> Qualities:
    """Each cue adds a weight of its own, which is negative for `spoilers` of them.

    Weights are drawn evenly from 20..100 hundredths: none is negligible, none is everything.
    """
    weights = stream(seed, "landscape", "additive").integers(20, 100, size=cues, endpoint=True)
    weights[:spoilers] *= -1
    return _unit(_membership(cues) @ weights)


def nk(seed: int, cues: int, k: int) -> Qualities:
    """NK: cue i contributes a random amount for each state of cues i, i+1, ..., i+k on a circle.

    Kauffman and Weinberger (1989), "The NK model of rugged fitness landscapes". A step that flips one cue
    changes k+1 of the n contributions, each to another of the m = 2^(k+1) entries of its table: the
    autocorrelation over steps is about 1 - (k+1)/n * m/(m-1). The labels present/absent are exchanged for
    a fixed set of cues, which leaves the model as it is, so that the empty set stands next to the mean.
    """
    tables = stream(seed, "landscape", "nk").integers(0, 1 << 30, size=(cues, 1 << (k + 1)))
    present = _membership(cues)
    sums = np.zeros(1 << cues, dtype=np.int64)
    for cue in range(cues):
        state = sum(present[:, (cue + step) % cues] << step for step in range(k + 1))
        sums += tables[cue, state]
    start = int(np.argmin(np.abs(sums - sums.mean())))
    return _unit(sums[np.arange(1 << cues) ^ start])


def plateau(seed: int, cues: int, block: int) -> Qualities:
    """Royal road: the share of blocks of cues that are as they should be in every cue.

    Mitchell, Forrest and Holland (1992), "The royal road for genetic algorithms". Their schemata ask
    for ones only; here each block asks for a random pattern with at least one cue present, so that
    neither the empty text nor the one that says everything is good.
    """
    rng = stream(seed, "landscape", "plateau")
    patterns = [int(rng.integers(1, 1 << block)) for _ in range(cues // block)]
    shares: Qualities = (_matches(cues, block, patterns) == block).mean(axis=1)
    return shares


def trap(seed: int, cues: int, block: int, height: float) -> Qualities:
    """Concatenated traps: in each block every right cue but the last one lowers the score.

    Ackley (1987); Deb and Goldberg (1993), "Analyzing deception in trap functions", with the slope
    change at block - 1: with u right cues of `block`, the quality is height * (block-1-u)/(block-1),
    and 1 for u = block. Half of each block's cues (rounded up) should be present, the others absent, so
    that the empty set stands on the slope that leads to the trap, where every cue is wrong.
    """
    rng = stream(seed, "landscape", "trap")
    wanted = (block + 1) // 2
    patterns = [int(sum(1 << int(i) for i in rng.permutation(block)[:wanted])) for _ in range(cues // block)]
    by_matches = np.append(height * (block - 1 - np.arange(block)) / (block - 1), 1.0)
    qualities: Qualities = by_matches[_matches(cues, block, patterns)].mean(axis=1)
    return qualities


def _matches(cues: int, block: int, patterns: list[int]) -> NDArray[np.int64]:
    """In how many of its cues each block agrees with its pattern; shape (2^cues, blocks)."""
    wanted = (np.array(patterns)[:, None] >> np.arange(block)) & 1
    agrees = _membership(cues).reshape(-1, len(patterns), block) == wanted
    matches: NDArray[np.int64] = agrees.sum(axis=2)
    return matches
