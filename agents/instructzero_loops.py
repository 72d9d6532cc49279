"""The two loops of InstructZero, as published and repaired; `instructzero.py` says how they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from agents.common import Array, horizon
from agents.coupled_fit import fit_repaired
from agents.coupled_gp import Hyper, Seen
from agents.coupled_memory import Memory, rows_of
from agents.many_cma import Found, maximise
from agents.soft_prompts import Scored, Writer, sobol
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Evaluate, Observation, Plan, Recommend, Task, affordable
from sandbox.spaces import Candidate

Surrogate: TypeAlias = Callable[[Seen, Hyper], Any]
"""`coupled_gp.CoupledGP`, or `coupled_botorch.BotorchGP`."""

RUNS = 25
"""Runs of CMA-ES, one from each of the best points."""
_DRY = 10
"""After so many iterations in a row without a new text the white box is taken to have no more to say."""


class Settings(NamedTuple):
    """The numbers that a preset decides."""

    start: int
    batch: int
    demos: int
    max_tokens: int
    near: int
    """Repaired: points near the best ones that are decoded beside the winners."""
    iterations: int | None
    """After the start; None: until the budget ends."""


def winners(model: Any, starts: Array, best: float, log: bool, rng: np.random.Generator) -> Found:
    """The point of largest (log) expected improvement over `best` of a run of CMA-ES from each start."""
    return maximise(lambda points: model.acquisition(points, best, log), starts, rng)


def standardised(seen: Seen) -> Seen:
    """Scores as the published code has them: mean 0, standard deviation 1."""
    scores = seen.scores - seen.scores.mean()
    return seen._replace(scores=scores / (seen.scores.std(ddof=1) + 1e-9))


class _Log:
    """Every evaluation in order, repeats included, as the published code keeps them."""

    def __init__(self, task: Task, rows: int, rng: np.random.Generator) -> None:
        self._task, self._rows, self._rng = task, rows, rng
        self._scored = Scored(task)
        self._points: list[Array] = []
        self._seen: list[Observation] = []
        self.best: str | None = None
        self._highest = -np.inf

    def look(self, points: Array, texts: list[str]) -> Plan[int]:
        """Evaluate what is new, take in everything; how many texts were new.

        Raises:
            BudgetExhausted: if there are new texts and the budget does not cover the first.
        """
        known = self._scored.known
        candidates = [self._scored.candidate(text) for text in texts]
        new = [text for text in dict.fromkeys(candidates) if text is not None and text not in known]
        answered = 0
        if new:
            answers = yield from affordable([Evaluate(text, self._sample()) for text in new])
            for text, answer in zip(new, answers, strict=False):
                if not isinstance(answer, AnswerFailed):
                    known[text] = answer
                    answered += 1
        for point, candidate in zip(points, candidates, strict=True):
            if candidate is None or candidate not in known:
                continue
            seen = known[candidate]
            self._points.append(point)
            self._seen.append(seen)
            if seen.score >= self._highest:
                self.best, self._highest = candidate, seen.score
        return answered

    def _sample(self) -> tuple[int, ...] | None:
        """Rows anew for each evaluation; None where there are no more than an evaluation takes."""
        if self._task.dev_rows <= self._rows:
            return None
        return tuple(self._rng.choice(self._task.dev_rows, self._rows, replace=False).tolist())

    def data(self) -> Seen:
        """Each evaluation as a text of its own."""
        return Seen(
            np.array(self._points),
            np.arange(len(self._points)),
            np.array([rows_of(seen) for seen in self._seen]),
            np.array([seen.score for seen in self._seen]),
        )


def faithful(
    task: Task, rng: np.random.Generator, settings: Settings, writer: Writer, surrogate: Surrogate,
    fit: Callable[[Seen], Hyper], rows: int, best: Candidate,
) -> Plan[Candidate]:  # fmt: skip
    """The published loop.

    Args:
        task: what is optimized.
        rng: draws everything.
        settings: see there.
        writer: from points to texts.
        surrogate: the model at given parameters.
        fit: its parameters.
        rows: dev rows an evaluation.
        best: what is handed in before anything is known.
    """
    log, done, dry = _Log(task, rows, rng), 0, 0
    points = sobol(settings.start, writer.lift.dimensions, rng, low=0.0)
    try:
        while True:
            fresh = yield from log.look(points, writer.write(points))
            if log.best is not None and log.best != best:
                best = log.best
                yield from Recommend(best)
            dry = 0 if fresh else dry + 1
            if done == settings.iterations or dry > _DRY:
                return best
            done += 1
            data = log.data()
            if len(data.points) < 2:
                points = sobol(settings.start, writer.lift.dimensions, rng, low=0.0)
                continue
            data = standardised(data)
            model = surrogate(data, fit(data))
            top = np.argsort(-data.scores, kind="stable")[: settings.batch]
            found = winners(model, data.points[top], float(data.scores.max()), False, rng)
            points = found.points[np.argsort(-found.values, kind="stable")]
    except BudgetExhausted:
        return best


def repaired(
    task: Task, rng: np.random.Generator, settings: Settings, writer: Writer, surrogate: Surrogate,
    best: Candidate,
) -> Plan[Candidate]:  # fmt: skip
    """The repaired loop; arguments as in `faithful`."""
    memory, dimensions = Memory(task), writer.lift.dimensions
    most = horizon(task)
    start = settings.start if most is None else min(settings.start, max(most // 3, 2))
    try:
        for first in sobol(8 * settings.start, dimensions, rng).reshape(8, -1, dimensions):
            memory.decoded(first, writer.write(first))
            texts = list(memory.pool)[: max(start - len(memory.known), 0)]
            if texts:
                yield from memory.evaluate(texts)
            if len(memory.known) >= start:
                break
        done, dry = 0, 0
        while memory.known and done != settings.iterations and dry < _DRY:
            done += 1
            hyper = fit_repaired(memory.seen())
            model = surrogate(memory.seen(), hyper)
            leader = list(memory.known)[int(model.means.argmax())]
            if leader != best:
                best = leader
                yield from Recommend(best)
            found = winners(model, memory.starts(model, RUNS, rng), float(model.means.max()), True, rng)
            points = np.concatenate([found.points, memory.around(model, settings.near, rng)])
            memory.decoded(points, writer.write(points))
            if not memory.pool:  # all that is near is known
                points = rng.uniform(-1.0, 1.0, (RUNS, dimensions))
                memory.decoded(points, writer.write(points))
            model = surrogate(memory.seen(), hyper)
            chosen = memory.choose(model, settings.batch, float(np.mean(hyper.noise)))
            dry = 0 if chosen else dry + 1
            if chosen:
                yield from memory.evaluate(chosen)
    except BudgetExhausted:
        pass
    if memory.known:
        seen = memory.seen()
        model = surrogate(seen, fit_repaired(seen))
        best = list(memory.known)[int(model.means.argmax())]
    return best
