"""Sequential halving over the members of a pool."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.common import Arms, check_real, check_whole, horizon, pool_of
from agents.costs import Forecast, SpendsAll, Step
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task, affordable


def rounds(arms: int) -> int:
    """How many rounds it takes to halve `arms` arms down to one: ceil(log2 n)."""
    return math.ceil(math.log2(arms)) if arms > 1 else 1


def schedule(arms: int, budget: int) -> list[tuple[int, int]]:
    """(arms left, pulls of each) for every round; Karnin et al., algorithm 1."""
    plan, left = [], arms
    for _ in range(rounds(arms)):
        plan.append((left, budget // (left * rounds(arms))))  # t_r = floor(T / (|S_r| ceil(log2 n)))
        left = math.ceil(left / 2)  # S_{r+1}: the ceil(|S_r| / 2) best
    return plan


def most_arms(budget: int, members: int) -> int:
    """The most arms, at most all members, that the first round can pull once: n * ceil(log2 n) <= T."""
    arms = 1
    while arms < members and (arms + 1) * rounds(arms + 1) <= budget:
        arms += 1
    return arms


@dataclass(frozen=True, slots=True)
class SequentialHalving(SpendsAll):
    """Sequential halving: pulls all arms alike, drops the worse half, and starts over with the rest.

    Karnin, Koren and Somekh (2013), "Almost Optimal Exploration in Multi-Armed Bandits", algorithm 1.
    Where the budget T gives no pull to every member of the pool, it plays on a random subset of n, the
    largest with n * ceil(log2 n) <= T. What rounding leaves of the budget goes to the last two. Where
    evaluations are not limited, the whole is repeated with twice the budget, from `first` on,
    and looks of earlier repetitions count (the doubling trick).
    """

    name: str = "sequential-halving"
    first: int = 32
    """Evaluations of the first repetition where nothing limits them."""
    caution: float = 0.5
    """Looks at the mean of all arms that the recommendation mixes in, against the winner's curse."""
    needs = Needs.POOL
    claims = Claims(
        seeded=True,
        random_start=True,
        best_observed=True,
        batch=True,
        affine=True,
        rank_based=True,
        symmetric=True,
    )

    def __post_init__(self) -> None:
        check_whole("first", self.first, 1)
        check_real("caution", self.caution, 0.0, 100.0)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        texts = pool_of(task)
        order = rng.permutation(len(texts))
        known = Arms(len(texts), task)
        yield from Recommend(texts[int(order[0])])
        most = horizon(task)
        budget = self.first if most is None else max(most, 1)
        try:
            while True:
                left = order[: most_arms(budget, len(texts))]
                for _, pulls in schedule(len(left), budget):
                    finalists = left
                    for _ in range(pulls):
                        yield from self._pull(texts, left.tolist(), known)
                    ranking = np.argsort(-known.means[left], kind="stable")
                    left = left[ranking[: math.ceil(len(left) / 2)]]  # S_{r+1}
                while most is not None:
                    yield from self._pull(texts, finalists.tolist(), known)
                budget *= 2
        except BudgetExhausted:
            leader = known.leader(self.caution)
            return texts[int(order[0])] if leader is None else texts[leader]

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        members, most = len(pool_of(task)), horizon(task)
        budget, known = self.first if most is None else max(most, 1), 0
        whole, again = forecast.scoring(vague=True), forecast.again()
        while True:
            arms = left = most_arms(budget, members)
            for left, pulls in schedule(arms, budget):
                for _ in range(pulls):
                    yield [whole] * max(arms - known, 0) + [again] * min(left, known)
                    known = max(arms, known)
            while most is not None:
                yield [again] * left
            budget *= 2

    def _pull(self, texts: tuple[str, ...], which: list[int], known: Arms) -> Plan[None]:
        """Pull each of these arms once, all at the same time, and say who leads."""
        seen = yield from affordable([Evaluate(texts[arm]) for arm in which])
        for arm, answer in zip(which, seen, strict=False):
            if not isinstance(answer, AnswerFailed):
                known.add(arm, answer.score)
        leader = known.leader(self.caution)
        if leader is not None:
            yield from Recommend(texts[leader])
