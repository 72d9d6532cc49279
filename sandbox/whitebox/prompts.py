"""What a white box reads: soft prompts before token ids, checked, counted and cut into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Token ids of B prompts, each behind its soft prompt where there are such."""

    ids: tuple[tuple[int, ...], ...]
    soft: Floats | None
    """Shape (B, m, H), or None."""
    own: tuple[tuple[bool, ...], ...]
    """Of each id: whether it belongs to the text that is pooled or scored."""

    def __post_init__(self) -> None:
        if not all(self.lengths):
            raise ValueError("an empty prompt, and the model has no token that begins texts")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ahead(self) -> int:
        """m, soft tokens before each prompt."""
        return 0 if self.soft is None else self.soft.shape[1]

    @property
    def lengths(self) -> list[int]:
        """Positions of each prompt, soft ones included."""
        ahead = self.ahead
        return [ahead + len(ids) for ids in self.ids]

    @property
    def tokens(self) -> int:
        """Positions of all prompts together."""
        return sum(self.lengths)


def checked_soft(soft: Floats | None, width: int) -> Floats | None:
    """Soft prompts as float32.

    Raises:
        ValueError: if they have another shape than (B, m, `width`), or hold what is no finite number.
    """
    if soft is None:
        return None
    found = np.asarray(soft, dtype=np.float32)
    if found.ndim != 3:
        raise ValueError(f"soft prompts of shape {found.shape}: (batch, tokens, {width}) is wanted")
    if found.shape[2] != width:
        raise ValueError(f"soft prompts of width {found.shape[2]}: this white box's embeddings have {width}")
    if not np.isfinite(found).all():
        raise ValueError("soft prompts with entries that are no finite numbers")
    return found


def spread(texts: str | Sequence[str], soft: Floats | None, what: str) -> list[str]:
    """One text a prompt: a single text stands for all.

    Raises:
        ValueError: if there are neither one text nor as many as soft prompts.
    """
    found = [texts] if isinstance(texts, str) else list(texts)
    if soft is None:
        return found
    if isinstance(texts, str):
        return found * len(soft)
    if len(found) != len(soft):
        raise ValueError(f"{len(found)} {what} for {len(soft)} soft prompts: one for all, or one each")
    return found


def batches(lengths: Sequence[int], most_rows: int, most_positions: int) -> Iterator[list[int]]:
    """Indices of prompts in batches, the longest first, so that little is padded.

    Args:
        lengths: of the prompts, with what will be written behind them.
        most_rows: in a batch.
        most_positions: in a batch, padding included; a prompt that alone has more is a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    while order:
        rows = max(min(most_rows, most_positions // max(lengths[order[0]], 1)), 1)
        yield order[:rows]
        order = order[rows:]
