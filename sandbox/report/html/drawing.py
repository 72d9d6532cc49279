"""The parts that all figures are made of: a sheet of SVG, axes, paths, and marks that stand for agents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandbox.report.html.markup import Content, Markup, element, join, number
from sandbox.report.html.scales import Scale, labels, text_width

COLOURS = 8
"""Classes k0 to k7 of the style sheet: Okabe and Ito's palette, adapted to a light and to a dark page."""
DASHES = ("", "7 3", "2 2.4", "9 3 2 3")
TEXT = 11.0
"""Size of the labels, in units of the sheet; the style sheet has the same number."""
LARGE = 12.5
"""The same on a narrow screen, where figures are small: labels have room for it."""
_TOLERANCE = 0.12
"""How far a simplified line may be from the exact one; a hundredth of a label's height."""


def style(agent: int) -> str:
    """The class that colours what belongs to the agent with this number."""
    return f"k{agent % COLOURS}"


def dash(agent: int) -> str | None:
    """The pattern of the agent's lines, so that no two of the first 32 share colour and pattern."""
    return DASHES[(agent + agent // COLOURS) % len(DASHES)] or None


@dataclass(frozen=True, slots=True)
class Axis:
    """What a direction means."""

    label: str
    scale: Scale
    money: bool = False
    percent: bool = False
    wanted: int = 5
    """About how many ticks."""

    def ticks(self) -> list[tuple[float, str]]:
        """Where ticks stand, in units of the sheet, and what is written there."""
        values = self.scale.ticks(self.wanted)
        if self.percent:
            written = [text + " %" for text in labels([100 * value for value in values])]
        else:
            written = labels(values, self.money)
        return [(self.scale(value), text) for value, text in zip(values, written, strict=True)]


def sheet(width: float, height: float, what: str, *content: Content, **data: str) -> Markup:
    """An SVG picture that scales with its column; `what` is read aloud in its place."""
    return element(
        "svg",
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=what,
        class_="figure",
        **data,
    )


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "", **more: str) -> Markup:
    """A label; `kind` are classes of the style sheet."""
    return element("text", content, x=x, y=y, class_=kind or None, text_anchor=anchor or None, **more)


def line(x1: float, y1: float, x2: float, y2: float, kind: str, **more: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind, **more)


def frame(x: Axis, y: Axis, y_title: bool = True) -> Markup:
    """Axes with grid lines, ticks and titles; no box."""
    left, right = x.scale.start, x.scale.end
    bottom, top = y.scale.start, y.scale.end
    parts: list[Content] = []
    for place, written in y.ticks():
        parts.append(line(left, place, right, place, "grid"))
        parts.append(text(left - 6, place + 3.8, written, "tick", "end"))
    free = -math.inf
    for place, written in x.ticks():
        half = text_width(written, LARGE) / 2
        parts.append(line(place, bottom, place, bottom + 4, "axis"))
        if place - half >= free:
            parts.append(text(place, bottom + 16, written, "tick", "middle"))
            free = place + half + 4
    parts.append(line(left, bottom, right, bottom, "axis"))
    if x.label:
        parts.append(text((left + right) / 2, bottom + 33, x.label, "title", "middle"))
    if y_title:
        parts.append(text(2, top - 12, y.label, "title"))
    return element("g", *parts, class_="frame", aria_hidden="true")


def simplified(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those that the line through the others passes anyway (Douglas and Peucker)."""
    if len(points) < 3:
        return list(points)
    keep = {0, len(points) - 1}
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        (x1, y1), (x2, y2) = points[first], points[last]
        dx, dy = x2 - x1, y2 - y1
        squared = dx * dx + dy * dy or 1.0
        worst, where = _TOLERANCE, 0
        for i in range(first + 1, last):
            x, y = points[i]
            along = min(max(((x - x1) * dx + (y - y1) * dy) / squared, 0.0), 1.0)
            distance = math.hypot(x1 + along * dx - x, y1 + along * dy - y)
            if distance > worst:
                worst, where = distance, i
        if where:
            keep.add(where)
            stack += [(first, where), (where, last)]
    return [points[i] for i in sorted(keep)]


def stepped(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """The corners of a right-continuous step function that goes on to `end`; tiny steps are merged."""
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if corners and x - corners[-1][0] < 0.4 and len(corners) > 1:
            corners[-1] = (corners[-1][0], y)
            continue
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    if corners:
        corners.append((max(end, corners[-1][0]), corners[-1][1]))
    return corners


def path(points: Iterable[tuple[float, float]], closed: bool = False) -> str:
    """The `d` of a polyline, with H and V where they are shorter."""
    parts: list[str] = []
    before: tuple[str, str] | None = None
    for x, y in points:
        here = number(x), number(y)
        if before is None:
            parts.append(f"M{here[0]} {here[1]}")
        elif here == before:
            continue
        elif here[1] == before[1]:
            parts.append(f"H{here[0]}")
        elif here[0] == before[0]:
            parts.append(f"V{here[1]}")
        else:
            parts.append(f"L{here[0]} {here[1]}")
        before = here
    return "".join(parts) + ("Z" if closed else "")


def mark(x: float, y: float, agent: int, size: float = 3.6, **more: str) -> Markup:
    """The shape that stands for an agent besides its colour; hollow from the ninth on."""
    hollow = " hollow" if agent // COLOURS % 2 else ""
    kind, shape = f"mark {style(agent)}{hollow}", agent % 6
    if shape == 0:
        return element("circle", cx=x, cy=y, r=size, class_=kind, **more)
    corners = {
        1: [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2: [(0, -1.2), (1.15, 0.85), (-1.15, 0.85)],
        3: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        4: [(0, 1.2), (1.15, -0.85), (-1.15, -0.85)],
        5: [
            (-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4),
            (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4),
        ],
    }[shape]  # fmt: skip
    d = path(((x + size * dx, y + size * dy) for dx, dy in corners), closed=True)
    return element("path", d=d, class_=kind, **more)


def key(agent: int) -> Markup:
    """The mark by itself, to stand before a name in running text."""
    return element(
        "svg", mark(6, 6, agent, 4), viewBox="0 0 12 12", class_="key", aria_hidden="true", focusable="false"
    )


def legend(names: Iterable[tuple[int, str]]) -> Markup:
    """Marks and names in a row, where there is no room for labels at the lines."""
    items = [element("li", key(agent), name, data_agent=str(agent)) for agent, name in names]
    return element("ul", join(*items), class_="legend")
