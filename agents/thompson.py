"""Thompson sampling over the members of a pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.common import Arms, Array, arms_for, check_real, pull
from agents.costs import SpendsAll
from sandbox.claims import Claims
from sandbox.protocol import Needs, Plan, Task


@dataclass(frozen=True, slots=True)
class Thompson(SpendsAll):
    """Thompson sampling: pulls the arm that is best in a draw from the posterior.

    Thompson (1933); Agrawal and Goyal (2012), "Analysis of Thompson Sampling for the Multi-armed Bandit
    Problem", algorithm 2. Where a score is the share of dev rows that came out right, the rows
    are Bernoulli and the posterior is Beta(`prior` + right, `prior` + wrong). Elsewhere it is normal with a
    prior fitted to the arms seen so far. Under a budget of T evaluations it plays on a random
    subset of `share` * T arms, because a draw from the prior would call for every arm once. It hands in
    the best mean after mixing `caution` looks at the mean of all arms (the winner's curse).
    """

    name: str = "thompson"
    prior: float = 0.5
    """Right and wrong rows assumed beforehand, each; 0.5 is Jeffreys' prior, 1 is uniform."""
    share: float = 0.8
    """Arms per evaluation of the budget."""
    caution: float = 0.5
    """Looks at the mean of all arms that the recommendation mixes in."""
    needs = Needs.POOL
    claims = Claims(seeded=True, random_start=True, best_observed=True, uses=0.9, affine=True, symmetric=True)

    def __post_init__(self) -> None:
        check_real("prior", self.prior, 1e-6, 1e6)
        check_real("share", self.share, 0.0, 1.0)
        check_real("caution", self.caution, 0.0, 100.0)

    def _arms(self, task: Task) -> int:
        return arms_for(task, self.share)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        draw = self._beta if task.dev_rows > 0 else _normal
        return pull(task, rng, self.share, self.caution, lambda known: draw(known, rng))

    def _beta(self, known: Arms, rng: np.random.Generator) -> Array:
        """Algorithm 2: theta_i ~ Beta(S_i + 1, F_i + 1), with `prior` in place of 1."""
        rows = known.rows * known.looks
        right = rows * np.clip(known.means, 0.0, 1.0)
        return rng.beta(self.prior + right, self.prior + rows - right)


def _normal(known: Arms, rng: np.random.Generator) -> Array:
    """A draw from normal posteriors with an empirical prior; the first two looks go to new arms."""
    looks, means = known.looks, known.means
    seen = looks > 0
    if seen.sum() < min(2, len(looks)):
        return np.where(seen, -1.0, rng.random(len(looks)))
    between = max(float(means[seen].var()), 1e-12)
    within = known.noise_variance()
    noise = max(0.25 * between if within is None else within, 1e-12)
    precision = 1.0 / between + looks / noise
    centre = (float(means[seen].mean()) / between + looks * means / noise) / precision
    return centre + rng.standard_normal(len(looks)) / np.sqrt(precision)
