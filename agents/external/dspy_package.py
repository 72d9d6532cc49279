"""Optimizers of the package dspy, unmodified, as agents: MIPROv2 and COPRO, zero-shot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.common import blind_guess, check_real, check_whole
from agents.costs import Forecast, Step, first_evaluations, within
from agents.external.dspy_parts import Parts, quiet_import
from agents.external.line import Line, hosted
from agents.external.packages import check_switch, load, require
from agents.external.visit import Global, Visit
from agents.gepa import split
from agents.scorebook import space_of
from sandbox.budget import Budget, Cost
from sandbox.errors import nearest
from sandbox.protocol import Needs, Plan, Task

SIZES = {"light": 6, "medium": 12, "heavy": 18}
"""Instructions that MIPROv2 proposes."""
_FEW = 50
"""Rows up to which each trial of MIPROv2 is on all of them."""


@dataclass(frozen=True, slots=True)
class _Dspy(ABC):
    """What both share: how a program of dspy becomes an instruction, and how it ends.

    The program is one `dspy.Predict`, whose signature carries the instruction. How a signature is put to a
    model is decided in dspy by an adapter; ours lets the sandbox evaluate the instruction on the row that is
    meant, with its own prompt and its own metric. All that the optimizers write goes through dspy's own chat
    adapter to the black box. Examples inside a program have no place in an instruction, so there are none.
    An answer of the model that dspy cannot read twice in a row ends its run; what was best is handed in.
    """

    name: str = ""
    any_version: bool = False
    """Whether to try other versions of the package than the tested one."""
    needs = Needs.TEXT | Needs.COMPLETIONS

    def __post_init__(self) -> None:
        check_switch("any_version", self.any_version)

    def require(self) -> None:
        """See `sandbox.protocol.Borrower`."""
        require(self.name, "dspy", self.any_version)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        self.require()
        dspy = quiet_import(self.name)
        optuna = load(self.name, "optuna")
        first = str(blind_guess(task, rng))
        seed = int(rng.integers(1, 2**31))  # at places it takes 0 for no seed
        line = Line(task, first, self._rows(task)[1], space_of(task).longest)

        def run(line: Line) -> None:
            parts = Parts(dspy, line)
            with parts.settings():
                try:
                    self._compile(dspy, parts, seed)
                except parts.unreadable:
                    return

        verbosity = Global(optuna.logging.get_verbosity, optuna.logging.set_verbosity)
        return (yield from hosted(line, Visit(rng, (verbosity,)), run))

    @abstractmethod
    def _rows(self, task: Task) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Rows that are shown to the writer, and rows that judge."""

    @abstractmethod
    def _compile(self, dspy: Any, parts: Parts, seed: int) -> object:
        """What compiling returns."""

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, self._expected(task))

    @abstractmethod
    def _expected(self, task: Task) -> Iterator[Step]:
        """The steps that it expects to take."""


@dataclass(frozen=True, slots=True)
class DspyMIPRO(_Dspy):
    """MIPROv2: instructions written from a description of rows and program, chosen by Optuna's TPE.

    Opsahl-Ong et al. (2024), "Optimizing instructions and demonstrations for multi-stage language model
    programs". The rows of `train` are shown to the writer, the others judge. A task here tells no row before
    it is asked: the first instruction is scored on all of them, as the package is about to do anyway.
    """

    name: str = "dspy-mipro"
    auto: str = "light"
    """"light", "medium" or "heavy": 6, 12 or 18 instructions."""
    train: float = 0.2
    """The share of dev rows that the writer is shown; dspy's own share."""
    minibatch: int = 35
    """Rows of a trial, where more than 50 judge."""

    def __post_init__(self) -> None:
        if self.auto not in SIZES:
            raise ValueError(f"auto={self.auto!r}: {nearest(str(self.auto), SIZES)}")
        _Dspy.__post_init__(self)  # a dataclass with slots is made anew: super() would look for the old one
        check_real("train", self.train, 0.0, 1.0)
        check_whole("minibatch", self.minibatch, 1, 50)

    def _rows(self, task: Task) -> tuple[tuple[int, ...], tuple[int, ...]]:
        train, val = split(task.dev_rows, self.train)
        # It draws this many where there are more, and nothing must hang on which.
        return train, val[: {"light": 100, "medium": 300, "heavy": 1000}[self.auto]]

    def _compile(self, dspy: Any, parts: Parts, seed: int) -> object:
        train, val = self._rows(parts.line.task)
        examples = parts.examples()
        optimizer = dspy.MIPROv2(
            metric=parts.metric,
            auto=self.auto,
            max_bootstrapped_demos=0,
            max_labeled_demos=0,
            num_threads=1,  # with more, calls go on after a stop, in another order each time
            seed=seed,
            track_stats=False,
        )
        return optimizer.compile(
            parts.program(),
            trainset=[examples[row] for row in train],
            valset=[examples[row] for row in val],
            minibatch_size=self.minibatch,
        )

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first instruction, all that is written, and one trial."""
        _, val = self._rows(task)
        return first_evaluations(self._expected(task), 1 + min(self._trial(val), len(val)))

    def _trial(self, val: tuple[int, ...]) -> int:
        """Rows of a trial."""
        return self.minibatch if len(val) > _FEW else len(val)

    def _expected(self, task: Task) -> Iterator[Step]:
        forecast, n = Forecast(task), SIZES[self.auto]
        train, val = self._rows(task)
        yield forecast.scoring(task.dev_rows, vague=True)
        shown = 300 + forecast.shown * min(len(train), 10)
        for _ in range(2 + min((len(train) - 1) // 10, 9)):
            yield forecast.writing(shown, tokens=40)
        for _ in range(3 * n):
            yield forecast.writing(400 + 3 * forecast.shown, tokens=40)
        trials = int(max(2 * np.log2(n), 1.5 * n))
        for trial in range(1, trials + 1):
            # On all rows it tries instructions again, which are free then; about so many are new.
            if len(val) > _FEW or trial < n:
                yield from [forecast.scoring(1)] * self._trial(val)
            if len(val) > _FEW and (trial % 5 == 0 or trial == trials):
                yield from [forecast.scoring(1)] * (len(val) - self._trial(val))


@dataclass(frozen=True, slots=True)
class DspyCOPRO(_Dspy):
    """COPRO: new instructions from the old ones with their scores, `breadth` at a time, `depth` times.

    It shows the writer no rows. All dev rows judge.
    """

    name: str = "dspy-copro"
    breadth: int = 4
    """Instructions a round; dspy's own default is 10."""
    depth: int = 3
    """Rounds."""
    temperature: float = 1.4
    """Of what the model writes."""

    def __post_init__(self) -> None:
        _Dspy.__post_init__(self)
        check_whole("breadth", self.breadth, 2)
        check_whole("depth", self.depth, 1)
        check_real("temperature", self.temperature, 0.0, 2.0)

    def _rows(self, task: Task) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return (), tuple(range(task.dev_rows))

    def _compile(self, dspy: Any, parts: Parts, seed: int) -> object:
        optimizer = dspy.COPRO(
            metric=parts.metric, breadth=self.breadth, depth=self.depth, init_temperature=self.temperature
        )
        return optimizer.compile(parts.program(), trainset=parts.numbered(), eval_kwargs={"num_threads": 1})

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first texts, and the score of one."""
        return first_evaluations(self._expected(task), task.dev_rows)

    def _expected(self, task: Task) -> Iterator[Step]:
        forecast = Forecast(task)
        for depth in range(self.depth):
            for _ in range(self.breadth - (depth == 0)):
                yield forecast.writing(250 + depth * self.breadth * (20 + forecast.instruction), tokens=40)
            yield from [forecast.scoring(1)] * (task.dev_rows * self.breadth)
