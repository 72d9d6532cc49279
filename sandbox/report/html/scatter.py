"""Score against cost: one mark an agent, with both intervals, and the front that nobody dominates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.report.html.drawing import LARGE, Axis, frame, line, mark, path, sheet, style, text
from sandbox.report.html.lines import HEIGHT, WIDTH, Span
from sandbox.report.html.markup import Content, Markup, element
from sandbox.report.html.scales import Scale, fitted, fixed, padded, percent, short, spread, text_width
from sandbox.statistics import Estimate

_LEFT, _TOP, _BOTTOM = 46.0, 26.0, 42.0


@dataclass(frozen=True, slots=True)
class Spot:
    """One agent's place."""

    agent: int
    name: str
    cost: Estimate
    score: Estimate
    front: float | None = None
    """None where somebody is at least as good for less; else in which share of replicates nobody is."""


def scatter(spots: Sequence[Spot], x: str, y: str, money: bool, what: str) -> Markup:
    """The chart; names stand to the right of it, in the order of scores.

    Args:
        spots: at least one.
        x: title of the cost axis, which is logarithmic where costs differ more than tenfold.
        y: title of the score axis.
        money: whether costs are dollars.
        what: the chart in one sentence, for those who hear it.
    """
    costs = _ends([spot.cost for spot in spots])
    logarithmic = min(costs) > 0 and max(costs) > 10 * min(costs)
    low, high = padded(min(costs), max(costs), 0.06)
    if logarithmic:
        low, high = max(min(costs) / 1.25, max(costs) / 1e6), max(costs) * 1.25
    elif min(costs) >= 0 and (low < 0 or min(costs) < 0.6 * max(costs)):
        low = 0.0
    bottom, top = padded(*_range([spot.score for spot in spots]), 0.06)
    room = max(text_width(spot.name, LARGE) for spot in spots)
    right = WIDTH - min(room, 118.0) - 24
    span = Span(x + (", logarithmic" if logarithmic else ""), low, high, logarithmic, money)
    across = Axis(span.label, Scale(low, high, _LEFT, right, logarithmic), money)
    up = Axis(y, Scale(bottom, top, HEIGHT - _BOTTOM, _TOP))
    parts: list[Content] = [frame(across, up), _front(spots, across, up)]
    middles = [up.scale(spot.score.value) for spot in spots]
    places = spread(middles, LARGE, _TOP, HEIGHT - _BOTTOM)
    for spot, middle, place in zip(spots, middles, places, strict=True):
        at = across.scale(spot.cost.value)
        own: list[Content] = [line(at + 5, middle, right + 4, place, "lead faint")]
        if math.isfinite(spot.cost.low):
            ends = across.scale(spot.cost.low), across.scale(spot.cost.high)
            own.append(line(ends[0], middle, ends[1], middle, f"whisker thin {style(spot.agent)}"))
        if math.isfinite(spot.score.low):
            reach = up.scale(spot.score.low), up.scale(spot.score.high)
            own.append(line(at, reach[0], at, reach[1], f"whisker thin {style(spot.agent)}"))
        own.append(mark(at, middle, spot.agent, 4.4))
        own.append(mark(right + 11, place, spot.agent, 2.8))
        own.append(text(right + 18, place + 3.8, fitted(spot.name, LARGE, WIDTH - right - 18), "name"))
        parts.append(element("g", *own, data_agent=str(spot.agent), data_tip=_tip(spot, money)))
    return sheet(WIDTH, HEIGHT, what, *parts)


def _tip(spot: Spot, money: bool) -> str:
    text = f"{spot.name}: score {fixed(spot.score.value)} for {'$' if money else ''}{short(spot.cost.value)}"
    if spot.front is None:
        return f"{text}; somebody is at least as good for less"
    return (
        text
        + "; on the front"
        + ("" if math.isnan(spot.front) else f" in {percent(spot.front)} of resamples")
    )


def _front(spots: Sequence[Spot], across: Axis, up: Axis) -> Content:
    """A staircase through those that nobody dominates."""
    best = sorted((spot for spot in spots if spot.front is not None), key=lambda spot: spot.cost.value)
    if len(best) < 1:
        return None
    corners = [(across.scale(best[0].cost.value), up.scale.start)]
    height = up.scale.start
    for spot in best:
        place = across.scale(spot.cost.value), up.scale(spot.score.value)
        corners += [(place[0], height), place]
        height = place[1]
    corners.append((across.scale.end, height))
    return element("path", d=path(corners), class_="front")


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    ends = [end for e in estimates for end in (e.low, e.value, e.high) if math.isfinite(end)]
    return ends or [0.0, 1.0]


def _range(estimates: Sequence[Estimate]) -> tuple[float, float]:
    ends = _ends(estimates)
    return min(ends), max(ends)
