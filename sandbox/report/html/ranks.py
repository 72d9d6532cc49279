"""The critical-difference diagram: mean ranks on a line, bars over agents that are not told apart."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.report.html.drawing import LARGE, line, mark, sheet, text
from sandbox.report.html.markup import Content, Markup, element
from sandbox.report.html.scales import Scale, fitted, fixed, text_width

_WIDTH = 460.0


def rank_diagram(
    names: Sequence[tuple[int, str]],
    ranks: Sequence[float],
    groups: Sequence[Sequence[int]],
    what: str,
    distance: float | None = None,
) -> Markup:
    """The diagram of Demšar (2006, figure 1), the best at the left.

    Args:
        names: number and name of each agent, at least two.
        ranks: its mean rank, 1 the best.
        groups: places in `names` of agents that are not told apart, by their ranks neighbours.
        what: the diagram in one sentence, for those who hear it.
        distance: a critical difference to draw as a measure, if one holds for all pairs.
    """
    order = sorted(range(len(names)), key=lambda i: (ranks[i], i))
    count = len(order)
    room = min(max(text_width(name, LARGE) for _, name in names) + 48, 176.0)
    scale = Scale(1.0, float(count), room, _WIDTH - room)
    top = 44.0 if distance else 26.0
    parts: list[Content] = []
    if distance:
        parts += _measure(scale, distance)
    parts.append(line(scale.start, top, scale.end, top, "axis"))
    stride = -(-count // 12)
    for rank in range(1, count + 1, stride):
        parts.append(line(scale(rank), top - 5, scale(rank), top, "axis"))
        parts.append(text(scale(rank), top - 9, str(rank), "tick", "middle"))
    bars, rows = _bars(groups, ranks)
    half = (count + 1) // 2
    first = top + 16 + 7.0 * rows
    for place, i in enumerate(order):
        left = place < half
        row = place if left else count - 1 - place
        y, x = first + row * 17.0, scale(ranks[i])
        number, name = names[i]
        end = room - 8 if left else _WIDTH - room + 8
        label = fitted(name, LARGE, room - 44)
        own: list[Content] = [line(x, top, x, y, "stem"), line(x, y, end, y, "stem")]
        own.append(mark(x, top, number, 3.4))
        own.append(text(end - 4 if left else end + 4, y + 3.8, fixed(ranks[i], 2), "tick", _side(left)))
        edge = end - 30 if left else end + 30
        own.append(text(edge - 3 if left else edge + 3, y + 3.8, label, "name", _side(left)))
        parts.append(element("g", *own, data_agent=str(number)))
    for row, (low, high) in bars:
        y = top + 9 + 7.0 * row
        parts.append(line(scale(low) - 4, y, scale(high) + 4, y, "tie"))
    return sheet(_WIDTH, first + 17.0 * half + 2, what, *parts)


def _side(left: bool) -> str:
    return "end" if left else "start"


def _measure(scale: Scale, distance: float) -> list[Content]:
    end = scale.start + (scale.end - scale.start) * distance / (scale.high - scale.low or 1.0)
    return [
        line(scale.start, 10, end, 10, "axis"),
        *(line(x, 6, x, 14, "axis") for x in (scale.start, end)),
        text(end + 6, 13.8, f"critical difference {distance:.2f}", "tick"),
    ]


def _bars(
    groups: Sequence[Sequence[int]], ranks: Sequence[float]
) -> tuple[list[tuple[int, tuple[float, float]]], int]:
    """Each group's row and ends, so that bars in one row do not touch; and how many rows there are."""
    ends = sorted(
        (min(ranks[i] for i in group), max(ranks[i] for i in group)) for group in groups if len(group) > 1
    )
    free: list[float] = []
    placed = []
    for low, high in ends:
        row = next((r for r, end in enumerate(free) if end < low - 0.12), len(free))
        if row == len(free):
            free.append(high)
        free[row] = high
        placed.append((row, (low, high)))
    return placed, len(free)
