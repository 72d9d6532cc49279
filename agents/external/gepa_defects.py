"""Two defects of gepa 0.1.4, found again by the test kit: `python -m agents.external.gepa_defects`.

The package keeps its own count of metric calls, and looks at it between iterations only (P2); and its cache
numbers the rows of the training and of the validation set from 0 alike, so that it takes one for the other
(P26; issue 424 of its repository). `gepa-pypi` is shielded from both: the ledger refuses, its cache is off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from agents.external.packages import load, require
from sandbox.bridge import Ask, from_blocking
from sandbox.claims import Claims
from sandbox.errors import UsageError
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task
from sandbox.spaces import Candidate, Pool

_NAME = "gepa, as it is"
_PART = "instruction"
FOUND = {"check_budget": "the budget overrun", "check_cache": "the cache mix-up"}


@dataclass(frozen=True)
class AsItIs:
    """`gepa.optimize` with `max_metric_calls`, its cache and its own word for the score of the best.

    The texts of the pool are proposed one after the other. With dev rows, the first half trains and the
    second validates; without, one row trains, and as many validate as the pool has texts.
    """

    name: str = _NAME
    needs = Needs.POOL
    claims = Claims(counts=True, tells_scores=True)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        return self.seeded_plan(task, int(rng.integers(2**31)))

    def seeded_plan(self, task: Task, seed: int) -> Plan[Candidate]:
        """A run with a seed that is a number."""
        require(self.name, "gepa", False)
        gepa = load(self.name, "gepa")
        texts = task.space.texts if isinstance(task.space, Pool) else ()
        rows = range(task.dev_rows) if task.dev_rows else range(1 + len(texts))
        middle = task.dev_rows // 2 if task.dev_rows else 1
        train, val = list(rows[:middle]), list(rows[middle:])

        def main(ask: Ask) -> Candidate:
            adapter = _Adapter(ask, bool(task.dev_rows), gepa.EvaluationBatch)
            found = gepa.optimize(
                seed_candidate={_PART: texts[0]},
                trainset=train,
                valset=val,
                adapter=adapter,
                custom_candidate_proposer=_next_of(texts),
                cache_evaluation=True,
                max_metric_calls=task.budget.rows or task.budget.evaluations,
                skip_perfect_score=False,
                acceptance_criterion="improvement_or_equal",
                seed=seed,
                display_progress_bar=False,
                logger=_Quiet(),
            )
            best = str(found.best_candidate[_PART])
            claimed = float(found.val_aggregate_scores[found.best_idx])
            ask(Recommend(best, claimed, adapter.calls, tuple(val) if task.dev_rows else None))
            return best

        return from_blocking(main)


def _next_of(texts: Sequence[str]) -> Callable[[dict[str, str], Any, Sequence[str]], dict[str, str]]:
    def propose(candidate: dict[str, str], dataset: Any, components: Sequence[str]) -> dict[str, str]:
        following = texts[(texts.index(candidate[_PART]) + 1) % len(texts)]
        return dict.fromkeys(components, following)

    return propose


class _Adapter:
    """What the package calls a system: each metric call is an evaluation."""

    propose_new_texts = None

    def __init__(self, ask: Ask, by_row: bool, batch: Any) -> None:
        self._ask, self._by_row, self._batch = ask, by_row, batch
        self.calls = 0

    def evaluate(self, batch: Sequence[int], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        scores = []
        for row in batch:
            self.calls += 1
            rows = (row,) if self._by_row else None
            scores.append(self._ask(Evaluate(candidate[_PART], rows)).score)
        told = list(scores) if capture_traces else None
        return self._batch(outputs=list(scores), scores=scores, trajectories=told)

    def make_reflective_dataset(
        self, candidate: dict[str, str], evaluated: Any, components: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        return {name: [{"score": str(score)} for score in evaluated.scores] for name in components}


class _Quiet:
    def log(self, message: str) -> None:
        """The package tells everything that it does."""


@click.command()
@click.option("--profile", default="ci", show_default=True, help="quick, ci or nightly.")
def main(profile: str) -> None:
    """Look for the two defects, and show the smallest worlds in which they are."""
    from sandbox.testing import check_agent
    from sandbox.testing.report import text

    try:
        report = check_agent(AsItIs(), only=list(FOUND), profile=profile)
    except UsageError as exc:
        click.echo(f"error: {exc}", err=True)
        raise SystemExit(2) from exc
    for result in report.results:
        click.echo(f"{FOUND[result.check]}:\n{text(result, report.agent)}\n")
    raise SystemExit(0 if all(result.status == "fail" for result in report.results) else 1)


if __name__ == "__main__":
    main()
