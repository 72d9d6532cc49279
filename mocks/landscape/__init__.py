"""Synthetic score oracles over text, pools and boxes, with known optimum and controllable difficulty."""

from __future__ import annotations

from collections.abc import Callable

from mocks.landscape.box import LowDimensionalBox
from mocks.landscape.classic import ClassicFunction
from mocks.landscape.pool import AdditivePool, NKPool, PlateauPool, TrapPool
from mocks.landscape.text import AdditiveText, NKText, PlateauText, TrapText
from mocks.oracle import Oracle

ORACLES: dict[str, Callable[..., Oracle]] = {
    "additive-text": AdditiveText,
    "nk-text": NKText,
    "plateau-text": PlateauText,
    "trap-text": TrapText,
    "additive-pool": AdditivePool,
    "nk-pool": NKPool,
    "plateau-pool": PlateauPool,
    "trap-pool": TrapPool,
    "low-dimensional-box": LowDimensionalBox,
    "classic": ClassicFunction,
}
"""Name -> class; parameters are keywords, each with a default. A new oracle is one more line here."""

__all__ = [
    "ORACLES",
    "AdditivePool",
    "AdditiveText",
    "ClassicFunction",
    "LowDimensionalBox",
    "NKPool",
    "NKText",
    "PlateauPool",
    "PlateauText",
    "TrapPool",
    "TrapText",
]
