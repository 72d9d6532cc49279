"""`sandbox decide`: a tournament that plays seeds where the ranking is open, and stops when it is decided."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import click
import numpy as np
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.board import Board
from sandbox.budget import Budget, in_units
from sandbox.errors import UsageError
from sandbox.play import aside, source_of
from sandbox.report import terminal
from sandbox.runner import cores, play_missing
from sandbox.scenario import Source
from sandbox.statistics.estimates import Array
from sandbox.statistics.sequential import Duel, duels, smallest_effect
from sandbox.store import Store
from sandbox.streams import stream
from sandbox.tournament import Match, Run, entrants, load, matches

Goal = Literal["ranking", "best"]
_FIRST = 4
"""Seeds before the first look; fewer pairs than that seldom decide anything."""
_STEP = 6
"""Later looks come after a sixth more of the seeds (two at least): nobody plays much longer than needed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is to be decided, how surely, and what it may cost."""

    goal: Goal = "ranking"
    """"ranking": every pair; "best": who is best, so whoever is beaten plays no more."""
    alpha: float = 0.05
    """Bound on the probability of any false verdict."""
    seeds: int = 100
    """The most that anybody plays."""
    total: Budget | None = None
    """Limit over all runs together."""
    effect: float | None = None
    """Stop at a pair for which so small a difference would have been seen with probability .8."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise UsageError(f"--alpha {self.alpha}: a number between 0 and 1")
        if self.effect is not None and not self.effect > 0:
            raise UsageError(f"--effect {self.effect}: a positive difference of scores")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One pair at the end."""

    duel: Duel
    pairs: int
    """Pairs of runs (problem and seed) that both have played."""
    visible: float | None
    """Of an undecided pair: the smallest mean difference that would have been decided with probability .8."""

    def sentence(self, alpha: float) -> str:
        """The verdict as it may be printed in a paper."""
        duel = self.duel
        if duel.winner is not None:
            loser = duel.b if duel.winner == duel.a else duel.a
            at = self.pairs * (duel.decided_after or 0) // max(duel.seeds, 1)
            return f"{duel.winner} beats {loser} at level {alpha:g} after {at} pairs of runs"
        if self.visible is None or not np.isfinite(self.visible):
            seen = "too few runs to have seen any effect"
        else:
            seen = f"the smallest effect that could have been seen is {self.visible:.3g}"
        return f"{duel.a} against {duel.b} is undecided after {self.pairs} pairs of runs; {seen}"


@dataclass(frozen=True, slots=True)
class Decision:
    """How a tournament that decides ended."""

    scenario: str
    terms: Terms
    verdicts: tuple[Verdict, ...]
    matches: int
    """Played or found in the store."""
    fixed: int
    """Matches of a design in which everybody plays as many seeds as whoever played most."""
    ended: str
    """Why it stopped."""
    left_out: tuple[str, ...]
    """Agents of which a run failed; what beat them, or they beat, is not said."""

    def as_data(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "scenario": self.scenario,
            "goal": self.terms.goal,
            "alpha": self.terms.alpha,
            "ended": self.ended,
            "matches": self.matches,
            "fixed_design": self.fixed,
            "left_out": list(self.left_out),
            "pairs": [
                {
                    **asdict(verdict.duel),
                    "pairs": verdict.pairs,
                    "smallest_visible_effect": _number(verdict.visible),
                    "sentence": verdict.sentence(self.terms.alpha),
                }
                for verdict in self.verdicts
            ],
        }


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else value


class Tournament:
    """All matches that could be played, and who still needs to play them."""

    def __init__(self, wanted: Sequence[Match], terms: Terms, shared: bool) -> None:
        self.terms, self._shared = terms, shared
        self.problems = list(dict.fromkeys(match.problem for match in wanted))
        self.agents = sorted({name for match in wanted for name in match.names})
        self._by_seed: dict[int, list[Match]] = defaultdict(list)
        for match in wanted:
            self._by_seed[match.seed].append(match)
        self._budget = wanted[0].budget
        self._runs: dict[tuple[str, str, int], Run] = {}
        self._seeds = 0
        self._quiet: set[tuple[str, str]] = set()
        """Pairs given up, because an effect worth seeing would have been seen."""
        if terms.total is not None:
            missing = set(terms.total.limits()) - set(self._budget.limits())
            if missing:
                name = sorted(missing)[0]
                raise UsageError(
                    f"--total {name}: a run's own budget must limit {name}, or one run could spend it all; "
                    f"give --budget {name}=... too"
                )

    def take(self, runs: Iterable[Run]) -> None:
        """Add what was played."""
        for run in runs:
            self._runs[run.agent, run.problem, run.seed] = run

    @property
    def failed(self) -> tuple[str, ...]:
        """Agents with a failed run: they are out."""
        return tuple(sorted({run.agent for run in self._runs.values() if run.error is not None}))

    def duels(self) -> tuple[Duel, ...]:
        """Every pair of those whose runs all ended well."""
        return duels(self._scores(), self.terms.alpha) if self._seeds else ()

    def _scores(self) -> dict[str, Array]:
        found = {}
        for agent in self.agents:
            if agent in self.failed:
                continue
            scores = np.full((len(self.problems), self._seeds), np.nan)
            for i, problem in enumerate(self.problems):
                for seed in range(self._seeds):
                    run = self._runs.get((agent, problem, seed))
                    if run is not None and run.truth is not None:
                        scores[i, seed] = run.truth
            found[agent] = scores
        return found

    def playing(self) -> list[str]:
        """Who still has to play; empty when everything is decided."""
        alive = [agent for agent in self.agents if agent not in self.failed]
        if not self._seeds:
            return alive
        judged = self.duels()
        beaten = {duel.b if duel.winner == duel.a else duel.a for duel in judged if duel.winner is not None}
        if self.terms.goal == "best":
            alive = [agent for agent in alive if agent not in beaten]
        needed: set[str] = set()
        for duel in judged:
            pair = (duel.a, duel.b)
            if duel.winner is None and set(pair) <= set(alive) and pair not in self._quiet:
                needed |= set(pair)
        if self._shared and needed:
            return self.agents  # they share a service: without one, the others would play another game
        return sorted(needed)

    def next_round(self) -> tuple[list[Match], str]:
        """What to play next; or nothing, and why."""
        playing = self.playing()
        if len(playing) < 2:
            if self._quiet:
                return [], f"what is open could show no effect of {self.terms.effect:g} or more any more"
            return [], "everything is decided"
        more = _FIRST if not self._seeds else max(2, self._seeds // _STEP)
        until = min(self._seeds + more, self.terms.seeds)
        if until == self._seeds:
            return [], f"the limit of {self.terms.seeds} seeds is reached"
        while until > self._seeds:
            found = [
                match
                for seed in range(self._seeds, until)
                for match in self._by_seed[seed]
                if set(match.names) & set(playing)
            ]
            if self._affordable(found):
                self._seeds = until
                return found, ""
            until -= 1
        return [], f"the tournament's budget ({self.terms.total}) allows no further seed"

    def _affordable(self, found: Sequence[Match]) -> bool:
        """Whether these matches fit, even if every run spends all that it may."""
        if self.terms.total is None:
            return True
        runs = sum(len(match.names) for match in found)
        for name, limit in self.terms.total.limits().items():
            spent = sum(getattr(run.spent, name) for run in self._runs.values())
            if spent + runs * self._budget.limits()[name] > limit:
                return False
        return True

    def give_up(self) -> None:
        """Leave alone the pairs for which an effect worth seeing would have been seen by now."""
        if self.terms.effect is None:
            return
        for verdict in self.verdicts():
            if verdict.visible is not None and verdict.visible <= self.terms.effect:
                self._quiet.add((verdict.duel.a, verdict.duel.b))

    def verdicts(self) -> tuple[Verdict, ...]:
        """All pairs, with what could have been seen of the undecided ones."""
        scores = self._scores() if self._seeds else {}
        level = self.terms.alpha / max(1, len(list(combinations(scores, 2))))
        found = []
        for duel in self.duels():
            gaps = (scores[duel.a] - scores[duel.b]).T
            visible = None
            if duel.winner is None:
                visible = smallest_effect(gaps, level, stream(0, "visible", duel.a, duel.b))
            found.append(Verdict(duel, int((~np.isnan(gaps)).sum()), visible))
        return tuple(found)

    def decision(self, scenario: str, ended: str) -> Decision:
        """The end."""
        most = len(self.agents) * len(self.problems) * self._seeds
        return Decision(scenario, self.terms, self.verdicts(), len(self._runs), most, ended, self.failed)


def decide(
    name: str,
    *,
    agents: str | None,
    budget: str | None,
    data: str | None,
    changes: Sequence[str],
    out: str | None,
    jobs: int | None,
    engine: str,
    terms: Terms,
    run_limit: float,
    as_json: bool,
) -> int:
    """Play until the terms are met, and say what is decided; the exit code.

    The store is an ordinary one: the same command goes on where it was stopped and finds the same
    verdicts, and `sandbox show` and `sandbox report` read it.

    Raises:
        UsageError: for anything that cannot be played as asked; nothing is played then.
    """
    console, progress = terminal.page(), Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    with aside():
        tournament, scenario = _prepare(source_of(name, data, changes), agents, budget, terms)
    path = Path(out or f"{Path(name).stem}-decided.db")
    with Store(path) as store:
        while True:
            todo, why = tournament.next_round()
            if not todo:
                break
            _play(store, tournament, todo, engine, jobs, run_limit, progress)
            tournament.give_up()
    decision = tournament.decision(scenario, why)
    if as_json:
        click.echo(json.dumps(decision.as_data(), indent=2))
    else:
        console.print(render(decision))
        console.print(Text(f"Every request is in {path}: sandbox show {path}", style="dim"), soft_wrap=True)
    return 1 if decision.left_out else 0


def _prepare(source: Source, agents: str | None, budget: str | None, terms: Terms) -> tuple[Tournament, str]:
    scenario = load(source)
    specs = entrants(scenario, agents)
    if len(specs) < 2:
        raise UsageError(
            f"--agents {agents!r}: name at least two agents; there is nothing to decide with one"
        )
    limits = Budget.parse(budget) if budget is not None else scenario.budget
    wanted = matches(scenario, source, specs, terms.seeds, limits)
    return Tournament(wanted, terms, scenario.shared), scenario.name


def _play(
    store: Store,
    tournament: Tournament,
    todo: Sequence[Match],
    engine: str,
    jobs: int | None,
    run_limit: float,
    progress: Console,
) -> None:
    stored = store.keys()
    keys = [key for match in todo for key in match.keys]
    absent = [match for match in todo if not stored.issuperset(match.keys)]
    if absent:
        names = sorted({name for match in todo for name in match.names})
        seeds = f"seeds {todo[0].seed} to {todo[-1].seed}"
        progress.print(f"{seeds}: {len(absent)} matches of {', '.join(names)}")
        try:
            with aside(), Board(progress, len(absent)) if progress.is_terminal else nullcontext() as board:
                tell = board.add if isinstance(board, Board) else _silent
                play_missing(store, absent, engine, jobs or cores(), run_limit, tell)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted: what was played is in {store.path}; the same command goes on"
            ) from None
    tournament.take(store.runs(keys))


def _silent(_: list[Run]) -> None: ...


def render(decision: Decision) -> RenderableType:
    """The verdicts, and what they cost."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("pair", "verdict", "decided after", "pairs", "difference", "p"):
        table.add_column(column, justify="left" if column in ("pair", "verdict") else "right")
    for verdict in decision.verdicts:
        duel = verdict.duel
        table.add_row(
            escape(f"{duel.a} - {duel.b}"),
            "undecided" if duel.winner is None else escape(f"{duel.winner} wins"),
            "" if duel.decided_after is None else f"{duel.decided_after} seeds",
            str(verdict.pairs),
            f"{duel.mean:+.3f}",
            f"{duel.p:.2g}",
        )
    terms = decision.terms
    parts: list[RenderableType] = [
        Text(f"{decision.scenario}: {terms.goal}, level {terms.alpha:g}", style="bold"),
        table,
        "",
    ]
    parts += [Text(verdict.sentence(terms.alpha) + ".") for verdict in decision.verdicts]
    parts += [
        Text(f"{agent}: a run failed, so nothing is said of it", style="red") for agent in decision.left_out
    ]
    saved = 1 - decision.matches / decision.fixed if decision.fixed else 0.0
    limits = "" if terms.total is None else f" The tournament's budget was {_total(terms.total)}."
    parts.append(
        Text(
            f"It stopped because {decision.ended}. {decision.matches} runs; a design in which all play as "
            f"many seeds would have played {decision.fixed} ({saved:.0%} saved).{limits} The level holds for "
            "all pairs together and at any time of stopping; the differences are of the seeds played, and "
            "stopping early makes those of decided pairs look larger than they are.",
            style="dim",
        )
    )
    return Group(*parts)


def _total(total: Budget) -> str:
    return ", ".join(f"{name}={in_units(name, limit)}" for name, limit in total.limits().items())
