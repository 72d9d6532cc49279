"""Candidate spaces, and which agent can play on which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import Budget
from sandbox.protocol import Asides, Needs, Task, unmet
from sandbox.spaces import Box, FreeText, Pool

bounds = st.lists(
    st.tuples(st.floats(-1e9, 1e9), st.floats(0.001, 1e9)).map(lambda b: (b[0], b[0] + b[1])),
    min_size=1,
    max_size=4,
)
anything = (
    st.none()
    | st.text()
    | st.floats()
    | st.binary()
    | st.lists(st.floats())
    | st.tuples(st.floats(), st.text())
)


@settings(max_examples=100, deadline=None)
@given(bounds, st.data())
def test_a_box_holds_its_corners_and_everything_between(pairs: list[Any], data: st.DataObject) -> None:
    box = Box(tuple(low for low, _ in pairs), tuple(high for _, high in pairs))
    assert box.lower in box
    assert box.upper in box
    inside = tuple(data.draw(st.floats(low, high)) for low, high in pairs)
    assert inside in box
    i = data.draw(st.integers(0, len(pairs) - 1))
    for wrong in (pairs[i][1] * 2 + 1 + abs(pairs[i][0]), float("nan"), float("inf"), "0", None):
        assert (*inside[:i], wrong, *inside[i + 1 :]) not in box
    assert inside[:-1] not in box
    assert list(inside) not in box


@settings(max_examples=200, deadline=None)
@given(anything)
def test_any_value_is_a_member_or_not_and_never_an_error(value: Any) -> None:
    assert (value in Pool(("a", "b"))) == (isinstance(value, str) and value in ("a", "b"))
    assert (value in FreeText(("a",), longest=5)) == (isinstance(value, str) and 0 < len(value) <= 5)
    assert (value in Box((0.0,), (1.0,))) == (
        isinstance(value, tuple) and len(value) == 1 and 0 <= value[0] <= 1  # tuples here have two members
    )


def test_numpys_floats_and_texts_are_welcome() -> None:
    assert (np.float64(0.5), 1) in Box((0.0, 0.0), (1.0, 1.0))
    assert np.str_("a") in Pool(("a",))
    assert np.array([0.5]) not in Box((0.0,), (1.0,))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: FreeText(()), "at least one text"),
        (lambda: Pool(()), "at least one text"),
        (lambda: Pool(("a", "a")), "distinct"),
        (lambda: Box((), ()), "0 and 0 dimensions"),
        (lambda: Box((0.0,), (1.0, 2.0)), "1 and 2 dimensions"),
        (lambda: Box((1.0,), (1.0,)), r"\[1.0, 1.0\]"),
        (lambda: Box((0.0,), (float("inf"),)), r"\[0.0, inf\]"),
        (lambda: Box((float("nan"),), (1.0,)), r"\[nan, 1.0\]"),
    ],
)
def test_an_impossible_space_is_refused_by_name(make: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()


def task(space: Any, lends: Asides | None = None) -> Task:
    return Task("", space, Budget(evaluations=1), lends=lends or Asides())


SPACES = {Needs.TEXT: FreeText(("a",)), Needs.POOL: Pool(("a",)), Needs.BOX: Box((0.0,), (1.0,))}


@pytest.mark.parametrize("need", SPACES)
def test_an_agent_plays_on_the_spaces_it_names(need: Needs) -> None:
    for name, space in SPACES.items():
        agent: Any = SimpleNamespace(name="climber", needs=need)
        reason = unmet(agent, task(space))
        if name is need:
            assert reason is None
        else:
            assert reason == f"climber plays on {str(need.name).lower()}, and this is {space}"
        assert unmet(SimpleNamespace(name="all", needs=Needs.ANY_SPACE), task(space)) is None


def test_what_else_an_agent_needs_must_be_lent() -> None:
    needy: Any = SimpleNamespace(name="a", needs=Needs.POOL | Needs.COMPLETIONS | Needs.WHITE_BOX)
    assert "writes completions" in str(unmet(needy, task(SPACES[Needs.POOL])))
    assert "white-box model" in str(unmet(needy, task(SPACES[Needs.POOL], Asides(completions=True))))
    assert unmet(needy, task(SPACES[Needs.POOL], Asides(completions=True, white_box=object()))) is None
