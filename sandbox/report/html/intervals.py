"""Estimates with their intervals beside each other on one scale, a row each, to stand in a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sandbox.report.html.drawing import TEXT, line, mark, style, text
from sandbox.report.html.markup import Content, Markup, element, number
from sandbox.report.html.scales import Scale, labels, padded, text_width, ticks
from sandbox.statistics import Estimate

_WIDTH, _ROW = 230.0, 26.0


class Forest:
    """A common scale for the intervals of a table's rows."""

    def __init__(self, estimates: Sequence[Estimate], levels: Sequence[float] = ()) -> None:
        """Make room for all of these, and for `levels` that are marked in every row."""
        ends = [e.value for e in estimates] + list(levels)
        ends += [end for e in estimates for end in (e.low, e.high)]
        known = [end for end in ends if math.isfinite(end)] or [0.0, 1.0]
        low, high = padded(min(known), max(known), 0.04)
        self.scale = Scale(low, high, 8.0, _WIDTH - 8.0)
        self.levels = levels
        self._ticks = ticks(low, high, 4)

    def head(self) -> Markup:
        """The scale, to stand above the rows."""
        parts: list[Content] = []
        free = 0.0
        for tick, written in zip(self._ticks, labels(self._ticks), strict=True):
            half = 1.15 * text_width(written, TEXT) / 2
            place = min(max(self.scale(tick), half), _WIDTH - half)
            if place - half >= free:
                parts.append(text(place, 13, written, "tick", "middle"))
                free = place + half + 4
            parts.append(line(self.scale(tick), 18, self.scale(tick), 22, "axis"))
        return _strip(22.0, *parts)

    def row(self, estimate: Estimate, agent: int) -> Markup:
        """A mark at the value, a bar over the interval."""
        middle = _ROW / 2
        parts: list[Content] = [
            line(self.scale(tick), 0, self.scale(tick), _ROW, "grid") for tick in self._ticks
        ]
        parts += [line(self.scale(level), 0, self.scale(level), _ROW, "level") for level in self.levels]
        if math.isfinite(estimate.low) and math.isfinite(estimate.high):
            low, high = self.scale(estimate.low), self.scale(estimate.high)
            parts.append(line(low, middle, high, middle, f"whisker {style(agent)}"))
            parts += [line(end, middle - 4, end, middle + 4, f"cap {style(agent)}") for end in (low, high)]
        parts.append(mark(self.scale(estimate.value), middle, agent, 4.2))
        return _strip(_ROW, *parts)


def _strip(height: float, *parts: Content) -> Markup:
    box = f"0 0 {number(_WIDTH)} {number(height)}"
    return element("svg", *parts, viewBox=box, class_="strip", aria_hidden="true", focusable="false")
