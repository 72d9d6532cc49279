"""ZOPO: local search among texts that the white box wrote, along the slope of a neural tangent kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.adam import Adam
from agents.common import blind_guess, check_real, check_whole, horizon, preset_with
from agents.costs import Forecast, SpendsAll, Step
from agents.decoded_pool import DecodedPool
from agents.ntk_gp import NtkGP, Slope, untrained
from agents.reward_model import Features, fitted, noise_of
from agents.soft_prompts import Scored, finishing, soft_prompts
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task

Array = NDArray[np.float64]
_REFILLS = 2
"""How often in a row new soft prompts may bring no new text before the search ends."""


class _Settings(NamedTuple):
    """The numbers of a preset."""

    prompts: int
    pool: int
    dimensions: int
    tokens: int
    lowest: float
    demos: int
    initial: int
    data: int
    rate: float
    patience: int
    steps: int
    doubt: str
    threshold: float
    doubts: int
    around: int
    stop_at_top: bool
    smooth: bool


_PRESETS = {
    "paper": _Settings(5000, 500, 200, 10, 0.0, 5, 40, 20, 0.01, 2, 2, "score", 0.01, 5, 10, True, False),
    "default": _Settings(256, 256, 10, 5, -1.0, 5, 40, 20, 0.05, 4, 2, "slope", 0.5, 5, 5, False, True),
}


@dataclass(frozen=True, slots=True)
class ZOPO(SpendsAll):
    """Zeroth-order prompt optimization (Hu et al., NeurIPS 2024), by the authors' published code.

    First a pool of distinct texts: soft prompts of a scrambled Sobol sequence, each continued by the white
    box; a text's embedding is the last layer's hidden state at the last prompt token. Then, from the text
    evaluated last (from the best one at first and after `patience` asks that brought no better one): a
    Gaussian process with the empirical tangent kernel of an untrained 2 x 32 ReLU network, conditioned on
    the `data` nearest evaluated embeddings; Adam steps up its mean; each step is projected to the nearest
    embedding whose text is new; the text of the last step is evaluated. In doubt the texts around are
    evaluated too.

    What the code calls uncertainty is the posterior variance of the *score* at the point where a step
    begins, not of its derivative, although local exploration is about bad derivatives. Before the first
    step, the only one that is counted, the point is one of the data, so this variance is at most the
    noise, 1e-4, and both of its thresholds (0.01 and 0.1) are out of reach; what the code saw above them
    is float32 rounding of kernel entries of 1e4 to 1e6. In float64, as here, `doubt="score"` explores only
    where the gradient is 0. (`threshold=0.0` explores every fifth ask, which is what rounding makes of the
    code: 0.03 to 0.75 instead of 1e-4 on random embeddings of width 5120.) `doubt="slope"`, the default and
    ours, is the share of the prior variance of the derivative along the gradient that the data leave.

    The code believes every score; where scores are means of 20 rows, that costs it its gain over random
    texts of the pool. `smooth`, ours and the default, puts posterior means in their place: of a linear
    model on the embeddings, with a part of its own for each text (`agents/reward_model.py`).

    Further departures: the white box finishes the sentence "The instruction was to" instead of being asked
    for it; when no text is new, new soft prompts are decoded, at temperature 1; exploration happens once
    an ask (the code can repeat it for ever).

    Every parameter that is None is the preset's: "paper" is the code's script, "default" is for a hundred
    evaluations on a CPU.
    """

    name: str = "zopo"
    preset: str = "default"
    """"default" or "paper"."""
    prompts: int | None = None
    """Soft prompts to decode: 256, paper 5,000."""
    pool: int | None = None
    """At most so many texts: 256, paper 500."""
    dimensions: int | None = None
    """d of a soft prompt's point: 10, paper 200."""
    tokens: int | None = None
    """m, token embeddings in a soft prompt: 5, paper 10."""
    lowest: float | None = None
    """Points are in [lowest, 1]^d: -1, paper 0."""
    demos: int | None = None
    """Worked examples that the white box reads: 5."""
    initial: int | None = None
    """Random texts evaluated first: 40, by default at most a third of the evaluations."""
    data: int | None = None
    """How many evaluated texts, the nearest, the process is conditioned on: 20."""
    rate: float | None = None
    """Step size of Adam, in the embedding's units: 0.05, paper 0.01 (0.5 is its code's own default)."""
    patience: int | None = None
    """Asks without a better text before the search goes back to the best: 4, paper 2."""
    steps: int | None = None
    """The most steps an ask: 2."""
    doubt: str | None = None
    """"score" (paper) or "slope" (default), see above."""
    threshold: float | None = None
    """Doubt above which there is only one step: 0.5 of the prior's, paper a variance of 0.01."""
    doubts: int | None = None
    """Asks in a row that begin in doubt before the texts around are evaluated: 5."""
    around: int | None = None
    """How many of the nearest texts are looked at then: 5, paper 10."""
    stop_at_top: bool | None = None
    """Whether a score at the top of the metric's range ends the run: no, paper yes."""
    smooth: bool | None = None
    """Whether posterior means stand for scores, see above: yes, paper no."""
    hidden: int = 32
    """Units of each hidden layer of the untrained network."""
    depth: int = 2
    """Its hidden layers."""
    noise: float = 1e-4
    """Variance of the scores' noise in the process."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in _PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(self.preset, _PRESETS)}")
        settings = self.settings
        whole = {"prompts": 1, "pool": 1, "dimensions": 1, "tokens": 1, "demos": 0, "initial": 1, "data": 1}
        whole |= {"patience": 0, "steps": 1, "doubts": 1, "around": 0}
        for name, low in whole.items():
            check_whole(name, getattr(settings, name), low, 21_201 if name == "dimensions" else None)
        check_real("lowest", settings.lowest, -1.0, 0.99)
        check_real("rate", settings.rate, 1e-9, 1e6)
        check_real("threshold", settings.threshold, 0.0, 1e9)
        check_whole("hidden", self.hidden, 1)
        check_whole("depth", self.depth, 1)
        check_real("noise", self.noise, 1e-12, 1e6)
        if settings.doubt not in ("score", "slope"):
            raise ValueError(f"doubt={settings.doubt!r}: score or slope")
        for name in ("stop_at_top", "smooth"):
            if not isinstance(getattr(settings, name), bool):
                raise ValueError(f"{name}={getattr(settings, name)!r}: True or False")

    @property
    def settings(self) -> _Settings:
        """The preset with what was given in its place."""
        return preset_with(_PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        search = _Search(self, task, rng)
        yield from Recommend(search.best)
        with suppress(BudgetExhausted):
            yield from search.run()
        return search.best

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        known, initial = self.settings, _initial(self, task)
        yield forecast.decoding(known.prompts, known.tokens, known.demos)
        pool = min(known.pool, known.prompts)
        yield forecast.thinking(pool, forecast.steered(known.tokens, known.demos))
        yield [forecast.decoded()] * min(initial, pool)
        while True:
            yield forecast.decoded()


def _initial(agent: ZOPO, task: Task) -> int:
    """Random texts that are evaluated first."""
    most, initial = horizon(task), agent.settings.initial
    if agent.initial is None and agent.preset == "default" and most is not None:
        return max(1, min(initial, -(-most // 3)))
    return initial


class _Search:
    """One run: the pool, what was evaluated, and where the search stands."""

    def __init__(self, agent: ZOPO, task: Task, rng: np.random.Generator) -> None:
        self.agent, self.set, self.task, self.rng = agent, agent.settings, task, rng
        self.best = str(blind_guess(task, rng))
        self.scored = Scored(task)
        box = task.lends.white_box
        lift = soft_prompts(self.set.dimensions, self.set.tokens, box.width, rng)
        self.pool = DecodedPool(finishing(task, lift, self.set.demos, 64, rng), self.set.lowest, rng)
        self.net = untrained(box.hidden_width, rng, agent.hidden, agent.depth)
        self.rows: list[int] = []
        """Of the pool, in the order of their evaluation; the last one is where the next ask starts."""
        self.values: list[float] = []
        """Their scores."""
        self.worth: Array = np.zeros(0)
        """What stands for the scores; see `ZOPO.smooth`."""
        self.features: Features | None = None
        self.tried: Counter[int] = Counter()
        self.adam = Adam(self.set.rate)
        self.top = 0.0
        """The best score that an ask started from; the best initial one at first."""
        self.idle = 0
        """Asks since the best score rose."""
        self.doubts = 0
        """Asks in a row that began in doubt."""

    def run(self) -> Plan[None]:
        """The whole search; it ends by itself when nothing new can be written.

        Raises:
            BudgetExhausted: when an evaluation is refused.
        """
        self.pool.grow(self.set.prompts, self.set.pool, self.scored.candidate)
        initial = _initial(self.agent, self.task)
        yield from self.look(self.rng.permutation(len(self.pool.texts))[:initial].tolist())
        while not self.rows:  # a text whose evaluation failed is tried once more
            if not self.fresh().any() and not self.refill():
                return
            yield from self.look(np.flatnonzero(self.fresh())[:1].tolist())
        self.top, start = float(self.worth.max()), self.leader()
        while self.fresh().any() or self.refill():
            if self.set.stop_at_top and max(self.values) >= self.task.score_range[1]:
                return
            row = yield from self.ask(start)
            if row is not None:
                yield from self.look([row])
            start = self.rows[-1]

    def ask(self, start: int) -> Plan[int | None]:
        """The row to evaluate next; None where exploration left none that is new."""
        value = float(self.worth[self.rows.index(start)])
        self.idle = 0 if value > self.top else self.idle + 1
        self.top = max(self.top, value)
        if self.idle > self.set.patience:
            start, self.idle, self.adam = self.leader(), 0, Adam(self.set.rate)
        point, chosen, explored, step = self.pool.points[start], None, False, 0
        gp = self.model(point)
        while step < self.set.steps:
            slope = gp.slope(point)
            doubt = self.doubt(gp, point, slope)
            if step == 0 and not explored:
                self.doubts = self.doubts + 1 if doubt > self.set.threshold else 0
            if not explored and (not slope.gradient.any() or self.may_explore()):
                explored, self.idle, self.doubts = True, 0, 0
                yield from self.look(self.around(self.pool.points[start]))
                gp = self.model(self.pool.points[start])
                continue
            if step > 0 and doubt >= self.set.threshold:
                break
            near = self.by_distance(self.adam.step(point, slope.gradient))
            near = near[self.fresh()[near]]
            if near.size == 0:
                break
            chosen, step = int(near[0]), step + 1
            point = self.pool.points[chosen]
            if doubt >= self.set.threshold:
                break
        return chosen

    def may_explore(self) -> bool:
        """Whether there was doubt for long enough, and the budget covers a look around."""
        most = horizon(self.task)
        asked = self.tried.total()
        return self.doubts >= self.set.doubts and (most is None or asked <= most - self.set.around)

    def doubt(self, gp: NtkGP, point: Array, slope: Slope) -> float:
        """How little is known at a point, by the settings' measure."""
        if self.set.doubt == "score":
            return gp.variance(point)
        return slope.variance / slope.prior if slope.prior > 0.0 else 1.0

    def model(self, point: Array) -> NtkGP:
        """The process on the evaluated texts nearest to `point`."""
        apart = np.linalg.norm(self.pool.points[self.rows] - point, axis=1)
        near = np.argsort(apart, kind="stable")[: self.set.data]
        scores = self.worth[near]
        return NtkGP(self.net, self.pool.points[np.array(self.rows)[near]], scores, self.agent.noise)

    def around(self, point: Array) -> list[int]:
        """Those of the nearest texts of the pool that are new."""
        near = self.by_distance(point)[: self.set.around]
        rows: list[int] = near[self.fresh()[near]].tolist()
        return rows

    def by_distance(self, point: Array) -> NDArray[np.intp]:
        """All rows of the pool, the nearest first."""
        return np.argsort(np.linalg.norm(self.pool.points - point, axis=1), kind="stable")

    def fresh(self) -> NDArray[np.bool_]:
        """Which rows may be evaluated: neither known nor failed twice."""
        fresh = np.ones(len(self.pool.texts), dtype=bool)
        fresh[self.rows] = False
        fresh[[row for row, times in self.tried.items() if times > 1]] = False
        return fresh

    def leader(self) -> int:
        """The row that is worth most, the first of equals."""
        return self.rows[int(self.worth.argmax())]

    def refill(self) -> bool:
        """Let the white box write more, now at temperature 1; whether that brought new texts."""
        grow, prompts, most = self.pool.grow, self.set.prompts, self.set.pool
        return any(grow(prompts, most, self.scored.candidate, 1.0) for _ in range(_REFILLS))

    def look(self, rows: list[int]) -> Plan[None]:
        """Evaluate these rows of the pool, and hand in the best text known."""
        if not rows:
            return
        texts = list(self.pool.texts)
        answers = yield from self.scored.ask([texts[row] for row in rows])
        for row, answer in zip(rows, answers, strict=True):
            self.tried[row] += 1
            if answer is not None and row not in self.rows:
                self.rows.append(row)
                self.values.append(answer.score)
        if not self.rows:
            return
        self.worth = self.smoothed() if self.set.smooth else np.array(self.values)
        best = texts[self.leader()] if self.set.smooth else self.scored.best
        if best is not None and best != self.best:
            self.best = best
            yield from Recommend(best)

    def smoothed(self) -> Array:
        """The posterior means of the scored texts."""
        if self.features is None:
            self.features = Features(self.pool.points, 64, self.rng)
        low, high = self.task.score_range
        features = self.features.of(self.pool.points[self.rows])
        unit = (np.array(self.values) - low) / (high - low)
        noise = noise_of(unit, self.task.dev_rows or 20)
        return low + (high - low) * fitted(features, unit, noise).worth_seen(features, unit, noise)
