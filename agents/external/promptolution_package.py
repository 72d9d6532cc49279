"""Optimizers of the package promptolution, unmodified, as agents: CAPO, the two EvoPrompts, OPRO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.common import blind_guess, check_real, check_whole
from agents.costs import Forecast, Step, first_evaluations, within
from agents.external.line import Line, hosted
from agents.external.packages import check_switch, load, require
from agents.external.promptolution_parts import Parts
from agents.external.visit import Visit
from agents.first_prompts import first_prompts
from agents.scorebook import space_of
from sandbox.budget import Budget, Cost
from sandbox.errors import BudgetExhausted
from sandbox.protocol import Needs, Plan, Recommend, Task

Run = Callable[[Line], object]


@dataclass(frozen=True, slots=True)
class _Promptolution(ABC):
    """What the four share: the first prompts, the parts that talk to the sandbox, how it ends.

    Without first prompts the package would ask the model for some, from the task's description alone; so
    they are given: the seeds, and what the model induces from worked examples, as the native agents do it.
    It ends after `steps`, or when the budget does. An error inside a step ends the package's loop without a
    word (EvoPrompt DE when fewer than four of its prompts differ): what was best by then is handed in.
    """

    name: str = ""
    population: int = 6
    """First prompts, at most."""
    steps: int = 10
    """Of the optimizer."""
    temperature: float = 1.0
    """Of what the model writes."""
    any_version: bool = False
    """Whether to try other versions of the package than the tested one."""
    needs = Needs.TEXT | Needs.COMPLETIONS

    def __post_init__(self) -> None:
        check_whole("population", self.population, 2)
        check_whole("steps", self.steps, 1)
        check_real("temperature", self.temperature, 0.0, 2.0)
        check_switch("any_version", self.any_version)

    def require(self) -> None:
        """See `sandbox.protocol.Borrower`."""
        require(self.name, "promptolution", self.any_version)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        self.require()
        package = load(self.name, "promptolution.optimizers")
        first = str(blind_guess(task, rng))
        yield from Recommend(first)
        try:
            guesses = max(0, self.population - len(space_of(task).seeds))
            # Twice as many are induced as are wanted: many will be equal.
            prompts = yield from first_prompts(task, 2 * guesses, rng)
        except BudgetExhausted:
            return first
        line = Line(task, first, self._judge(task), space_of(task).longest)

        def run(line: Line) -> None:
            parts = Parts(self.name, line, self.temperature)
            self._make(package, parts, prompts[: self.population]).optimize(n_steps=self.steps)

        return (yield from hosted(line, Visit(rng), run))

    def _judge(self, task: Task) -> Sequence[int]:
        """The rows whose mean decides who is handed in."""
        return range(task.dev_rows)

    @abstractmethod
    def _make(self, package: Any, parts: Parts, prompts: list[str]) -> Any:
        """The optimizer."""

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first prompts, scored, and one child."""
        return first_evaluations(self._expected(task), self.population + 1)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        return within(task, budget, self._expected(task))

    def _look(self, task: Task) -> int:
        """Rows that a prompt is scored on."""
        return task.dev_rows

    def _expected(self, task: Task) -> Iterator[Step]:
        forecast = Forecast(task)
        guesses = max(0, self.population - len(space_of(task).seeds))
        if guesses:
            yield forecast.writing(30 + 5 * forecast.shown, 2 * guesses)
        yield [forecast.scoring(self._look(task), vague=True)] * self.population
        asked = forecast.writing(300 + 4 * forecast.instruction, tokens=3 * forecast.instruction)
        for _ in range(self.steps):
            for _ in range(self._texts()):
                yield [asked] * self._children()
            yield [forecast.scoring(self._look(task))] * self._children()

    def _children(self) -> int:
        """New prompts a step."""
        return self.population

    def _texts(self) -> int:
        """Completions a new prompt."""
        return 1


@dataclass(frozen=True, slots=True)
class PromptolutionGA(_Promptolution):
    """EvoPrompt's genetic algorithm as promptolution has it."""

    name: str = "promptolution-evoprompt-ga"

    def _make(self, package: Any, parts: Parts, prompts: list[str]) -> Any:
        return package.EvoPromptGA(**parts.common(prompts))


@dataclass(frozen=True, slots=True)
class PromptolutionDE(_Promptolution):
    """EvoPrompt's differential evolution as promptolution has it; it needs four prompts that differ."""

    name: str = "promptolution-evoprompt-de"

    def _make(self, package: Any, parts: Parts, prompts: list[str]) -> Any:
        return package.EvoPromptDE(**parts.common(prompts))


@dataclass(frozen=True, slots=True)
class PromptolutionOPRO(_Promptolution):
    """OPRO as promptolution has it.

    It shows rows to the model, and a task here tells no row before it is asked; so the first prompt is
    scored on all of them before the package does just that.
    """

    name: str = "promptolution-opro"
    proposals: int = 8
    """New prompts a step."""

    def __post_init__(self) -> None:
        # A dataclass with slots is made anew, and a bare super() would look for the old one.
        _Promptolution.__post_init__(self)
        check_whole("proposals", self.proposals, 1)

    def _make(self, package: Any, parts: Parts, prompts: list[str]) -> Any:
        parts.learn_rows(prompts[0])
        return package.OPRO(**parts.common(prompts), num_instructions_per_step=self.proposals)

    def _children(self) -> int:
        return self.proposals


@dataclass(frozen=True, slots=True)
class PromptolutionCAPO(_Promptolution):
    """CAPO as promptolution has it.

    Its worked examples are those of the task, with the known answers: the package would take a tenth of the
    rows from the evaluation (and fail where that is too little), and have the model reason about them, which
    is no row of the dev split. It races on blocks of rows; what is handed in is the package's own leader at
    the end of each step, and before the first the best on the first block.
    """

    name: str = "promptolution-capo"
    crossovers: int = 4
    """New prompts a step."""
    shots: int = 5
    """Worked examples in a prompt, at most."""
    block: int = 10
    """Rows of a block."""
    blocks: int = 10
    """Of a race, at most."""

    def __post_init__(self) -> None:
        _Promptolution.__post_init__(self)
        check_whole("crossovers", self.crossovers, 1)
        check_whole("shots", self.shots, 0)
        check_whole("block", self.block, 1)
        check_whole("blocks", self.blocks, 1)

    def _make(self, package: Any, parts: Parts, prompts: list[str]) -> Any:
        return package.CAPO(
            **parts.common(prompts, min(self.block, parts.rows)),
            crossovers_per_iter=self.crossovers,
            upper_shots=min(self.shots, len(parts.line.task.demos)),
            max_n_blocks_eval=self.blocks,
            create_fs_reasoning=False,
            df_few_shots=parts.demos(),
        )

    def _judge(self, task: Task) -> Sequence[int]:
        return range(min(self.block, task.dev_rows))

    def _look(self, task: Task) -> int:
        return min(task.dev_rows, self.block * 2)

    def _children(self) -> int:
        return self.crossovers

    def _texts(self) -> int:
        return 2
