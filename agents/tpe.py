"""Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from agents.common import Array, Means, blind_guess, check_real, check_whole, in_box
from agents.costs import SpendsAll
from agents.text_features import coordinates
from sandbox.bridge import from_ask_tell
from sandbox.claims import Claims
from sandbox.errors import MissingExtra
from sandbox.protocol import Needs, Plan, Recommend, Task
from sandbox.spaces import Box, Candidate, FreeText, Space

_Token: TypeAlias = tuple[Any, Candidate]
"""A trial of optuna's, and the candidate that was evaluated for it."""


@dataclass(frozen=True, slots=True)
class TPE(SpendsAll):
    """Optuna's TPE: prefers points that are likely among the good ones and unlikely among the rest.

    Bergstra et al. (2011), "Algorithms for Hyper-Parameter Optimization"; Watanabe (2023), "Tree-Structured
    Parzen Estimator"; by the package `optuna` (extra `bridge`), multivariate. In a box each dimension is
    a float. On a pool an index would be a category without neighbours, from which TPE could learn
    nothing about texts not seen; so it searches the first `axes` principal coordinates of the texts
    (`text_features.py`), and the text nearest to the point it proposes is evaluated. It hands in
    the best mean of what was looked at, mixed with `caution` looks at the mean of all on a pool.
    """

    name: str = "tpe"
    startup: int = 10
    """Random trials before the estimator is asked."""
    batch: int = 1
    """How many candidates to ask for at once."""
    axes: int = 2
    """Pools: principal coordinates."""
    caution: float = 0.5
    """Pools: looks at the mean of all texts that each mean mixes in, against the winner's curse."""
    needs = Needs.POOL | Needs.BOX
    claims = Claims(seeded=True, random_start=True, uses=0.9, affine=True, rank_based=True)

    def __post_init__(self) -> None:
        check_whole("startup", self.startup, 1)
        check_whole("batch", self.batch, 1)
        check_whole("axes", self.axes, 1, 50)
        check_real("caution", self.caution, 0.0, 100.0)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        try:
            import optuna
        except ImportError as error:
            raise MissingExtra(self.name, "bridge") from error
        yield from Recommend(blind_guess(task, rng))
        failures: dict[Candidate, int] = {}
        names, candidate_at = self._encode(task.space, failures)
        floats: dict[str, Any] = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names}
        means: Means[Candidate] = Means(0.0 if isinstance(task.space, Box) else self.caution)
        with _quietly(optuna):
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=self.startup, multivariate=True, seed=int(rng.integers(2**32))
            )
            study = optuna.create_study(direction="maximize", sampler=sampler)

        def ask() -> tuple[_Token, Candidate]:
            with _quietly(optuna):
                trial = study.ask(floats)
            candidate = candidate_at(np.array([trial.params[name] for name in names]))
            return (trial, candidate), candidate

        def tell(token: _Token, score: float) -> None:
            trial, candidate = token
            with _quietly(optuna):
                study.tell(trial, score)
            means.add(candidate, score)
            failures.pop(candidate, None)

        def give_up(token: _Token) -> None:
            trial, candidate = token
            with _quietly(optuna):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            failures[candidate] = failures.get(candidate, 0) + 1

        return (yield from from_ask_tell(ask, tell, give_up, self.batch, lambda: means.best))

    def _encode(
        self, space: Space, failures: Mapping[Candidate, int]
    ) -> tuple[list[str], Callable[[Array], Candidate]]:
        """Names of the coordinates in [0, 1], and the candidate at a point of them.

        Of texts the nearest is meant, except those that failed twice in a row: TPE is not told of
        failures and would propose them for ever.
        """
        if isinstance(space, Box):
            return [f"x{i}" for i in range(space.dimensions)], lambda point: in_box(space, point)
        if isinstance(space, FreeText):
            raise TypeError(f"this agent plays on pools and boxes, and this is {space}")
        texts = space.texts
        places = coordinates(texts, self.axes)

        def nearest(point: Array) -> Candidate:
            order: list[int] = ((places - point) ** 2).sum(axis=1).argsort(kind="stable").tolist()
            return next((texts[i] for i in order if failures.get(texts[i], 0) < 2), texts[order[0]])

        return [f"axis{i}" for i in range(places.shape[1])], nearest


@contextmanager
def _quietly(optuna: Any) -> Iterator[None]:
    """Without optuna's log lines and its warnings of what is experimental; all is put back after."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
