"""The package gepa, unmodified, as an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.common import blind_guess
from agents.external.line import Line, hosted
from agents.external.packages import check_switch, load, require
from agents.external.visit import Visit
from agents.gepa import GEPA, PASSES, split
from agents.scorebook import space_of
from agents.templates.reflection import feedback
from sandbox.budget import Budget, Cost
from sandbox.protocol import Complete, Needs, Plan, RowResult, Task

_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class GepaPackage:
    """`gepa.optimize` of PyPI; the native agent `gepa` makes the same run without the package.

    The instruction is its only component. Its adapter asks the sandbox for the rows of a batch, its
    reflection model is the black box, in the package's own words. It stops at `calls` by its own count,
    between iterations (up to 2 minibatches and the validation rows late); the ledger keeps the budget at
    every call. Solved training rows would let it skip minibatches for ever, and pay for them where rows are
    not remembered; so without `calls` it is stopped after two epochs of those, as the native agent is.
    """

    name: str = "gepa-pypi"
    selector: str = "pareto"
    """"pareto", "current_best", "epsilon_greedy" or "top_k_pareto"."""
    acceptance: str = "improvement"
    """"improvement" or "improvement_or_equal"."""
    merge: bool = False
    """Passed on; with one component the package never finds a pair to merge."""
    minibatch: int = 3
    """Rows that are reflected on."""
    train: float = 1 / 3
    """The share of dev rows that are reflected on."""
    calls: int | None = None
    """Rows, as the package counts them, after which it begins no iteration; None: the budget ends it."""
    temperature: float = 1.0
    """Of the reflection."""
    any_version: bool = False
    """Whether to try other versions of the package than the tested one."""
    needs = Needs.TEXT | Needs.COMPLETIONS

    def __post_init__(self) -> None:
        check_switch("any_version", self.any_version)
        _ = self._native  # it checks what both have

    @property
    def _native(self) -> GEPA:
        return GEPA(
            name=self.name,
            selector=self.selector,
            acceptance=self.acceptance,
            merge=self.merge,
            minibatch=self.minibatch,
            train=self.train,
            calls=self.calls,
            temperature=self.temperature,
        )

    def require(self) -> None:
        """See `sandbox.protocol.Borrower`."""
        require(self.name, "gepa", self.any_version)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        self.require()
        gepa = load(self.name, "gepa")
        first = str(blind_guess(task, rng))
        train, val = split(task.dev_rows, self.train)
        seed = int(rng.integers(2**63))  # as the native agent draws it

        def run(line: Line) -> None:
            idle = _Idle()
            patience = PASSES * -(-len(train) // self.minibatch)
            gepa.optimize(
                seed_candidate={_PART: first},
                # Both number their rows from 0 inside; a cache of the package would mix them up (0.1.4), and
                # is not needed: the sandbox remembers rows, where that is fair.
                trainset=list(train),
                valset=list(val),
                cache_evaluation=False,
                adapter=_Adapter(line, gepa.EvaluationBatch),
                callbacks=[idle],
                reflection_lm=lambda prompt: line.write([self._question(prompt)])[0][0],
                candidate_selection_strategy=self.selector,
                acceptance_criterion=_CRITERIA[self.acceptance],
                reflection_minibatch_size=self.minibatch,
                use_merge=self.merge,
                max_metric_calls=self.calls,
                stop_callbacks=None if self.calls else [lambda state: idle.skipped >= patience],
                seed=seed,
                run_dir=None,  # or it leaves files, and resumes from a pickle that it does not count
                track_best_outputs=False,
                display_progress_bar=False,
                logger=_Quiet(),
            )

        line = Line(task, first, val, space_of(task).longest)
        return (yield from hosted(line, Visit(rng), run))

    def _question(self, prompt: Any) -> Complete:
        told = (
            prompt if isinstance(prompt, str) else tuple((turn["role"], turn["content"]) for turn in prompt)
        )
        return Complete(told, 1, self.temperature, _TOKENS)

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return self._native.least_useful_budget(task)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return self._native.estimate(task, budget)


_PART = "instruction"
_CRITERIA = {"improvement": "strict_improvement", "improvement_or_equal": "improvement_or_equal"}


class _Adapter:
    """What the package calls a system: rows are asked of the sandbox, whose metric scores them."""

    propose_new_texts = None
    """The package writes the reflection itself."""

    def __init__(self, line: Line, batch: Any) -> None:
        self._line, self._batch = line, batch

    def evaluate(self, batch: Sequence[int], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        (rows,) = self._line.score([candidate[_PART]], [batch])
        return self._batch(
            outputs=[row.answer for row in rows],
            scores=[row.score for row in rows],
            trajectories=rows if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: dict[str, str], evaluated: Any, components: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        rows: list[RowResult] = evaluated.trajectories
        told = [
            {"Inputs": row.input, "Generated Outputs": row.answer, "Feedback": feedback(row)} for row in rows
        ]
        return dict.fromkeys(components, told)


class _Idle:
    """Counts minibatches in a row that left nothing to reflect on."""

    def __init__(self) -> None:
        self.skipped = 0

    def on_evaluation_skipped(self, event: object) -> None:
        self.skipped += 1

    def on_proposal_start(self, event: object) -> None:
        self.skipped = 0


class _Quiet:
    def log(self, message: str) -> None:
        """The package tells everything that it does."""
