"""The numbers that the Prompt-MII paper prints, for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SHOTS = (5, 10, 20, 50, 100)


class Line(NamedTuple):
    """One method with one follower."""

    f1: tuple[float | None, ...]
    """Mean macro-F1 over 90 held-out datasets, by `SHOTS`."""
    tokens: str
    """Of the prompt, at the fewest and the most shots."""
    texts: str
    """Written for one task."""
    rows: str
    """Labelled for one task while searching."""


PUBLISHED: Mapping[str, Mapping[str, Line]] = {
    "Llama-3.1-8B": {
        "naive": Line((0.253,) * 5, "531", "0", "0"),
        "icl": Line((0.347, 0.385, 0.406, 0.424, 0.430), "2,451-11,531", "0", "0"),
        "prompt-mii-zero": Line((0.316, 0.329, 0.343, 0.354, 0.336), "~710", "1", "0"),
        "prompt-mii": Line((0.388, 0.415, 0.433, 0.416, 0.405), "873-965", "1", "0"),
        "ape": Line((None, None, None, 0.278, 0.288), "-", "90", "~2,000"),
        "gepa": Line((None, None, None, 0.296, 0.299), "-", "-", "150+"),
    },
    "Qwen2.5-7B": {
        "naive": Line((0.303,) * 5, "609", "0", "0"),
        "icl": Line((0.363, 0.403, 0.431, 0.463, 0.482), "2,597-12,027", "0", "0"),
        "prompt-mii-zero": Line((0.369, 0.390, 0.383, 0.387, 0.371), "~1,540", "1", "0"),
        "prompt-mii": Line((0.409, 0.434, 0.441, 0.432, 0.424), "1,523-1,807", "1", "0"),
        "ape": Line((None, None, None, 0.358, 0.356), "-", "90", "~2,000"),
        "gepa": Line((None, None, None, 0.346, 0.347), "-", "-", "150+"),
    },
}
"""Xiao et al. (2025), "Prompt-MII", tables 1, 2 and 5: follower -> method -> line."""
