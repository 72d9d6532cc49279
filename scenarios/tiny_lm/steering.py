"""How a soft prompt steers what the tiny language model is trained to write.

The direction of a soft prompt has a hidden code of `CODE` numbers, standard normal for random soft
prompts: a fixed random readout of the mean of its token embeddings. Three of them say how good the
instruction is to be: two peaks, a high and a lower one, which lie elsewhere for every group of tasks.
The others say how long it is and how it begins. Nothing of this is in the model's code: it
learns it from examples, as a big model has learnt that some contexts precede better texts.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ncx2

from sandbox.streams import stream
from scenarios.tiny_lm.instructions import Pool

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

CODE = 5
"""Numbers in a code: three of quality, two of style."""
_QUALITY = 3
_DISTANCE = 1.1
"""Of the peaks from the origin, in standard deviations of the code."""
_GROUPS = 6
"""Different places for the peaks."""
_WIDTHS = (0.05, 0.3)
"""How exactly the wanted quality (in ceilings) and the wanted style (in quantiles) are met."""


def readout(width: int) -> Array:
    """The fixed readout, shape (CODE, width), with orthonormal rows."""
    drawn = stream(0, "tiny-lm", "readout", width).normal(size=(width, CODE))
    basis, _ = np.linalg.qr(drawn)
    rows: Array = basis.T
    return rows


def codes(soft: Floats, reader: Array) -> Array:
    """The codes of soft prompts, shape (n, tokens, width): shape (n, CODE). Their scale has no say."""
    size = np.sqrt(np.mean(np.square(soft, dtype=np.float64), axis=(1, 2)))
    means = soft.mean(axis=1, dtype=np.float64) / size[:, None]
    read: Array = means @ reader.T * np.sqrt(soft.shape[1])
    return read


def wanted(task: str, code: Array) -> Array:
    """How good an instruction each code asks for, as a share of the task's ceiling, shape (n,)."""
    group = zlib.crc32(task.encode()) % _GROUPS
    high, low = _peaks(group)
    best = np.interp(_percentile(code, high), (0.0, 0.2, 0.4, 0.65), (1.0, 0.95, 0.5, 0.0))
    second = np.interp(_percentile(code, low), (0.0, 0.1, 0.25), (0.65, 0.55, 0.0))
    level: Array = np.maximum(best, second)
    return level


def _peaks(group: int) -> tuple[Array, Array]:
    rng = stream(0, "tiny-lm", "peaks", group)
    basis, _ = np.linalg.qr(rng.normal(size=(_QUALITY, 2)))
    return _DISTANCE * basis[:, 0], -_DISTANCE * (0.8 * basis[:, 0] + 0.6 * basis[:, 1])


def _percentile(code: Array, peak: Array) -> Array:
    """The share of random codes that are nearer to `peak`."""
    squared = np.square(code[:, :_QUALITY] - peak).sum(axis=1)
    share: Array = ncx2.cdf(squared, _QUALITY, _DISTANCE**2)
    return share


def choose(pool: Pool, code: Array, rng: np.random.Generator, temperature: float = 1.0) -> NDArray[np.int64]:
    """A text of the pool for each code, shape (n,): of about the wanted quality and style.

    Args:
        pool: to choose from.
        code: shape (n, CODE).
        rng: draws among the texts near each code.
        temperature: of that draw; a cool one makes what a soft prompt says all but certain.
    """
    level = np.minimum(wanted(pool.task, code), pool.scores.max() / pool.ceiling)
    quality = (pool.scores / pool.ceiling - level[:, None]) / _WIDTHS[0]
    style = (pool.style - code[:, None, _QUALITY:]) / _WIDTHS[1]
    energy = 0.5 * (np.square(quality) + np.square(style).sum(axis=2))
    noise = temperature * rng.gumbel(size=energy.shape)  # the largest of logits plus it is a draw of softmax
    chosen: NDArray[np.int64] = np.argmax(noise - energy, axis=1)
    return chosen
