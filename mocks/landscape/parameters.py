"""What the synthetic oracles share: checked parameters, and pickling by their parameters alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Any


class Rebuilt:
    """Base of a frozen dataclass whose caches are not pickled: a copy is constructed anew."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        parameters = {f.name: getattr(self, f.name) for f in fields(self) if f.init}  # type: ignore[arg-type]
        return _rebuild, (type(self), parameters)


def _rebuild(cls: type[Any], parameters: dict[str, Any]) -> Any:
    return cls(**parameters)


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse anything but a whole number with `low <= value <= high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be a whole number from {low} to {high}")


def check_real(name: str, value: object, low: float, high: float) -> None:
    """Refuse anything but a number with `low <= value <= high`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be a number from {low} to {high}")


def check_seed(value: object) -> None:
    """Refuse anything but a whole number; any sign and size will do."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"seed={value!r} must be a whole number")


def check_block(block: object, cues: int, low: int) -> None:
    """Refuse a block size that is below `low` or does not divide `cues`."""
    valid = [size for size in range(low, cues + 1) if cues % size == 0]
    if isinstance(block, bool) or block not in valid:
        raise ValueError(f"block={block!r} must divide cues={cues}: one of {valid}")


def check_range(floor: object, ceiling: object) -> None:
    """Refuse bounds of the truth that are not `0 <= floor < ceiling <= 1`."""
    check_real("floor", floor, 0.0, 1.0)
    check_real("ceiling", ceiling, 0.0, 1.0)
    if not floor < ceiling:  # type: ignore[operator]
        raise ValueError(f"floor={floor} must be below ceiling={ceiling}")
