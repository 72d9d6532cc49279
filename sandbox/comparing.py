"""`sandbox compare`: what changed from one store to another, agent by agent, paired by problem and seed.

A tournament of the one store is compared with its counterpart in the other: the one of the same scenario,
budget and settings; where there is none, the only other one of that scenario and budget; or of that scenario.
What differs in them is said. The luck of a seed is the same in both, so that the difference of an agent is
the mean over problems of the mean over seeds of "second minus first", with the interval and the sign-flip
test of `sandbox.statistics`, and Holm's correction over all agents of all tournaments.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.errors import UsageError
from sandbox.report.terminal import page
from sandbox.statistics import Estimate, holm, paired_difference, sign_flip_p
from sandbox.store import Store
from sandbox.streams import stream
from sandbox.tournament import Run

BETTER, WORSE, UNDECIDED, SAME = "better", "worse", "undecided", "the same"


@dataclass(frozen=True, slots=True)
class Shift:
    """What became of one agent."""

    agent: str
    pairs: int
    """Runs that both stores have, judged in both."""
    before: float
    """Mean over problems of the mean true score of these runs; NaN where there is none."""
    after: float
    difference: Estimate | None
    """None where nothing is paired."""
    p: float
    p_adjusted: float
    verdict: str
    """BETTER, WORSE, UNDECIDED, or SAME where every pair ties."""
    newly_failed: int
    """Runs that were judged in the first store and failed in the second."""
    mended: int
    """The other way round."""
    code_changed: bool

    @property
    def regressed(self) -> bool:
        """Whether it is worse, or fails where it did not."""
        return self.verdict == WORSE or self.newly_failed > 0


@dataclass(frozen=True, slots=True)
class Facing:
    """Two tournaments that stand for each other."""

    scenario: str
    budgets: tuple[str, str]
    settings: tuple[str, str]
    shifts: tuple[Shift, ...]
    only_first: tuple[str, ...]
    """Agents."""
    only_second: tuple[str, ...]
    runs_only_first: int
    """Of agents that both have."""
    runs_only_second: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything between two stores."""

    facing: tuple[Facing, ...]
    only_first: tuple[str, ...]
    """Tournaments without a counterpart."""
    only_second: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether any agent has."""
        return any(shift.regressed for one in self.facing for shift in one.shifts)


_Tournament = tuple[str, str, str, tuple[str, ...]]
"""Scenario, budget, settings, rivals."""


def changes_between(
    first: Iterable[Run], second: Iterable[Run], level: float = 0.95, alpha: float = 0.05
) -> Changes:
    """What changed from the runs of one store to those of another.

    Args:
        first: without their records.
        second: likewise.
        level: of intervals.
        alpha: bound on the chance of any false "better" or "worse".
    """
    groups = _grouped(first), _grouped(second)
    pairs = _counterparts(*groups)
    facing = [_face(groups[0][one], groups[1][other], level) for one, other in pairs]
    tested = [shift for one in facing for shift in one.shifts if shift.difference is not None]
    adjusted = dict(zip(map(id, tested), holm([shift.p for shift in tested]), strict=True))
    judged = [
        replace(one, shifts=tuple(_judged(shift, adjusted.get(id(shift)), alpha) for shift in one.shifts))
        for one in facing
    ]
    left = [sorted(set(group) - {pair[i] for pair in pairs}) for i, group in enumerate(groups)]
    return Changes(tuple(judged), *[tuple([", ".join(filter(None, t[:2])) for t in rest]) for rest in left])


def _grouped(runs: Iterable[Run]) -> dict[_Tournament, list[Run]]:
    found: dict[_Tournament, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.scenario, str(run.budget), run.digest, run.rivals].append(run)
    return dict(found)


def _counterparts(
    first: Iterable[_Tournament], second: Iterable[_Tournament]
) -> list[tuple[_Tournament, _Tournament]]:
    """Which tournament faces which: equals first, then those that nothing else could face."""
    found: list[tuple[_Tournament, _Tournament]] = []
    rest = sorted(first), sorted(second)
    likeness: list[Callable[[_Tournament], object]] = [
        lambda t: t,
        lambda t: t[:3],
        lambda t: t[:2],
        lambda t: t[0],
    ]
    for like in likeness:
        for one in list(rest[0]):
            mine = [t for t in rest[0] if like(t) == like(one)]
            theirs = [t for t in rest[1] if like(t) == like(one)]
            if len(mine) == len(theirs) == 1:
                found.append((one, theirs[0]))
                rest[0].remove(one)
                rest[1].remove(theirs[0])
    return sorted(found)


def _face(first: Sequence[Run], second: Sequence[Run], level: float) -> Facing:
    sides = [_by_agent(first), _by_agent(second)]
    shared = [agent for agent in sides[0] if agent in sides[1]]
    cells = [{(agent, *cell) for agent in shared for cell in side[agent]} for side in sides]
    return Facing(
        scenario=first[0].scenario,
        budgets=(str(first[0].budget), str(second[0].budget)),
        settings=(first[0].digest, second[0].digest),
        shifts=tuple([_shift(agent, sides[0][agent], sides[1][agent], level) for agent in shared]),
        only_first=tuple([agent for agent in sides[0] if agent not in sides[1]]),
        only_second=tuple([agent for agent in sides[1] if agent not in sides[0]]),
        runs_only_first=len(cells[0] - cells[1]),
        runs_only_second=len(cells[1] - cells[0]),
    )


_Cells = dict[tuple[str, int], Run]


def _by_agent(runs: Sequence[Run]) -> dict[str, _Cells]:
    found: dict[str, _Cells] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: (run.agent, run.problem, run.seed, run.key)):
        found[run.agent][run.problem, run.seed] = run
    return dict(found)


def _shift(agent: str, first: _Cells, second: _Cells, level: float) -> Shift:
    both = [cell for cell in first if cell in second]
    paired = [cell for cell in both if first[cell].truth is not None and second[cell].truth is not None]
    problems, seeds = sorted({cell[0] for cell in paired}), sorted({cell[1] for cell in paired})
    before, after = np.full((2, len(problems), len(seeds)), np.nan)
    for problem, seed in paired:
        place = problems.index(problem), seeds.index(seed)
        before[place], after[place] = first[problem, seed].truth, second[problem, seed].truth
    nan = float("nan")
    means = [float(np.mean(np.nanmean(x, axis=1))) if paired else nan for x in (before, after)]
    names = agent, first[both[0]].scenario if both else ""
    return Shift(
        agent=agent,
        pairs=len(paired),
        before=means[0],
        after=means[1],
        difference=paired_difference(after, before, stream(0, "compare", *names), level) if paired else None,
        p=sign_flip_p(after, before, stream(0, "compare", "flips", *names)) if paired else 1.0,
        p_adjusted=1.0,
        verdict=SAME if paired and np.array_equal(before, after, equal_nan=True) else UNDECIDED,
        newly_failed=sum(first[cell].error is None and second[cell].error is not None for cell in both),
        mended=sum(first[cell].error is not None and second[cell].error is None for cell in both),
        code_changed={run.code for run in first.values()} != {run.code for run in second.values()},
    )


def _judged(shift: Shift, p: float | None, alpha: float) -> Shift:
    if p is None or shift.difference is None:
        return shift
    verdict, sign = shift.verdict, shift.difference.sign
    if p < alpha and sign * shift.difference.value > 0:
        verdict = BETTER if sign > 0 else WORSE
    return replace(shift, p_adjusted=p, verdict=verdict)


def sentences(changes: Changes) -> list[str]:
    """What changed, in plain words."""
    found = []
    several = len(changes.facing) > 1
    for one in changes.facing:
        where = f" on {one.scenario}" if several else ""
        for shift in one.shifts:
            if shift.difference is not None and shift.verdict in (BETTER, WORSE):
                estimate = shift.difference
                found.append(
                    f"{shift.agent} is {shift.verdict}{where}, by {estimate.value:+.3f} "
                    f"({estimate.low:+.3f} to {estimate.high:+.3f}, p = {shift.p_adjusted:.2g} over "
                    f"{shift.pairs} pairs)."
                )
            if shift.newly_failed:
                found.append(f"{shift.agent} fails{where} in {shift.newly_failed} runs in which it did not.")
            if shift.mended:
                found.append(f"{shift.agent} finishes{where} {shift.mended} runs that had failed.")
        same = [shift.agent for shift in one.shifts if shift.verdict == SAME]
        if same:
            who = "All agents" if len(same) == len(one.shifts) else ", ".join(same)
            found.append(f"{who}: every run has the same score as before{where}.")
        open_ones = [shift.agent for shift in one.shifts if shift.verdict == UNDECIDED and shift.pairs]
        if open_ones:
            found.append(f"Undecided{where}: {', '.join(open_ones)}.")
        lonely = [shift.agent for shift in one.shifts if not shift.pairs]
        if lonely:
            found.append(f"Nothing to pair{where}: {', '.join(lonely)}.")
    return found or ["The stores have no agent in common, so there is nothing to compare."]


def as_data(changes: Changes) -> dict[str, Any]:
    """What a script would read."""

    def number(value: float) -> float | None:
        return value if np.isfinite(value) else None

    return {
        "tournaments": [
            {
                "scenario": one.scenario,
                "budgets": list(one.budgets),
                "settings": list(one.settings),
                "agents": [
                    {
                        "agent": shift.agent,
                        "pairs": shift.pairs,
                        "before": number(shift.before),
                        "after": number(shift.after),
                        "difference": None
                        if shift.difference is None
                        else {
                            "value": shift.difference.value,
                            "low": number(shift.difference.low),
                            "high": number(shift.difference.high),
                        },
                        "p": shift.p,
                        "p_adjusted": shift.p_adjusted,
                        "verdict": shift.verdict,
                        "newly_failed": shift.newly_failed,
                        "mended": shift.mended,
                        "code_changed": shift.code_changed,
                    }
                    for shift in one.shifts
                ],
                "agents_only_in_first": list(one.only_first),
                "agents_only_in_second": list(one.only_second),
                "runs_only_in_first": one.runs_only_first,
                "runs_only_in_second": one.runs_only_second,
            }
            for one in changes.facing
        ],
        "only_in_first": list(changes.only_first),
        "only_in_second": list(changes.only_second),
        "sentences": sentences(changes),
        "regressed": changes.regressed,
    }


def compare(first: Path, second: Path, alpha: float, as_json: bool, fail: bool) -> int:
    """Print what changed from the store `first` to `second`; 1 if `fail` is set and something got worse.

    Raises:
        UsageError: if a store has no runs, or `alpha` is no level.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"--alpha {alpha}: a number between 0 and 1")
    changes = changes_between(_runs_of(first), _runs_of(second), alpha=alpha)
    if as_json:
        click.echo(json.dumps(as_data(changes), indent=2))
    else:
        _show(changes, (str(first), str(second)))
    return 1 if fail and changes.regressed else 0


def _runs_of(path: Path) -> list[Run]:
    with Store(path, create=False) as store:
        runs = store.runs(current=True)
    if not runs:
        raise UsageError(f"{path}: holds no runs yet")
    return runs


def _show(changes: Changes, names: tuple[str, str]) -> None:
    console = page()
    for one in changes.facing:
        console.print()
        if one.shifts:
            console.print(_table(one))
        for remark in _remarks(one, names):
            console.print(Text(remark, style="yellow"))
    for name, rest in zip(names, (changes.only_first, changes.only_second), strict=True):
        for tournament in rest:
            console.print(Text(f"only in {name}: {tournament}", style="yellow"))
    console.print()
    for sentence in sentences(changes):
        console.print(Text(sentence, style="bold"))
    console.print(
        Text(
            f"Differences are {names[1]} minus {names[0]}, paired by problem and seed; sign-flip tests with "
            "Holm's correction over all agents.",
            style="dim",
        )
    )


def _table(one: Facing) -> Table:
    table = Table(
        title=escape(f"{one.scenario}, {one.budgets[1]}"), title_justify="left", title_style="bold",
        header_style="bold", box=None, pad_edge=False,
    )  # fmt: skip
    for column in ("agent", "pairs", "before", "after", "difference", "95 % interval", "p (Holm)", ""):
        table.add_column(column, justify="left" if column in ("agent", "") else "right", overflow="fold")
    for shift in sorted(one.shifts, key=lambda s: (-s.after if s.pairs else 0.0, s.agent)):
        cells = [escape(shift.agent), str(shift.pairs)]
        if shift.difference is None:
            cells += [""] * 5
        else:
            low, high = shift.difference.low, shift.difference.high
            cells += [f"{shift.before:.3f}", f"{shift.after:.3f}", f"{shift.difference.value:+.3f}"]
            cells += ["" if np.isnan(low) else f"{low:+.3f} .. {high:+.3f}"]
            cells += ["<0.001" if shift.p_adjusted < 0.001 else f"{shift.p_adjusted:.3f}"]
        style = {BETTER: "green", WORSE: "red"}.get(shift.verdict, "dim")
        table.add_row(*cells, shift.verdict if shift.pairs else "nothing to pair", style=style)
    return table


def _remarks(one: Facing, names: tuple[str, str]) -> list[str]:
    """What else differs between two tournaments."""
    found = []
    if one.budgets[0] != one.budgets[1]:
        found.append(f"the budget was {one.budgets[0]}")
    if one.settings[0] != one.settings[1]:
        found.append("the scenario's settings or data differ")
    changed = [shift.agent for shift in one.shifts if shift.code_changed]
    if changed:
        found.append(f"other code or options: {', '.join(changed)}")
    for name, agents, runs in zip(
        names, (one.only_first, one.only_second), (one.runs_only_first, one.runs_only_second), strict=True
    ):
        if agents:
            found.append(f"only in {name}: {', '.join(agents)}")
        if runs:
            found.append(f"only in {name}: {runs} runs of agents that both have")
    return found
