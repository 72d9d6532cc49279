"""From numbers to places on paper: scales, ticks that people would choose, and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight or logarithmic map from [low, high] to [start, end]."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Where `value` is drawn; values outside are drawn at the nearest end."""
        value = min(max(value, self.low), self.high)
        if self.high == self.low:
            return (self.start + self.end) / 2
        if self.logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            part = (math.log(value) - low) / (high - low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round numbers within the scale, about `wanted` of them."""
        return log_ticks(self.low, self.high) if self.logarithmic else ticks(self.low, self.high, wanted)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between `low` and `high`.

    >>> ticks(0, 200), ticks(0.42, 0.58, 4)
    ([0.0, 50.0, 100.0, 150.0, 200.0], [0.45, 0.5, 0.55])
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(i * step, digits) + 0.0 for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between `low` and `high`, with 2 and 5 between them where there are few.

    >>> log_ticks(1, 1000), log_ticks(1, 30)
    ([1.0, 10.0, 100.0, 1000.0], [1.0, 2.0, 5.0, 10.0, 20.0])
    """
    if not 0 < low < high:
        return []
    decades = math.log10(high) - math.log10(low)
    factors = (1, 2, 5) if decades < 2.2 else (1,)
    stride = max(1, round(decades / 5))
    found = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, stride):
        found += [factor * 10.0**power for factor in factors]
    return [float(f"{tick:.6g}") for tick in found if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]


def padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """A range with some room at both ends, and never without width."""
    room = (high - low) * share or abs(high) * share or share
    return low - room, high + room


def labels(values: Sequence[float], money: bool = False) -> list[str]:
    """Ticks as they are written: all with the same, least number of decimals.

    >>> labels([0.0, 0.25, 0.5]), labels([0.0, 5000.0]), labels([0.05, 0.1], money=True)
    (['0', '0.25', '0.50'], ['0', '5,000'], ['$0.05', '$0.10'])
    """
    decimals = 0
    spaced = _straight(values)
    for value in values if spaced else ():
        while decimals < 9 and abs(value - round(value, decimals)) > 1e-9 * max(abs(value), 1e-9):
            decimals += 1
    if money and decimals == 1:
        decimals = 2
    found = []
    for value in values:
        text = f"{abs(value):,.{decimals}f}" if spaced else short(abs(value))
        if value == 0:
            text = "0"
        found.append(f"{MINUS if value < 0 else ''}{'$' if money else ''}{text}")
    return found


def _straight(values: Sequence[float]) -> bool:
    """Whether values are evenly spaced; logarithmic ticks are not, and are written one by one."""
    if len(values) < 3:
        return max((abs(v) for v in values), default=0) <= 20 * min((abs(v) for v in values if v), default=1)
    steps = [b - a for a, b in pairwise(values)]
    return max(steps) - min(steps) <= 1e-6 * max(abs(step) for step in steps)


def short(value: float) -> str:
    """A positive number of any size in few characters.

    >>> [short(v) for v in (0, 0.00024, 0.5, 3.14159, 42, 1234, 20000, 3.2e6)]
    ['0', '0.00024', '0.5', '3.14', '42', '1,234', '20,000', '3.2M']
    """
    if value < 0:
        return MINUS + short(-value)
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if value >= 9.995e5:
        for size, unit in ((1e9, "G"), (1e6, "M")):
            if value >= size * 0.9995:
                return f"{value / size:.3g}{unit}"
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 1:
        return f"{value:.3g}"
    return f"{value:.3g}" if value >= 1e-4 else f"{value:.2e}".replace("e-0", "e-")


def signed(value: float, decimals: int = 3) -> str:
    """A difference with its sign, a real minus.

    >>> signed(0.0123), signed(-0.5, 2), signed(0.0)
    ('+0.012', '\N{MINUS SIGN}0.50', '0.000')
    """
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def fixed(value: float, decimals: int = 3) -> str:
    """A number with so many decimals and a real minus; a dash for what is not known."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    text = f"{abs(value):.{decimals}f}"
    return text if value >= 0 or float(text) == 0 else MINUS + text


def percent(share: float, decimals: int = 0) -> str:
    """A share in per cent, with a space that does not break; a dash for what is not known.

    >>> percent(0.256), percent(float("nan"))
    ('26\\xa0%', '\N{EN DASH}')
    """
    text = fixed(100 * share, decimals)
    return f"{text}\N{NO-BREAK SPACE}%" if math.isfinite(share) else text


def p_value(p: float) -> str:
    """A p-value as journals print it.

    >>> p_value(0.00004), p_value(0.0412), p_value(1.0)
    ('< 0.001', '0.041', '1')
    """
    return "< 0.001" if p < 0.001 else "1" if p > 0.9995 else f"{p:.3f}"


_WIDE, _NARROW = "mwMW@%&", "ijltfrI.,:;'|!()[] "


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif face of this size, rather too wide than too narrow.

    >>> round(text_width("illicit", 10)) < round(text_width("mammoth", 10))
    True
    """
    units = 0.0
    for sign in text:
        if sign in _WIDE:
            units += 0.87
        elif sign in _NARROW:
            units += 0.33
        elif sign.isupper():
            units += 0.69
        elif ord(sign) > 0x2E80:
            units += 1.0
        else:
            units += 0.56
    return units * size


def fitted(text: str, size: float, room: float) -> str:
    """The text, cut with an ellipsis where it does not fit into `room`."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels: as near as possible to the wanted ones, at least `gap` apart, in the same order.

    Neighbours that would overlap are moved together as a block around their mean. Where
    there is no room for all, they share it evenly.

    >>> spread([10, 11, 50], 8, 0, 100)
    [6.5, 14.5, 50.0]
    """
    count = len(places)
    if count == 0:
        return []
    gap = min(gap, (high - low) / max(count - 1, 1))
    order = sorted(range(count), key=lambda i: places[i])
    blocks: list[tuple[float, list[int]]] = []  # centre, members from low to high
    for i in order:
        centre, members = min(max(float(places[i]), low), high), [i]
        while blocks:
            before, others = blocks[-1]
            if before + gap * (len(others) - 1) / 2 + gap <= centre - gap * (len(members) - 1) / 2 + 1e-12:
                break
            blocks.pop()
            members = others + members
            centre = sum(places[j] for j in members) / len(members)
            half = gap * (len(members) - 1) / 2
            centre = min(max(centre, low + half), high - half)
        blocks.append((centre, members))
    found = [0.0] * count
    for centre, members in blocks:
        for place, i in enumerate(members):
            found[i] = centre + gap * (place - (len(members) - 1) / 2)
    return found
