"""Pure functions from arrays of scores to estimates, verdicts and curves."""

from sandbox.statistics.aggregates import aggregate, aggregate_difference, iqm, optimality_gap
from sandbox.statistics.bayes import Practical, bayesian_signed_rank
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
from sandbox.statistics.estimates import Estimate, Unit, mean_score, mean_scores, paired_difference
from sandbox.statistics.fronts import Front, Place, cost_front, hypervolume, non_dominated
from sandbox.statistics.honesty import Honesty, winners_curse
from sandbox.statistics.improvement import probability_of_improvement
from sandbox.statistics.logrank import LogRank, log_rank
from sandbox.statistics.power import Design, paired_design, seeds_needed
from sandbox.statistics.profiles import (
    convergence_targets,
    data_profile,
    performance_profile,
    score_profile,
)
from sandbox.statistics.ranks import (
    Friedman,
    Groups,
    friedman,
    mean_ranks,
    nemenyi_distance,
    rank_groups,
    signed_rank_p,
)
from sandbox.statistics.ratings import Rating, bradley_terry
from sandbox.statistics.runtimes import (
    budget_targets,
    expected_running_time,
    runtime_ecdf,
    solved_shares,
    times_to_targets,
)
from sandbox.statistics.survival import (
    Reach,
    reach,
    restricted_mean_difference,
    survival_curve,
    time_to_target,
)

__all__ = [
    "aggregate",
    "aggregate_difference",
    "iqm",
    "optimality_gap",
    "Practical",
    "bayesian_signed_rank",
    "probability_of_improvement",
    "Friedman",
    "Groups",
    "friedman",
    "mean_ranks",
    "nemenyi_distance",
    "rank_groups",
    "signed_rank_p",
    "Rating",
    "bradley_terry",
    "Design",
    "paired_design",
    "seeds_needed",
    "winners_curse",
    "Honesty",
    "non_dominated",
    "hypervolume",
    "cost_front",
    "Place",
    "Front",
    "times_to_targets",
    "solved_shares",
    "score_profile",
    "runtime_ecdf",
    "performance_profile",
    "expected_running_time",
    "data_profile",
    "convergence_targets",
    "budget_targets",
    "Band",
    "Comparison",
    "Estimate",
    "LogRank",
    "Reach",
    "Unit",
    "all_pairs",
    "convergence_area",
    "holm",
    "incumbent_curves",
    "log_rank",
    "mean_curve",
    "mean_score",
    "mean_scores",
    "normalised_regret",
    "paired_difference",
    "reach",
    "regret_area",
    "restricted_mean_difference",
    "sign_flip_p",
    "step_values",
    "survival_curve",
    "time_to_target",
    "wilcoxon_p",
]
