"""Upper confidence bounds over the members of a pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.common import Array, arms_for, check_real, pull
from agents.costs import SpendsAll
from sandbox.claims import Claims
from sandbox.protocol import Needs, Plan, Task


@dataclass(frozen=True, slots=True)
class UCB(SpendsAll):
    """UCB1: pulls the arm whose score could still be highest, and hands in the best cautious mean.

    Auer, Cesa-Bianchi and Fischer (2002), "Finite-time Analysis of the Multiarmed Bandit Problem", fig. 1.
    Two adaptations. A score that averages r yes-or-no rows is worth r pulls of a Bernoulli arm, so
    Hoeffding's bound is narrower by sqrt(r). And UCB1 pulls every arm once before it
    thinks; under a budget of T evaluations it plays on a random subset of `share` * T arms. What it
    hands in is not what it pulled for its optimism, but the best mean after mixing `caution` looks at
    the mean of all arms, which guards against the winner's curse.
    """

    name: str = "ucb"
    exploration: float = 0.5
    """Factor of the width of the bound; 1 is the paper's, whose guarantee needs no less than that."""
    share: float = 0.8
    """Arms per evaluation of the budget."""
    caution: float = 0.5
    """Looks at the mean of all arms that the recommendation mixes in."""
    needs = Needs.POOL
    claims = Claims(seeded=True, random_start=True, best_observed=True, uses=0.9, affine=True, symmetric=True)

    def __post_init__(self) -> None:
        check_real("exploration", self.exploration, 0.0, 100.0)
        check_real("share", self.share, 0.0, 1.0)
        check_real("caution", self.caution, 0.0, 100.0)

    def indices(self, means: Array, looks: Array, rows: int) -> Array:
        """The index of each arm; infinite for arms never pulled.

        Args:
            means: mean scores in [0, 1].
            looks: how often each arm was pulled.
            rows: how many yes-or-no rows a score averages.
        """
        pulls = np.maximum(looks, 1.0)
        total = max(float(looks.sum()), 1.0)
        width = np.sqrt(2.0 * np.log(total) / (rows * pulls))  # fig. 1: sqrt(2 ln n / n_j)
        return np.where(looks > 0, means + self.exploration * width, np.inf)

    def _arms(self, task: Task) -> int:
        return arms_for(task, self.share)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        return pull(
            task,
            rng,
            self.share,
            self.caution,
            lambda known: self.indices(known.means, known.looks, known.rows),
        )
