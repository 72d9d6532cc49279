"""Soft prompts as the arms of a bandit: their hidden states at once, what they say when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.soft_prompts import PREFIX, Array, Floats, SoftPrompts, first_sentence, sobol, soft_prompts, tidy

_CHUNK = 256
"""Soft prompts that are lifted to token embeddings at once."""


class SoftArms:
    """Points of a Sobol sequence, the hidden states after them, and the texts that were decoded so far."""

    __slots__ = ("_box", "_context", "_lift", "_points", "_said", "_seed", "_tokens", "round")

    def __init__(
        self,
        box: Any,
        context: str,
        count: int,
        dimensions: int,
        tokens: int,
        rng: np.random.Generator,
        low: float = -1.0,
        max_tokens: int = 64,
    ) -> None:
        """Draws the points and the map to soft prompts; nothing is decoded.

        Args:
            box: the white box.
            context: what it reads after every soft prompt.
            count: N.
            dimensions: d of a point in [low, 1]^d.
            tokens: m, token embeddings in a soft prompt.
            rng: draws the map, the points and a seed for samples.
            low: the points' smallest coordinate.
            max_tokens: in a decoded text.
        """
        self._box, self._tokens = box, max_tokens
        self._context = within(box, context, tokens + max_tokens)
        self._lift: SoftPrompts = soft_prompts(dimensions, tokens, box.width, rng)
        self._points: Array = sobol(count, dimensions, rng, low)
        self._seed = int(rng.integers(2**31))
        self._said: dict[int, str] = {}
        self.round = 0
        """0 decodes greedily; every later one samples, so that arms may say something new."""

    def __len__(self) -> int:
        return len(self._points)

    def features(self) -> Floats:
        """The last hidden state after each arm's soft prompt and the context, shape (N, hidden width).

        Raises:
            BudgetExhausted: if the budget of the white box does not cover it.
        """
        found = [
            self._box.hidden(self._context, soft=self._lift.lift(self._points[start : start + _CHUNK]))
            for start in range(0, len(self), _CHUNK)
        ]
        return np.concatenate(found).astype(np.float32, copy=False)

    def say(self, arms: Sequence[int]) -> list[str]:
        """What the white box writes after each arm in this round; no arm is decoded twice.

        Raises:
            BudgetExhausted: if the budget of the white box does not cover it.
        """
        new = [arm for arm in dict.fromkeys(arms) if arm not in self._said]
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            soft = self._lift.lift(self._points[chunk])
            sampled: dict[str, Any] = {}
            if self.round:
                sampled = {"temperature": 1.0, "seed": self._seed + self.round}
            texts = self._box.decode(soft, self._context, max_tokens=self._tokens, **sampled)
            self._said.update(zip(chunk, texts, strict=True))
        return [self._said[arm] for arm in arms]

    @property
    def said(self) -> int:
        """How many arms were decoded in this round."""
        return len(self._said)

    def next_round(self) -> None:
        """From now on `say` samples anew."""
        self.round += 1
        self._said.clear()


def within(box: Any, text: str, spare: int) -> str:
    """The end of a text that the white box can read with `spare` more tokens; all of it, where that fits."""
    room = box.positions
    while room is not None and text and box.count(text) + spare > room:
        text = text[-(-len(text) // 8) :]
    return text


def published(text: str) -> str:
    """A decoded text as INSTINCT sends it to the black box: with its prefix, and no second sentence."""
    return first_sentence(f"{PREFIX} {text.strip()}".split("Comment:")[0])


def imperative(text: str) -> str:
    """An instruction as one would give it: "The instruction was to write" becomes "Write"; may be empty."""
    plain = tidy(text)
    if plain.lower().startswith(PREFIX.lower()):
        plain = plain[len(PREFIX) :].lstrip(" :?").strip()
    return plain[:1].upper() + plain[1:]
