"""Line charts: anytime curves with bands, distributions of runtimes, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.report.html.drawing import (
    LARGE,
    Axis,
    dash,
    frame,
    line,
    mark,
    path,
    sheet,
    simplified,
    stepped,
    style,
    text,
)
from sandbox.report.html.markup import Content, Markup, element
from sandbox.report.html.scales import Scale, fitted, spread, text_width

WIDTH, HEIGHT = 460.0, 280.0
_LEFT, _TOP, _BOTTOM = 46.0, 26.0, 42.0
_MOST_LABELS = 16
"""At the ends of lines; the others are in the legend beside the figure."""


@dataclass(frozen=True, slots=True)
class Line:
    """One agent's line."""

    agent: int
    """Its number, which gives colour, pattern and mark."""
    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    """Of the band; empty for none."""
    high: Sequence[float] = ()
    steps: bool = False
    """Whether it jumps at each x, or goes straight from one to the next."""


@dataclass(frozen=True, slots=True)
class Span:
    """What an axis shows: its title, and from where to where."""

    label: str
    low: float
    high: float
    logarithmic: bool = False
    money: bool = False
    percent: bool = False


def line_chart(lines: Sequence[Line], x: Span, y: Span, what: str, levels: Sequence[float] = ()) -> Markup:
    """The chart, with names at the right ends of the lines.

    Args:
        lines: in the order of drawing; the first ones end up on top.
        x: the horizontal axis.
        y: the vertical one.
        what: the chart in one sentence, for those who hear it.
        levels: heights at which a dashed line is drawn across.
    """
    room = max([text_width(one.name, LARGE) for one in lines[:_MOST_LABELS]], default=0.0)
    right = WIDTH - min(room, 118.0) - 18
    across = Axis(x.label, Scale(x.low, x.high, _LEFT, right, x.logarithmic), x.money, x.percent)
    up = Axis(y.label, Scale(y.low, y.high, HEIGHT - _BOTTOM, _TOP), y.money, y.percent)
    parts: list[Content] = [frame(across, up)]
    parts += [line(_LEFT, up.scale(level), right, up.scale(level), "level") for level in levels]
    for one in reversed(lines):
        if len(one.low):
            parts.append(_band(one, across, up))
    for one in reversed(lines):
        corners = _corners(one.x, one.y, one.steps, across, up)
        parts.append(
            element(
                "path", d=path(corners), class_=f"line {style(one.agent)}", stroke_dasharray=dash(one.agent),
                data_agent=str(one.agent),
            )
        )  # fmt: skip
    parts.append(_names(lines[:_MOST_LABELS], up, right))
    return sheet(
        WIDTH,
        HEIGHT,
        what,
        *parts,
        data_plot=f"{_LEFT:g} {right:.2f} {_TOP:g} {HEIGHT - _BOTTOM:g}",
        data_x=f"{x.low:.10g} {x.high:.10g} {int(x.logarithmic)}",
        data_y=f"{y.low:.10g} {y.high:.10g}",
        data_units=f"{'$' if x.money else ''}|{'%' if x.percent else ''}|{'%' if y.percent else ''}",
        data_label=x.label,
    )


def _corners(
    xs: Sequence[float], ys: Sequence[float], steps: bool, across: Axis, up: Axis
) -> list[tuple[float, float]]:
    points = [(across.scale(float(a)), up.scale(float(b))) for a, b in zip(xs, ys, strict=True)]
    return stepped(points, across.scale.end) if steps else simplified(points)


def _band(one: Line, across: Axis, up: Axis) -> Content:
    """The area between low and high; nothing where the spread is unknown."""
    if any(value != value for value in (*one.low, *one.high)):
        return None
    above = _corners(one.x, one.high, one.steps, across, up)
    below = _corners(one.x, one.low, one.steps, across, up)
    return element(
        "path", d=path([*above, *reversed(below)], closed=True), class_=f"band {style(one.agent)}",
        data_agent=str(one.agent),
    )  # fmt: skip


def _names(lines: Sequence[Line], up: Axis, right: float) -> Markup:
    ends = [up.scale(float(one.y[-1])) for one in lines]
    places = spread(ends, LARGE, _TOP, HEIGHT - _BOTTOM)
    parts: list[Content] = []
    for one, end, place in zip(lines, ends, places, strict=True):
        name = fitted(one.name, LARGE, WIDTH - right - 16)
        label: list[Content] = []
        if abs(place - end) > 3:
            label.append(line(right + 1, end, right + 6, place, f"lead {style(one.agent)}"))
        label.append(mark(right + 9, place, one.agent, 2.8))
        label.append(text(right + 15, place + 3.8, name, "name"))
        parts.append(element("g", *label, data_agent=str(one.agent)))
    return element("g", *parts, class_="names")


_SMALL = 212.0, 132.0


def small_chart(lines: Sequence[Line], title: str, x: Span, y: Span, levels: Sequence[float] = ()) -> Markup:
    """One of many small panels: no names, few ticks."""
    width, height = _SMALL
    left, top, bottom = 34.0, 22.0, 20.0
    across = Axis("", Scale(x.low, x.high, left, width - 18, x.logarithmic), x.money, x.percent, 2)
    up = Axis("", Scale(y.low, y.high, height - bottom, top), y.money, y.percent, 3)
    parts: list[Content] = [frame(across, up, y_title=False)]
    parts.append(text(2, 12, fitted(title, 15.5, width - 2), "panel"))
    parts += [line(left, up.scale(level), width - 18, up.scale(level), "level") for level in levels]
    for one in reversed(lines):
        corners = _corners(one.x, one.y, one.steps, across, up)
        parts.append(
            element(
                "path", d=path(corners), class_=f"line {style(one.agent)}", stroke_dasharray=dash(one.agent),
                data_agent=str(one.agent),
            )
        )  # fmt: skip
    return sheet(width, height, f"Curves on {title}", *parts)
