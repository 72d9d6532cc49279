"""Where a budget went: one bar an agent, its parts beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.report.html.drawing import LARGE, Axis, line, mark, sheet, text
from sandbox.report.html.markup import Content, Markup, element
from sandbox.report.html.scales import Scale, fitted, short, text_width

_WIDTH, _ROW, _TOP, _BOTTOM = 340.0, 20.0, 8.0, 40.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One agent's parts."""

    agent: int
    name: str
    parts: Sequence[float]


def bars(rows: Sequence[Bar], parts: Sequence[str], label: str, money: bool, what: str) -> Markup:
    """Stacked bars that share one scale, their sums beside them.

    Args:
        rows: at least one.
        parts: what the parts are; each has its own hatching, class `part0`, `part1`, ...
        label: what is counted, under the axis.
        money: whether in dollars.
        what: the chart in one sentence, for those who hear it.
    """
    left = min(max(text_width(row.name, LARGE) for row in rows) + 22, 124.0)
    sums = [sum(row.parts) for row in rows]
    room = max(text_width(_sum(total, money), LARGE) for total in sums) + 10
    height = _TOP + _ROW * len(rows) + _BOTTOM
    floor = height - _BOTTOM
    across = Axis(label, Scale(0.0, max(sums) or 1.0, left, _WIDTH - room), money, wanted=3)
    body: list[Content] = []
    free = 0.0
    for place, written in across.ticks():
        body.append(line(place, _TOP, place, floor, "grid"))
        half = text_width(written, LARGE) / 2
        if place - half >= free:
            body.append(text(place, floor + 15, written, "tick", "middle"))
            free = place + half + 9
    body.append(text((left + _WIDTH - room) / 2, floor + 33, label, "title", "middle"))
    for i, (row, total) in enumerate(zip(rows, sums, strict=True)):
        top, at = _TOP + i * _ROW, left
        own: list[Content] = [mark(6, top + _ROW / 2, row.agent, 3.2)]
        own.append(text(15, top + _ROW / 2 + 3.8, fitted(row.name, LARGE, left - 20), "name"))
        for j, amount in enumerate(row.parts):
            end = left + (across.scale.end - left) * sum(row.parts[: j + 1]) / (across.scale.high or 1.0)
            if amount > 0:
                tip = f"{row.name}, {parts[j]}: {_sum(amount, money)}"
                own.append(
                    element(
                        "rect", x=at, y=top + 3.5, width=max(end - at, 0.4), height=_ROW - 7,
                        class_=f"part{j}", data_tip=tip,
                    )
                )  # fmt: skip
            at = end
        own.append(text(at + 5, top + _ROW / 2 + 3.8, _sum(total, money), "tick"))
        body.append(element("g", *own, data_agent=str(row.agent)))
    body.append(line(left, _TOP, left, floor, "axis"))
    return sheet(_WIDTH, height, what, *body)


def _sum(value: float, money: bool) -> str:
    return f"${short(value)}" if money else short(value)
