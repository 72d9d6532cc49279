"""Writes the continuations of a batch of prompts token by token, with a cache of keys and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sandbox.streams import stream

if TYPE_CHECKING:
    import torch

_KEEP = 0.7
"""Share of rows that still write, below which the others are dropped from the cache: dropping copies it."""


@dataclass(frozen=True, slots=True)
class Style:
    """How continuations are written."""

    max_tokens: int = 64
    temperature: float = 0.0
    """0 takes the most probable token; above, tokens are drawn."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Texts at whose first appearance a continuation ends; they are not part of it."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens={self.max_tokens}: at least 1")
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature={self.temperature}: 0 for greedy, or a positive number")
        if not all(self.stop):
            raise ValueError(f"stop={self.stop}: an empty text would end everything at once")

    def dice(self, row: int) -> NDArray[np.float64] | None:
        """One uniform number a token, by seed and place in the whole batch; None for greedy."""
        if self.temperature == 0.0:
            return None
        return stream(self.seed, "whitebox", row).random(self.max_tokens)


@dataclass(frozen=True, slots=True)
class Reader:
    """A causal LM of transformers, and what there is to know about it."""

    model: Any
    ends: frozenset[int]
    """Tokens that end a text."""
    text: Callable[[Sequence[int]], str]
    """Token ids as text."""
    positioned: bool
    """Whether it takes position ids."""
    cached: str
    """The name under which it takes its cache; versions of transformers differ."""


def write(
    reader: Reader, embeddings: torch.Tensor, mask: torch.Tensor, style: Style, rows: Sequence[int]
) -> list[list[int]]:
    """The tokens that continue each prompt; the one that ends a text stands last, where there is one.

    Args:
        reader: who writes.
        embeddings: of the prompts, padded on the left, shape (B, L, H).
        mask: 1 where there is a token, shape (B, L).
        style: how to write.
        rows: the place of each prompt in the whole batch; it keys the draws.
    """
    import torch
    from transformers import DynamicCache

    device = embeddings.device
    many, length = mask.shape
    dice = [style.dice(row) for row in rows]
    drawn = None if dice[0] is None else torch.from_numpy(np.stack([d for d in dice if d is not None]))
    whole = torch.cat([mask, mask.new_ones(many, style.max_tokens)], dim=1)
    padded = not bool(mask.all())
    where = mask.sum(dim=1)  # of the next token
    alive = list(range(many))
    done: set[int] = set()
    written: list[list[int]] = [[] for _ in range(many)]
    more: dict[str, Any] = {"inputs_embeds": embeddings}
    if reader.positioned:
        more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
    cache: Any = DynamicCache(config=reader.model.config)
    steady: dict[str, Any] = {reader.cached: cache, "use_cache": True, "logits_to_keep": 1}
    more |= steady
    reach = max((len(text) for text in style.stop), default=0) + 8
    for step in range(style.max_tokens):
        if padded:
            more["attention_mask"] = whole[:, : length + step]
        logits = reader.model(**more).logits[:, -1]
        if drawn is None:
            chosen = logits.argmax(dim=-1)
        else:
            chosen = _draw(logits, style.temperature, drawn[alive, step].to(device))
        for row, token in zip(alive, chosen.tolist(), strict=True):
            if row in done:
                continue
            tokens = written[row]
            tokens.append(token)
            if token in reader.ends or (style.stop and _over(reader, tokens, style.stop, reach)):
                done.add(row)
        keep = [place for place, row in enumerate(alive) if row not in done]
        if not keep:
            break
        if len(keep) < _KEEP * len(alive):
            kept = torch.tensor(keep, device=device)
            cache.batch_select_indices(kept)
            whole, where, chosen = whole[kept], where[kept], chosen[kept]
            alive = [alive[place] for place in keep]
        more = {"input_ids": chosen[:, None], **steady}
        if reader.positioned:
            more["position_ids"] = where[:, None]
        where = where + 1
    return written


def _draw(logits: torch.Tensor, temperature: float, luck: torch.Tensor) -> torch.Tensor:
    """One token a row: where its uniform number falls in the cumulated probabilities, shape (B,)."""
    import torch

    chances = torch.softmax(logits.double() / temperature, dim=-1).cumsum(dim=-1)
    found = torch.searchsorted(chances, (luck * chances[:, -1])[:, None], right=True)[:, 0]
    return found.clamp(max=logits.shape[-1] - 1)


def _over(reader: Reader, tokens: Sequence[int], stops: Sequence[str], reach: int) -> bool:
    """Whether a stop is in the text; the last tokens come first, but may begin with half a letter."""
    if not any(stop in reader.text(tokens[-reach:]) for stop in stops):
        return False
    whole = reader.text(tokens)
    return any(stop in whole for stop in stops)


def cut(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first of `stops` in it."""
    return text[: min([text.find(stop) for stop in stops if stop in text], default=len(text))]
