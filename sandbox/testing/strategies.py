"""What hypothesis draws: scenes, budgets, costs, spaces and tasks; `st.from_type` knows them too."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from sandbox.budget import CURRENCIES, UNITS, Budget, Cost
from sandbox.claims import Claims
from sandbox.protocol import Task
from sandbox.scenario import Problem, Scenario
from sandbox.spaces import Box, FreeText, Pool
from sandbox.testing.check import Wants
from sandbox.testing.files import problem_of, scenario_of
from sandbox.testing.scenes import FAULTS, Fault, Kind, Scene

_SIZES, _DIMS = (1, 8), (1, 3)
_RICH_SIZE, _RICH_DIMS = 64, 6
_ROWS = (4, 8)


@st.composite
def scenes(
    draw: st.DrawFn, kinds: Sequence[Kind] = ("pool", "text", "box"), wants: Wants = Wants(),  # noqa: B008
    least: int = 1, writes: bool = False,
) -> Scene:  # fmt: skip
    """Scenes as a check wants them; they shrink to the smallest budget, space and dullest oracle.

    Args:
        draw: hypothesis's.
        kinds: of spaces, the simplest first.
        wants: see `sandbox.testing.check.Wants`.
        least: evaluations that the subject needs at least.
        writes: whether the black box writes too.
    """
    low, high = max(wants.budget[0], least), max(wants.budget[1], least + 4)
    budget = draw(st.integers(low, high) | st.sampled_from((low, high)))
    rows = 0
    if wants.rows or (wants.rows is None and draw(st.booleans())):
        rows = draw(st.sampled_from(_ROWS))
    return Scene(
        kind=draw(st.sampled_from([kind for kind in kinds if kind in wants.kinds])),
        size=_RICH_SIZE if wants.rich else draw(st.integers(*_SIZES)),
        dims=_RICH_DIMS if wants.rich else draw(st.integers(*_DIMS)),
        oracle=draw(st.sampled_from(wants.oracles)),
        budget=budget,
        seed=draw(st.integers(0, 50)),
        luck=draw(st.integers(0, 50)),
        rows=rows,
        faults=tuple(sorted(draw(_faults(wants, budget)).items())) if wants.faults else (),
        writes=writes,
    )


def _faults(wants: Wants, budget: int) -> st.SearchStrategy[dict[int, Fault]]:
    """Which evaluations go wrong, and how.

    They are counted from the first or from the last, because much goes wrong there, and so that what goes
    wrong at the end still does when the budget shrinks.
    """
    kinds = st.sampled_from([fault for fault in FAULTS if fault in wants.faults])
    offsets = st.integers(0, budget - 1) | st.sampled_from((0, 0))
    places = st.tuples(st.booleans(), offsets).map(lambda at: budget - 1 - at[1] if at[0] else at[1])
    some = st.dictionaries(places, kinds, min_size=1, max_size=3)
    if not wants.full:
        return some
    every = kinds.map(lambda kind: dict.fromkeys(range(4 * budget), kind))
    return st.just({}) | some | every


def budgets() -> st.SearchStrategy[Budget]:
    """Limits on one currency or several."""
    limit = {name: st.integers(1, 200).map(UNITS[name].__mul__) for name in CURRENCIES}
    some = st.sets(st.sampled_from(CURRENCIES), min_size=1).flatmap(
        lambda names: st.fixed_dictionaries({name: limit[name] for name in CURRENCIES if name in names})
    )
    return some.map(lambda limits: Budget(**limits))


def costs() -> st.SearchStrategy[Cost]:
    """What a request may cost; time is spent by the clock alone."""
    counts = {name: st.integers(0, 50) for name in CURRENCIES if name not in ("seconds", "usd")}
    return st.builds(Cost, seconds=st.just(0), usd=st.integers(0, 10**9), **counts)


def spaces() -> st.SearchStrategy[Pool | FreeText | Box]:
    """Small spaces of every kind."""
    return scenes().map(lambda scene: scene.space)


def tasks() -> st.SearchStrategy[Task]:
    """What agents of small scenes are told."""
    return scenes().map(lambda scene: scene.task())


def claims() -> st.SearchStrategy[Claims]:
    """Promises of every kind."""
    flags = ("seeded", "random_start", "anytime", "best_observed", "counts", "dedupes", "batch", "affine")
    return st.builds(Claims, min_budget=st.integers(1, 20), **dict.fromkeys(flags, st.booleans()))


def register() -> None:
    """Teach `st.from_type` the types above; the entry point of hypothesis calls it."""
    st.register_type_strategy(Scene, scenes())
    st.register_type_strategy(Scenario, scenes().map(scenario_of))
    st.register_type_strategy(Problem, scenes().map(problem_of))
    st.register_type_strategy(Budget, budgets())
    st.register_type_strategy(Cost, costs())
    st.register_type_strategy(Task, tasks())
    st.register_type_strategy(Claims, claims())
    known: tuple[tuple[Kind, type[Pool | FreeText | Box]], ...] = (
        ("pool", Pool), ("text", FreeText), ("box", Box),
    )  # fmt: skip
    for kind, space in known:
        st.register_type_strategy(space, scenes((kind,)).map(lambda scene: scene.space))
