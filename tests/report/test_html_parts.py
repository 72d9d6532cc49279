"""The parts of a report: escaping, scales, places of labels, lines, diagrams."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from html import unescape
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from report_kit import Page

from sandbox.report.html import markup, scales, wording
from sandbox.report.html.drawing import DASHES, dash, mark, path, simplified, stepped, style
from sandbox.report.html.intervals import Forest
from sandbox.report.html.lines import Line, Span, line_chart
from sandbox.report.html.ranks import rank_diagram
from sandbox.report.html.scatter import Spot, scatter
from sandbox.statistics import Estimate

FINITE = st.floats(-1e9, 1e9)


@given(st.text())
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    safe = markup.escaped(text)
    assert not set("<>\"'") & set(safe)
    assert unescape(safe) == markup.plain(text)
    assert markup.plain(markup.plain(text)) == markup.plain(text)


@given(st.text(), st.text())
def test_text_can_neither_leave_its_element_nor_its_attribute(text: str, value: str) -> None:
    page = Page(str(markup.element("p", text, data_tip=value)))
    assert page.open == []
    assert len([t for t in page.texts if t]) <= 1


@pytest.mark.parametrize("name", ["on click", "x=y", "", "1a", "a>"])
def test_an_attribute_has_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        markup.element("p", **{name: "x"})


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_data_survives_its_block(data: object) -> None:
    block = markup.json_block("x", data)
    inside = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert not set("<>&\u2028\u2029") & set(inside)
    assert json.loads(inside) == data


@given(FINITE, FINITE, st.integers(2, 9))
def test_ticks_are_round_even_and_inside(low: float, high: float, wanted: int) -> None:
    assume(high - low > 1e-6 * max(abs(low), abs(high), 1e-9))
    found = scales.ticks(low, high, wanted)
    assert 1 <= len(found) <= 3 * wanted + 2
    room = 1e-6 * (high - low)
    assert all(low - room <= tick <= high + room for tick in found)
    steps = [b - a for a, b in pairwise(found)]
    assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in pairwise(steps))


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e6))
def test_logarithmic_ticks_rise_inside(low: float, factor: float) -> None:
    found = scales.log_ticks(low, low * factor)
    assert found == sorted(set(found))
    assert all(low * 0.999 <= tick <= low * factor * 1.001 for tick in found)


@given(st.lists(st.floats(0, 100), max_size=12), st.floats(1, 10))
def test_labels_keep_their_order_their_distance_and_the_sheet(places: list[float], gap: float) -> None:
    found = scales.spread(places, gap, 0, 100)
    gap = min(gap, 100 / max(len(places) - 1, 1))
    order = sorted(range(len(places)), key=lambda i: places[i])
    for i, j in pairwise(order):
        assert found[j] - found[i] >= gap - 1e-6
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in found)
    if all(b - a >= gap for a, b in pairwise(sorted(places))):
        assert found == pytest.approx(places)


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 200)), min_size=2, max_size=40))
def test_a_simplified_line_passes_all_points(points: list[tuple[float, float]]) -> None:
    points = sorted(points)
    kept = simplified(points)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    for x, y in points:
        assert min(_distance(x, y, a, b) for a, b in pairwise(kept)) < 0.2


def _distance(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    length = math.dist(a, b) ** 2
    t = 0.0 if length == 0 else ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
    t = min(max(t, 0.0), 1.0)
    return math.dist((x, y), (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))


def test_steps_jump_and_then_stay() -> None:
    assert stepped([(0, 5), (10, 3), (20, 1)], 30) == [(0, 5), (10, 5), (10, 3), (20, 3), (20, 1), (30, 1)]
    assert path([(0, 5), (10, 5), (10, 3.126)]) == "M0 5H10V3.13"


def test_no_two_of_32_agents_look_alike() -> None:
    assert len({(style(i), dash(i)) for i in range(32)}) == 32
    assert len({(style(i), i % 6, str(mark(0, 0, i))) for i in range(24)}) == 24
    assert len(DASHES) == 4


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=30), st.lists(st.floats(-2, 3), min_size=5, max_size=5)),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
)
def test_every_line_chart_is_well_formed(series: list[tuple[str, list[float]]], band: bool) -> None:
    grid = [1.0, 2.0, 5.0, 50.0, 100.0]
    lines = [
        Line(i, name, grid, y, [v - 0.1 for v in y] if band else [], [v + 0.1 for v in y] if band else [])
        for i, (name, y) in enumerate(series)
    ]
    chart = line_chart(lines, Span("x", 1.0, 100.0, True), Span("y", 0.0, 1.0, percent=True), "a chart")
    root = ET.fromstring(chart)
    drawn = [node for node in root.iter() if node.attrib.get("class", "").startswith("line ")]
    assert len(drawn) == len(series)


@given(st.lists(st.tuples(FINITE, st.floats(0, 1e3)), min_size=1, max_size=10))
def test_every_forest_and_scatter_is_well_formed(values: list[tuple[float, float]]) -> None:
    estimates = [Estimate(v, v - w, v + w, 0.95) for v, w in values]
    unknown = Estimate(values[0][0], math.nan, math.nan, 0.95)
    forest = Forest([*estimates, unknown])
    for i, estimate in enumerate([*estimates, unknown]):
        ET.fromstring(forest.row(estimate, i).replace("<svg ", '<svg xmlns="x" '))
    costs = [Estimate(abs(v) + 1, abs(v), abs(v) + 2, 0.95) for v, _ in values]
    spots = [Spot(i, f"<{i}>", c, e, 0.5) for i, (c, e) in enumerate(zip(costs, estimates, strict=True))]
    ET.fromstring(scatter(spots, "cost", "score", True, "what"))


@given(st.lists(st.floats(1, 9), min_size=3, max_size=12), st.data())
def test_every_rank_diagram_is_well_formed(ranks: list[float], data: st.DataObject) -> None:
    ends = data.draw(st.lists(st.tuples(st.integers(0, len(ranks) - 1), st.integers(1, 5)), max_size=4))
    groups = [list(range(a, min(a + n, len(ranks)))) for a, n in ends]
    ET.fromstring(rank_diagram([(i, f"agent {i}") for i in range(len(ranks))], ranks, groups, "ranks", 1.5))


@given(FINITE)
def test_numbers_are_short_and_right(value: float) -> None:
    text = scales.short(value)
    assert len(text) <= 12
    size = {"M": 1e6, "G": 1e9}.get(text[-1], 1.0)
    read = float(text.rstrip("MG").replace(",", "").replace(scales.MINUS, "-")) * size
    assert read == pytest.approx(value, rel=0.0051, abs=1e-300)


def test_names_and_numbers_read_as_a_person_writes_them() -> None:
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.counted(1, "seed") == "1 seed"
    assert scales.p_value(0.0004) == "< 0.001"
    assert scales.signed(-0.01) == "\N{MINUS SIGN}0.010"
    assert scales.labels([0.0, 0.5, 1.0], money=True) == ["0".join(["$", ""]), "$0.50", "$1.00"]
