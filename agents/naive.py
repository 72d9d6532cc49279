"""The naive instruction: one fixed sentence, the yardstick that everybody must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.labels import finished, labels_of
from agents.scorebook import space_of
from agents.templates.meta import naive
from sandbox.budget import FREE, Budget, Cost
from sandbox.claims import Claims
from sandbox.protocol import Needs, Plan, Recommend, Task


@dataclass(frozen=True, slots=True)
class Naive:
    """Hands in a fixed sentence and the format line, and asks nothing.

    Xiao et al. (2025), "Prompt-MII", section 4: the baseline without optimization.
    """

    name: str = "naive"
    needs = Needs.TEXT
    claims = Claims(seeded=True)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        text = finished(naive(labels_of(task)), task, space_of(task))
        yield from Recommend(text)
        return text

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: nothing."""
        return FREE

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`: nothing."""
        return FREE
