"""False verdicts on ties, and what deciding as one goes saves against a fixed design.

`python tests/benchmarks/sequential.py [--tournaments N]`. Five agents on four problems; the luck of a
problem and seed is shared, and the difference of two agents' scores has standard deviation 1. The fixed
design has as many seeds as a difference of .25 needs to be decided with probability .8 among ten pairs,
and is judged as reports judge; the sequential one may play twice as many. What is counted: pairs of runs
compared until a pair was decided (or the end), and runs played.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

import numpy as np

from sandbox.budget import FREE, Budget
from sandbox.deciding import Goal, Terms, Tournament
from sandbox.scenario import Source
from sandbox.statistics import all_pairs
from sandbox.tournament import Match, Run

PROBLEMS = ("p", "q", "r", "s")
EFFECT = 0.25
FIXED = 54
"""Seeds: (2.81 + .84)^2 / .25^2 pairs for level .05 / 10 and power .8, over four problems."""
WORLDS: dict[str, tuple[tuple[float, ...], Goal]] = {
    "five alike": ((0.0,) * 5, "ranking"),
    "a ladder of .25": ((0.0, 0.25, 0.5, 0.75, 1.0), "ranking"),
    "a ladder of .5": ((0.0, 0.5, 1.0, 1.5, 2.0), "ranking"),
    "a ladder of .25, who is best": ((0.0, 0.25, 0.5, 0.75, 1.0), "best"),
    "one ahead by .5, who is best": ((0.0, 0.0, 0.0, 0.0, 0.5), "best"),
}


def main(arguments: list[str] | None = None) -> None:
    """Play all worlds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tournaments", type=int, default=200)
    count = parser.parse_args(arguments).tournaments
    print(f"{count} tournaments each; of the fixed design {FIXED} seeds, {10 * 4 * FIXED} pairs of runs")
    print(f"{'':30} {'any false verdict':>22} {'neighbours decided':>22} {'pairs':>8} {'runs':>8}")
    print(f"{'':30} {'fixed':>11}{'sequential':>11} {'fixed':>11}{'sequential':>11} {'':>8} {'':>8}")
    started = time.process_time()
    for name, (means, goal) in WORLDS.items():
        rng = np.random.default_rng(7)
        told = np.mean([_both(means, goal, rng) for _ in range(count)], axis=0)
        wrong_fixed, wrong, found_fixed, found, pairs, runs = told
        hits = f"{found_fixed:>11.0%}{found:>11.0%}" if len(set(means)) > 1 else f"{'':>22}"
        print(f"{name:30} {wrong_fixed:>11.1%}{wrong:>11.1%} {hits} {pairs:>8.0%} {runs:>8.0%}", flush=True)
    print(
        "pairs, runs: of the sequential design, in parts of the fixed one's. "
        f"{time.process_time() - started:.0f} CPU-s"
    )


def _both(means: tuple[float, ...], goal: Goal, rng: np.random.Generator) -> tuple[float, ...]:
    shape = (len(PROBLEMS), 2 * FIXED)
    shared = rng.normal(size=shape)
    scores = {f"agent {i}": shared + mean + rng.normal(size=shape) / 2**0.5 for i, mean in enumerate(means)}
    truth = {f"agent {i}": mean for i, mean in enumerate(means)}
    fixed = all_pairs(
        {name: x[:, :FIXED] for name, x in scores.items()},
        np.random.default_rng(int(rng.integers(2**63))),
        flips=2000,
        replicates=500,
    )
    first = [(pair.a, pair.b, pair.winner) for pair in fixed]
    tournament, played = _played(scores, goal)
    verdicts = tournament.duels()
    second = [(duel.a, duel.b, duel.winner) for duel in verdicts]
    compared = sum(
        len(PROBLEMS) * (duel.seeds if duel.decided_after is None else duel.decided_after)
        for duel in verdicts
    )
    return (
        _any_false(first, truth),
        _any_false(second, truth),
        _neighbours(first, truth, goal),
        _neighbours(second, truth, goal),
        compared / (len(fixed) * len(PROBLEMS) * FIXED),
        played / (len(means) * len(PROBLEMS) * FIXED),
    )


def _any_false(verdicts: list[tuple[str, str, str | None]], truth: Mapping[str, float]) -> float:
    return float(any(winner and truth[winner] <= truth[b if winner == a else a] for a, b, winner in verdicts))


def _neighbours(verdicts: list[tuple[str, str, str | None]], truth: Mapping[str, float], goal: Goal) -> float:
    """The share of pairs next to each other (or of the best and the second) that were decided."""
    steps = sorted(set(truth.values()))
    near = {step: steps[i + 1] for i, step in enumerate(steps[:-1])}
    found = []
    for a, b, winner in verdicts:
        low, high = sorted((truth[a], truth[b]))
        if near.get(low) == high and (goal == "ranking" or high == steps[-1]):
            found.append(winner is not None)
    return float(np.mean(found)) if found else 0.0


def _played(scores: Mapping[str, np.ndarray], goal: Goal) -> tuple[Tournament, int]:
    """A tournament played to its end with these scores."""
    seeds = next(iter(scores.values())).shape[1]
    wanted = [_match(name, problem, seed) for seed in range(seeds) for problem in PROBLEMS for name in scores]
    tournament, played = Tournament(wanted, Terms(goal, seeds=seeds), shared=False), 0
    while True:
        todo, _ = tournament.next_round()
        if not todo:
            return tournament, played
        played += len(todo)
        tournament.take(
            _run(match, float(scores[match.names[0]][PROBLEMS.index(match.problem), match.seed]))
            for match in todo
        )


_BUDGET = Budget(evaluations=1)
_SOURCE = Source("none", None, ())


def _match(name: str, problem: str, seed: int) -> Match:
    key = f"{name} {problem} {seed}"
    return Match(_SOURCE, "sim", "", problem, seed, (name,), (name,), ("",), _BUDGET, (key,))


def _run(match: Match, score: float) -> Run:
    return Run(
        key=match.keys[0], scenario="sim", digest="", problem=match.problem, agent=match.names[0],
        seed=match.seed, budget=_BUDGET, rivals=(), error=None, recommended="", truth=score,
        spent=FREE, steps=(), records=(), optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip


if __name__ == "__main__":
    main()
