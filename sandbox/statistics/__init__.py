"""Pure functions from arrays of scores to estimates, verdicts and curves."""

from sandbox.statistics.comparisons import Comparison, all_pairs, holm, sign_flip_p, wilcoxon_p
from sandbox.statistics.curves import (
    Band,
    convergence_area,
    incumbent_curves,
    mean_curve,
    normalised_regret,
    regret_area,
    step_values,
)
from sandbox.statistics.estimates import Estimate, Unit, mean_score, paired_difference
from sandbox.statistics.survival import Reach, reach, time_to_target

__all__ = [
    "Band",
    "Comparison",
    "Estimate",
    "Reach",
    "Unit",
    "all_pairs",
    "convergence_area",
    "holm",
    "incumbent_curves",
    "mean_curve",
    "mean_score",
    "normalised_regret",
    "paired_difference",
    "reach",
    "regret_area",
    "sign_flip_p",
    "step_values",
    "time_to_target",
    "wilcoxon_p",
]
