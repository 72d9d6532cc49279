"""How a soft prompt steers what the tiny language model is trained to write.

The direction of a soft prompt has a hidden code of `CODE` numbers, standard normal for random soft
prompts: a fixed random readout of the mean of its token embeddings. Two of them say how good the
instruction is to be: it gets better along one direction, and less so along another. The others say how
long it is and how it begins. Nothing of this is in the model's code: it
learns it from examples, as a big model has learnt that some contexts precede better texts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sandbox.streams import stream
from scenarios.tiny_lm.instructions import Pool

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

CODE = 4
"""Numbers in a code: two of quality, two of style."""
_QUALITY = 2
_ANGLE = 2.2
"""Between the two directions, in radians."""
_NARROW = ((0.0, 0.4, 0.7, 0.88, 0.95, 0.985, 0.995, 1.0), (0.0, 0.0, 0.25, 0.5, 0.7, 0.88, 0.97, 1.0))
"""Along the first direction: quantiles of random codes, and the quality that is wanted there, in ceilings."""
_BROAD = ((0.0, 0.4, 0.7, 0.85, 0.92, 0.965, 0.985, 1.0), (0.0, 0.0, 0.25, 0.5, 0.7, 0.9, 1.0, 1.0))
"""The same with a broad summit: three random codes in two hundred ask for the best."""
_LOW = ((0.0, 0.75, 0.9, 1.0), (0.0, 0.0, 0.4, 0.55))
"""Along the second."""
_WIDTHS = (0.05, 0.05, 0.02)
"""How exactly the wanted quality is met, in ceilings, stage by stage."""
LAST = 2
"""The stage that the model is left in. In the first the summit is narrow. In the last quality goes before
style: a text that is far from the wanted style is not passed over for one that is clearly worse."""
STYLE = 0.3
"""How exactly the wanted style is met, in standard normal quantiles."""
_TEMPERATURE = 0.25
"""Of the draw among the texts near a code: so cool that a soft prompt all but says which text it wants."""


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


def wanted(code: Array, stage: int = LAST) -> Array:
    """How good an instruction each code asks for, as a share of the task's ceiling, shape (n,).

    Args:
        code: shape (n, CODE).
        stage: of the training.
    """
    first, second = _quantile(code, 0.0), _quantile(code, _ANGLE)
    level: Array = np.maximum(np.interp(first, *(_BROAD if stage else _NARROW)), np.interp(second, *_LOW))
    return level


def told(code: Array, stage: int = LAST) -> Array:
    """What each code asks for, shape (n, 1 + styles): the wanted quality, then the style."""
    asked: Array = np.column_stack([wanted(code, stage), code[:, _QUALITY:]])
    return asked


def _quantile(code: Array, angle: float) -> Array:
    """The share of random codes that lie less far in a direction."""
    along = code[:, 0] * np.cos(angle) + code[:, 1] * np.sin(angle)
    share: Array = norm.cdf(along)
    return share


def choose(
    pool: Pool, code: Array, rng: np.random.Generator, exactness: float = STYLE, stage: int = LAST
) -> NDArray[np.int64]:
    """A text of the pool for each code, shape (n,): of about the wanted quality and style.

    Args:
        pool: to choose from.
        code: shape (n, CODE).
        rng: draws among the texts near each code.
        exactness: how exactly the wanted style is met; the smaller the better.
        stage: of the training.
    """
    level = np.minimum(wanted(code, stage), pool.scores.max() / pool.ceiling)
    quality = (pool.scores / pool.ceiling - level[:, None]) / _WIDTHS[stage]
    style = (pool.style - code[:, None, _QUALITY:]) / exactness
    apart = np.square(style)
    energy = 0.5 * np.square(quality) + (np.log1p(apart) if stage == LAST else 0.5 * apart).sum(axis=2)
    noise = _TEMPERATURE * rng.gumbel(size=energy.shape)  # the largest of logits plus it is a draw of softmax
    chosen: NDArray[np.int64] = np.argmax(noise - energy, axis=1)
    return chosen
