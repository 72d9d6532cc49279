"""Resources that results are laid along: every currency, and all tokens together."""

from __future__ import annotations

from sandbox.budget import CURRENCIES, UNITS, Cost
from sandbox.errors import UsageError, nearest

TOKENS = "tokens"
"""Prompt and completion tokens."""
AXES = (*CURRENCIES, TOKENS)


def amount(cost: Cost, axis: str) -> float:
    """What a cost comes to on an axis, in the units that people write.

    >>> amount(Cost(prompt_tokens=7, completion_tokens=3, usd=10**12), "tokens")
    10.0
    """
    if axis == TOKENS:
        return float(cost.prompt_tokens + cost.completion_tokens)
    spent: int = getattr(cost, axis)
    return spent / UNITS[axis]


def check_axis(axis: str | None) -> None:
    """Refuse what is no axis.

    Raises:
        UsageError: naming the nearest one.
    """
    if axis is not None and axis not in AXES:
        raise UsageError(f"--axis {axis}: {nearest(axis, AXES)}")
