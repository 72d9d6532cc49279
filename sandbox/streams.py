"""Named random streams: who asks for what, not when, decides what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from operator import index
from statistics import NormalDist
from struct import Struct

import numpy as np

_STEP = 2.0**-52
normal_quantile: Callable[[float], float] = NormalDist().inv_cdf


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on `seed` and `names` alone, never on call order.

    >>> a = stream(1, "noise", "Be brief.", 0).normal()
    >>> _ = stream(1, "latency").normal()
    >>> a == stream(1, "noise", "Be brief.", 0).normal()
    True
    """
    digest = blake2b(_label(seed, names), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _label(seed: int, names: tuple[str | int, ...]) -> bytes:
    """Seed and names in one spelling: numpy's integers and texts must not open streams of their own."""
    plain = tuple([str(name) if isinstance(name, str) else int(index(name)) for name in names])
    return repr((int(index(seed)), plain)).encode()


class Uniforms:
    """A counter-based source: the same key always gets the same numbers.

    One hash call replaces the construction of a generator, which makes a draw some
    thirty times cheaper; simulated services draw several times a request.

    >>> latency = Uniforms(1, "latency")
    >>> latency(b"Be brief.") == latency(b"Be brief.")
    True
    """

    __slots__ = ("_start", "_words")

    def __init__(self, seed: int, *names: str | int, count: int = 2) -> None:
        """Give `count` numbers a key, 1 to 8 of them."""
        if not 1 <= count <= 8:
            raise ValueError(f"count={count}: one hash holds 1 to 8 numbers")
        state = blake2b(_label(seed, names), digest_size=8 * count)
        state.update(b"\0")
        self._start = state.copy
        self._words = Struct(f"<{count}Q").unpack

    def __call__(self, key: bytes) -> tuple[float, ...]:
        """Uniform numbers in the open interval (0, 1), each with 52 random bits."""
        state = self._start()
        state.update(key)
        # 52 bits and a half: with 53, the largest word would round to 1, which has no quantile.
        return tuple([((word >> 12) + 0.5) * _STEP for word in self._words(state.digest())])

    def one(self, key: bytes) -> float:
        """The number, where `count` is 1; half the time of a call."""
        state = self._start()
        state.update(key)
        (word,) = self._words(state.digest())
        return ((word >> 12) + 0.5) * _STEP  # type: ignore[no-any-return]

    def pair(self, key: bytes) -> tuple[float, float]:
        """Both numbers, where `count` is 2; half the time of a call."""
        state = self._start()
        state.update(key)
        first, second = self._words(state.digest())
        return ((first >> 12) + 0.5) * _STEP, ((second >> 12) + 0.5) * _STEP
