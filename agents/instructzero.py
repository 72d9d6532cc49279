"""InstructZero: Bayesian optimization of a soft prompt that a white box turns into an instruction."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from agents.common import blind_guess, check_whole, horizon, preset_with
from agents.costs import Forecast, SpendsAll, Step
from agents.coupled_fit import fit_published
from agents.coupled_gp import CoupledGP, Hyper, Seen
from agents.instructzero_loops import RUNS, Settings, Surrogate, faithful, repaired
from agents.random_soft_prompt import ASKS
from agents.soft_prompts import answering, finishing, soft_prompts
from sandbox.claims import Claims
from sandbox.errors import MissingExtra, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task
from sandbox.spaces import Candidate

_PRESETS = {
    ("default", "repaired"): Settings(25, 5, 5, 64, 25, None),
    ("default", "faithful"): Settings(25, 25, 5, 64, 0, None),
    ("paper", "repaired"): Settings(25, 25, 5, 128, 25, 5),
    ("paper", "faithful"): Settings(25, 25, 5, 128, 0, 5),
}
_NAMES = tuple(dict.fromkeys(name for name, _ in _PRESETS))
_MODES = ("repaired", "faithful")
_MODELS = ("closed-form", "botorch")


@dataclass(frozen=True, slots=True)
class InstructZero(SpendsAll):
    """Chen et al. (2023), arXiv:2306.03082; what the published code does, or that repaired.

    A Gaussian process over points z in [-1, 1]^d, whose kernel couples soft prompts and instructions
    (`coupled_gp.py`), says which soft prompts to decode and evaluate next.

    mode="faithful" is the published loop with its defects: the first points are Sobol points of [0, 1]^d
    although the domain is [-1, 1]^d; the 25 next ones are the winners of 25 independent runs of CMA-ES
    (population 50, first step 0.8, at most 10 generations) from the 25 best points; lengthscales stay at the
    mode of their prior, 1/3 (`coupled_fit.py`), so that the expected improvement is 0 all but everywhere
    and each winner is a Gaussian perturbation of its start; where the task has more than `rows` dev rows,
    each new text gets a random sample of them, though the kernel compares scores row by row; the white
    box answers a question, and its whole answer is the instruction; a known text costs nothing and joins
    the model again; the text of largest score, the latest of equals, is handed in. Differences: the runs of
    CMA-ES are our own (`many_cma.py`) and do not stop early; an empty answer is not evaluated; `iterations`
    may go on until the budget ends. One more defect of the published code is left out: in a batch of
    candidates it took k(z_i, z_1) for the prior variance of z_i. That changes the rank of points whose
    expected improvement underflows to 0 anyway (`tests/benchmarks/instructzero.py` shows both).

    mode="repaired": all dev rows for all texts; S is how often two texts agree on a row; one latent
    lengthscale, and a jitter that smooths between texts, by the likelihood of a plain Matern process; the
    variance that interpolation leaves open is part of the kernel; known noise; log EI over the best posterior
    mean; Sobol points of the whole domain. The winners, and some points near the best, are decoded before
    any is evaluated: those with a known text inform the model for free; of the others `batch` are chosen,
    one after the other, each as if the ones before were seen. The best posterior mean is handed in.
    """

    name: str = "instructzero"
    mode: str = "repaired"
    """"repaired" or "faithful"."""
    preset: str = "default"
    """"default" or "paper"."""
    start: int | None = None
    """Sobol points first: 25 (repaired: distinct texts, at most a third of the budget)."""
    batch: int | None = None
    """Evaluations an iteration: 25; by default 5 where repaired."""
    iterations: int | None = None
    """Iterations after the start: paper 5, default until the budget ends."""
    demos: int | None = None
    """Worked examples that the white box reads: 5."""
    max_tokens: int | None = None
    """The longest answer of the white box, in tokens: 64, paper 128."""
    near: int | None = None
    """Repaired: points near the best that are decoded beside the 25 winners: 25."""
    rows: int = 20
    """Dev rows an evaluation, where faithful; repaired always takes all."""
    dimensions: int = 10
    """d of the points."""
    tokens: int = 5
    """m, token embeddings in a soft prompt."""
    ask: str | None = None
    """How the white box is asked: "question", or "statement" where repaired by default."""
    model: str = "closed-form"
    """"closed-form" or "botorch": who computes the Gaussian process; they agree to rounding."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        for name, value, valid in (
            ("mode", self.mode, _MODES),
            ("preset", self.preset, _NAMES),
            ("ask", self.ask, (None, *ASKS)),
            ("model", self.model, _MODELS),
        ):
            if value not in valid:
                raise ValueError(f"{name}={value!r}: {nearest(str(value), [v for v in valid if v])}")
        lowest = {"start": 2, "batch": 1, "iterations": 1, "demos": 0, "max_tokens": 1, "near": 0}
        for name, low in lowest.items():
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), low, 10_000)
        check_whole("rows", self.rows, 1)
        check_whole("dimensions", self.dimensions, 1, 1000)
        check_whole("tokens", self.tokens, 1, 100)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        """See `sandbox.protocol.Agent`."""
        settings = preset_with(_PRESETS[self.preset, self.mode], self)
        surrogate, fit = self._model()
        best = blind_guess(task, rng)
        yield from Recommend(best)
        lift = soft_prompts(self.dimensions, self.tokens, task.lends.white_box.width, rng)
        ask = self.ask or ("question" if self.mode == "faithful" else "statement")
        make = finishing if ask == "statement" else answering
        writer = make(task, lift, settings.demos, settings.max_tokens, rng)
        if self.mode == "faithful":
            return (yield from faithful(task, rng, settings, writer, surrogate, fit, self.rows, best))
        return (yield from repaired(task, rng, settings, writer, surrogate, best))

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        known, most = preset_with(_PRESETS[self.preset, self.mode], self), horizon(task)
        rows = min(self.rows, task.dev_rows) if self.mode == "faithful" else None
        first = known.start
        if self.mode == "repaired" and most is not None:
            first = min(first, max(most // 3, 2))
        decoded, scored = known.start, first
        for _ in count() if known.iterations is None else range(known.iterations + 1):
            yield forecast.decoding(decoded, self.tokens, known.demos, known.max_tokens)
            yield [forecast.decoded(rows)] * scored
            decoded, scored = RUNS + known.near, known.batch

    def _model(self) -> tuple[Surrogate, Callable[[Seen], Hyper]]:
        """Who computes the Gaussian process, and who fits it as published."""
        if self.model == "closed-form":
            return CoupledGP, fit_published
        try:
            with warnings.catch_warnings():  # torch deprecates what its dependents still import
                warnings.simplefilter("ignore")
                importlib.import_module("botorch")
        except ImportError as error:
            raise MissingExtra("instructzero with model=botorch", "bo") from error
        from agents.coupled_botorch import BotorchGP, fit_by_botorch

        return BotorchGP, fit_by_botorch
