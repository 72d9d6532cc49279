"""Distances between texts, by what they say and by how they are laid out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

Array = NDArray[np.float64]

BUCKETS = 1 << 14
"""Character n-grams are hashed into so many; a few thousand occur in a pool."""
LENGTHS = (3, 4, 5)
"""Characters of an n-gram."""
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth's multiplicative hash
_SHIFT = np.uint64(64 - 14)


class Described(NamedTuple):
    """Some texts as numbers."""

    grams: csr_matrix
    """1 + log of how often each n-gram occurs; shape (texts, BUCKETS)."""
    layout: Array
    """Lengths, line breaks, quotes, fields, how the text ends; shape (texts, features)."""

    def followed_by(self, others: Described, kept: Sequence[int]) -> Described:
        """The texts numbered `kept`, then the others."""
        grams = vstack([self.grams[kept], others.grams], format="csr")
        return Described(grams, np.concatenate([self.layout[kept], others.layout]))


def describe(texts: Sequence[str]) -> Described:
    """Count n-grams and layout of some texts."""
    columns, values, starts = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], [0]
    for text in texts:
        buckets, counts = np.unique(_hashes(text), return_counts=True)
        columns.append(buckets)
        values.append(1.0 + np.log(counts))
        starts.append(starts[-1] + len(buckets))
    grams = csr_matrix(
        (np.concatenate(values), np.concatenate(columns), np.array(starts)), shape=(len(texts), BUCKETS)
    )
    return Described(
        grams, np.array([_layout(text) for text in texts], dtype=float).reshape(len(texts), len(_layout("")))
    )


def _hashes(text: str) -> NDArray[np.int64]:
    """The bucket of every n-gram of the text between two end marks."""
    codes = np.frombuffer(f"\x02{text}\x03".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    letters = codes.astype(np.uint64)
    found = [np.zeros(1, dtype=np.int64)]  # no text is without n-grams, however short
    rolling = np.zeros(len(letters), dtype=np.uint64)
    for length in range(1, max(LENGTHS) + 1):
        if length > len(letters):
            break
        rolling = (rolling[: len(letters) - length + 1] + letters[length - 1 :]) * _ODD
        if length in LENGTHS:
            found.append((rolling >> _SHIFT).astype(np.int64))
    return np.concatenate(found)


def _layout(text: str) -> list[float]:
    end = text.rstrip()[-1:]
    last_line = text.rsplit("\n", 1)[-1]
    return [
        math.log1p(len(text)),
        math.log1p(len(text.split())),
        math.log1p(text.count("\n")),
        min(text.count("{"), 8),
        min(text.count('"'), 4),
        min(text.count("'"), 4),
        end == ":",
        end == "?",
        end == ".",
        end == "}",
        text.startswith("\n"),
        len(last_line) < 15,
        "?" in text,
        ":" in text,
    ]


class TextMetric:
    """A Euclidean distance between texts, scaled so that 1 is the median over a corpus.

    It joins the distance of TF-IDF vectors of character n-grams with that of the standardised layout,
    each divided by its own median first, so that both have a say.
    """

    __slots__ = ("_centre", "_gram_scale", "_idf", "_layout_scale", "_scale", "_spread")

    def __init__(self, corpus: Described) -> None:
        texts = corpus.grams.shape[0]
        present = np.bincount(corpus.grams.indices, minlength=BUCKETS)
        self._idf = np.log((1.0 + texts) / (1.0 + present)) + 1.0
        self._centre = corpus.layout.mean(axis=0)
        spread = corpus.layout.std(axis=0)
        self._spread = np.where(spread > 0.0, spread, 1.0)
        self._gram_scale = self._layout_scale = self._scale = 1.0
        grams, layout = self._squares(corpus, corpus)
        self._gram_scale, self._layout_scale = _median(grams), _median(layout)
        self._scale = _median(grams / self._gram_scale + layout / self._layout_scale)

    def between(self, ones: Described, others: Described) -> Array:
        """The distance of each of `ones` from each of `others`."""
        grams, layout = self._squares(ones, others)
        joined = grams / self._gram_scale + layout / self._layout_scale
        distances: Array = np.sqrt(joined / self._scale)
        return distances

    def _squares(self, ones: Described, others: Described) -> tuple[Array, Array]:
        """Squared distances of the n-gram vectors (at most 2) and of the layouts."""
        cosine = (self._weigh(ones.grams) @ self._weigh(others.grams).T).toarray()
        first, second = (
            (ones.layout - self._centre) / self._spread,
            (others.layout - self._centre) / self._spread,
        )
        norms = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)
        return np.maximum(2.0 - 2.0 * cosine, 0.0), np.maximum(norms - 2.0 * first @ second.T, 0.0)

    def _weigh(self, grams: csr_matrix) -> csr_matrix:
        weighed = grams.multiply(self._idf).tocsr()
        lengths = np.sqrt(weighed.multiply(weighed).sum(axis=1)).A1
        return weighed.multiply(1.0 / lengths[:, None]).tocsr()


def _median(squares: Array) -> float:
    """The median over pairs of different texts; 1 if half of the pairs or more are alike."""
    pairs = squares[np.triu_indices(len(squares), 1)]
    middle = float(np.median(pairs)) if pairs.size else 0.0
    return middle if middle > 1e-12 else 1.0


@lru_cache(maxsize=32)
def distances(texts: tuple[str, ...]) -> Array:
    """The distances between the members of a pool; read-only, because runs on one pool share it."""
    described = describe(texts)
    result = TextMetric(described).between(described, described)
    np.fill_diagonal(result, 0.0)
    result.setflags(write=False)
    return result


@lru_cache(maxsize=32)
def coordinates(texts: tuple[str, ...], axes: int) -> Array:
    """The first principal coordinates of the members of a pool, spread evenly over [0, 1].

    Classical scaling (Torgerson, 1952): the leading eigenvectors of the doubly centred squared
    distances. Each axis is then replaced by ranks, so that a uniform point falls among the texts.
    Read-only; at most `axes` columns, at least one.
    """
    squares = distances(texts) ** 2
    inner = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    _, vectors = np.linalg.eigh(inner)
    leading = vectors[:, ::-1][:, :axes]
    leading = leading * np.where(leading.sum(axis=0) < 0.0, -1.0, 1.0)
    ranks = leading.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    result: Array = (ranks + 0.5) / len(texts)
    result.setflags(write=False)
    return result
