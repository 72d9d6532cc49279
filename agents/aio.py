"""AIO: the white box is tuned by zeroth-order gradients of what its instructions score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.adam import Adam
from agents.common import blind_guess, check_real, check_whole, horizon
from agents.costs import Forecast, SpendsAll, Step
from agents.engineers import Engineer, LoraEngineer, SoftEngineer
from agents.reward_model import Features, Posterior, chances, fitted, noise_of, slots
from agents.soft_prompts import PREFIX, Scored, exemplars, shown, soft_prompts, statement, tidy
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task

Array = NDArray[np.float64]
_LARGEST_SEED = 2**31
_IDLE = 12
"""Rounds in a row without a new text before the run ends."""
_TOLD = "Instructions for these examples, and how many answers of a hundred they made right:"
_WRITTEN = 64
"""Tokens of an instruction, at most."""
_RANGE = 16.0
"""The radius stays within so many times its start, and the same part of it."""


class _Settings(NamedTuple):
    """The numbers of a preset."""

    parameters: str
    initial: int
    pairs: int
    slots: int
    radius: float
    rate: float
    demos: int
    redraw: bool
    feedback: bool


_PRESETS = {
    "paper": _Settings("lora", 25, 8, 4, 0.05, 0.01, 5, True, True),
    "default": _Settings("soft", 25, 8, 4, 0.3, 0.1, 5, False, False),
}


@dataclass(frozen=True, slots=True)
class AIO(SpendsAll):
    """Automatic Instruction Optimizer (Qi et al., Findings of EMNLP 2025), reconstructed from its abstract.

    The abstract says: a white-box "instruction engineer" is fine-tuned to write task-aware instructions; the
    gradient is approximated at order zero; Thompson sampling guides it, and feedback of the black box is
    reused, so that fewer queries are needed. Neither text nor code of the rest could be found, so all
    that follows is a reconstruction, its numbers too, also those of the preset "paper".

    A round: the engineer with parameters theta + mu u and theta - mu u, for `pairs` normal directions u
    keyed by a seed (as MeZO, Malladi et al. 2023, to keep memory at that of inference), writes a text
    each. Of the texts not yet scored, `slots` are: each slot draws weights from the posterior of a Bayesian
    linear model on embeddings of the texts (amplitude and offset by marginal likelihood), and takes the
    best. A text that has a score counts with it, however old; the others with their posterior mean. The
    antithetic differences make the gradient of SPSA (Spall, 1992), and Adam goes up. With `slots` = 2 x
    `pairs` and no text known this is SPSA. If more than half of the pairs are two equal texts, mu grows
    by half; else it shrinks by 3 %. Handed in is the scored text of the largest posterior mean, not of
    the largest score.

    Ours beside the reconstruction: a round that brings no new text widens the radius, and heats the next
    one until there is something new (12 such rounds in a row end the run); every text has a part of its
    score that its embedding does not tell, whose size the marginal likelihood chooses, too; an empty text
    counts with the lowest score; a soft prompt starts at the point of the best initial text.

    Every parameter that is None is the preset's: "paper" tunes LoRA and shows the engineer new examples and
    its best and worst texts each round; "default" moves the ten numbers behind a soft prompt, which
    takes a fraction of the time, since a batch decodes one side of all pairs.
    """

    name: str = "aio"
    preset: str = "default"
    """"default" or "paper"."""
    parameters: str | None = None
    """theta: "soft", a point behind a soft prompt, or "lora"."""
    initial: int | None = None
    """Texts scored first: 25, by default at most a third of the evaluations."""
    pairs: int | None = None
    """q, directions a round: 8."""
    slots: int | None = None
    """b, texts scored a round: 4."""
    radius: float | None = None
    """mu at the start: 0.3 for soft prompts' points, 0.05 for LoRA."""
    rate: float | None = None
    """Adam's step size: 0.1 for soft prompts' points, 0.01 for LoRA."""
    demos: int | None = None
    """Worked examples that the engineer reads: 5."""
    redraw: bool | None = None
    """Whether the examples are drawn anew each round."""
    feedback: bool | None = None
    """Whether the engineer reads its three best and two worst texts so far, with their scores."""
    dimensions: int = 10
    """Numbers behind a soft prompt."""
    tokens: int = 5
    """Token embeddings in a soft prompt."""
    rank: int = 8
    """Of LoRA."""
    features: int = 64
    """Dimensions that embeddings are projected to."""
    temperature: float = 0.0
    """Of the texts of a round, 0 is greedy; above 0 the two of a pair share their luck."""
    doubly_robust: bool = False
    """Whether scores correct the posterior means by how likely a text was to be scored: unbiased, noisier."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in _PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(self.preset, _PRESETS)}")
        settings = self.settings
        if settings.parameters not in ("soft", "lora"):
            raise ValueError(f"parameters={settings.parameters!r}: soft or lora")
        for name, low in {"initial": 1, "pairs": 1, "slots": 1, "demos": 0}.items():
            check_whole(name, getattr(settings, name), low)
        check_real("radius", settings.radius, 1e-9, 1e6)
        check_real("rate", settings.rate, 1e-9, 1e6)
        check_whole("dimensions", self.dimensions, 1, 21_201)
        for name in ("tokens", "rank", "features"):
            check_whole(name, getattr(self, name), 1)
        check_real("temperature", self.temperature, 0.0, 100.0)
        switches = {"redraw": settings.redraw, "feedback": settings.feedback}
        for name, value in {**switches, "doubly_robust": self.doubly_robust}.items():
            if not isinstance(value, bool):
                raise ValueError(f"{name}={value!r}: True or False")

    @property
    def settings(self) -> _Settings:
        """The preset with what was given in its place."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _Settings._fields}
        settings = _PRESETS[self.preset]
        if self.parameters is not None and self.parameters != settings.parameters:
            other = next((s for s in _PRESETS.values() if s.parameters == self.parameters), settings)
            settings = settings._replace(radius=other.radius, rate=other.rate)
        return settings._replace(**{k: v for k, v in given.items() if v is not None})

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        ascent = Ascent(self, task, rng)
        yield from Recommend(ascent.best)
        with suppress(BudgetExhausted):
            yield from ascent.begin()
            while ascent.idle < _IDLE:
                yield from ascent.round()
        return ascent.best

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        known, first = self.settings, _initial(self, task)
        soft = self.tokens if known.parameters == "soft" else 0
        embedding = forecast.thinking(1, forecast.instruction)
        yield forecast.decoding(first, soft, known.demos, _WRITTEN)
        yield [embedding] * first
        yield [forecast.decoded()] * first
        while True:
            yield forecast.decoding(2 * known.pairs, soft, known.demos, _WRITTEN)
            yield [embedding] * known.pairs
            yield [forecast.decoded()] * min(known.slots, known.pairs)


def _initial(agent: AIO, task: Task) -> int:
    """Texts that are scored first."""
    most, initial = horizon(task), agent.settings.initial
    if agent.initial is None and agent.preset == "default" and most is not None:
        return max(1, min(initial, -(-most // 3)))
    return initial


def direction(seed: int, number: int, size: int) -> Array:
    """The normal direction of a pair; made again from its seed whenever it is needed."""
    return np.random.default_rng([seed, number]).standard_normal(size)


class Ascent:
    """One run: the parameters, the radius, what was scored, and what is believed."""

    def __init__(self, agent: AIO, task: Task, rng: np.random.Generator) -> None:
        self.agent, self.set, self.task, self.rng = agent, agent.settings, task, rng
        self.best = str(blind_guess(task, rng))
        self.scored = Scored(task)
        self.box = task.lends.white_box
        self.engineer: Engineer
        if self.set.parameters == "soft":
            lift = soft_prompts(agent.dimensions, agent.tokens, self.box.width, rng)
            self.engineer = SoftEngineer(self.box, lift)
        else:
            self.engineer = LoraEngineer(self.box, agent.rank, int(rng.integers(_LARGEST_SEED)))
        self.theta = self.engineer.origin
        self.radius = self.set.radius
        self.adam = Adam(self.set.rate)
        self.demos = exemplars(task, self.set.demos, rng)
        self.embedded: dict[str, Array] = {}
        self.features: Features | None = None
        self.failures: Counter[str] = Counter()
        self.idle = 0
        """Rounds in a row that found no new text."""

    def begin(self) -> Plan[None]:
        """Score varied texts, and start where the best of them came from.

        Raises:
            BudgetExhausted: when an evaluation is refused.
        """
        initial = _initial(self.agent, self.task)
        origins: dict[str, Array] = {}
        for attempt in range(4):  # where the engineer repeats itself, it is heated
            heat = self.agent.temperature + attempt / 3.0
            texts, points = self.engineer.first(initial, self.context(), heat, self.rng)
            for text, point in zip(self.candidates(texts), points, strict=True):
                if text is not None and len(origins) < initial:
                    origins.setdefault(text, point)
            if len(origins) >= initial:
                break
        yield from self.look(list(origins))
        known = [text for text in origins if text in self.scored.known]
        if known:
            self.theta = origins[max(known, key=self.worth_known(known).__getitem__)]

    def round(self) -> Plan[None]:
        """One step up.

        Raises:
            BudgetExhausted: when an evaluation is refused.
        """
        pairs, seed = self.set.pairs, int(self.rng.integers(_LARGEST_SEED))
        plus, minus = self.perturbed(seed)
        same = sum(a == b for a, b in zip(plus, minus, strict=True))
        texts = [text for text in dict.fromkeys(plus + minus) if text is not None]
        new = [t for t in texts if t not in self.scored.known and self.failures[t] < 2]
        taken: list[str] = []
        rarity = np.ones(0)
        if new:
            features = self.of(new)
            before = self.posterior()
            rows = slots(before, features, self.set.slots, self.rng)
            taken = [new[row] for row in rows]
            if self.agent.doubly_robust:
                rarity = chances(before, features, self.set.slots, self.rng)[rows]
            yield from self.look(taken)
        self.idle = 0 if new else self.idle + 1
        scores = self.estimates(texts, dict(zip(taken, rarity.tolist(), strict=False)))
        gradient = np.zeros(len(self.theta))
        for number, (a, b) in enumerate(zip(plus, minus, strict=True)):
            gain = (scores[a] - scores[b]) / (2.0 * self.radius)
            if gain:
                gradient += gain * direction(seed, number, len(self.theta))
        gradient /= pairs
        self.theta = self.engineer.inside(self.adam.step(self.theta, gradient))
        # Nothing can be learned from equal texts, nor new texts be found where all are known.
        grow = 2 * same > pairs or not new
        start = self.set.radius
        self.radius = min(max(self.radius * (1.5 if grow else 0.97), start / _RANGE), start * _RANGE)

    def perturbed(self, seed: int) -> tuple[list[str | None], list[str | None]]:
        """What the engineer writes on either side of theta, pair by pair."""

        def points(sign: float) -> Iterator[Array]:
            for number in range(self.set.pairs):
                yield self.theta + sign * self.radius * direction(seed, number, len(self.theta))

        context, heat = self.context(), self.agent.temperature + min(self.idle, 4) / 4.0
        sides = [self.engineer.write(points(sign), context, heat, seed) for sign in (1.0, -1.0)]
        return self.candidates(sides[0]), self.candidates(sides[1])

    def estimates(self, texts: list[str], rarity: dict[str, float]) -> dict[str | None, float]:
        """What each text counts with, in [0, 1]: its score, or what the model expects.

        `rarity` holds, for texts scored just now, how likely that was; where it is given, the correction is
        the doubly robust one.
        """
        found: dict[str | None, float] = {None: 0.0}
        unknown = [text for text in texts if text not in self.scored.known or text in rarity]
        if unknown:
            worth = self.posterior(without=set(rarity)).worth(self.of(unknown))
            found |= dict(zip(unknown, worth.tolist(), strict=True))
        for text in texts:
            if text in self.scored.known:
                score = self.unit(self.scored.known[text].score)
                found[text] = found[text] + (score - found[text]) / rarity[text] if text in rarity else score
        return found

    def posterior(self, without: frozenset[str] | set[str] = frozenset()) -> Posterior:
        """What is believed, given all scores except those of some texts."""
        known = [text for text in self.scored.known if text not in without]
        scores = np.array([self.unit(self.scored.known[text].score) for text in known])
        if not known:
            return fitted(self.of(list(self.embedded)[:1])[:0], scores, scores)
        return fitted(self.of(known), scores, noise_of(scores, self.rows))

    def worth_known(self, texts: list[str]) -> dict[str, float]:
        """The posterior mean of scored texts."""
        scores = np.array([self.unit(self.scored.known[text].score) for text in texts])
        worth = self.posterior().worth_seen(self.of(texts), scores, noise_of(scores, self.rows))
        return dict(zip(texts, worth.tolist(), strict=True))

    def of(self, texts: list[str]) -> Array:
        """The features of texts; each is embedded once."""
        missing = [text for text in texts if text not in self.embedded]
        if missing:
            rows = np.asarray(self.box.embed(missing), dtype=np.float64)
            self.embedded |= dict(zip(missing, rows, strict=True))
        rows = np.array([self.embedded[text] for text in texts])
        if self.features is None:
            self.features = Features(rows, self.agent.features, self.rng)
        return self.features.of(rows)

    def look(self, texts: list[str]) -> Plan[None]:
        """Score texts, and hand in the best by posterior mean."""
        if not texts:
            return
        answers = yield from self.scored.ask(texts)
        self.failures.update(text for text, answer in zip(texts, answers, strict=True) if answer is None)
        known = list(self.scored.known)
        if known:
            worth = self.worth_known(known)
            leader = max(known, key=worth.__getitem__)
            if leader != self.best:
                self.best = leader
                yield from Recommend(leader)

    def context(self) -> str:
        """What the engineer reads: examples, where `feedback` says so what it wrote, a sentence to finish."""
        if self.set.redraw:
            self.demos = exemplars(self.task, self.set.demos, self.rng)
        known = sorted(self.scored.known.items(), key=lambda item: -item[1].score)
        told = known[:3] + known[-2:] if self.set.feedback and len(known) >= 5 else []
        lines = [f"{round(100 * self.unit(seen.score))}: {text[:200]}" for text, seen in told]
        for kept in range(len(lines), 0, -1):
            text = (
                f"\n{shown(self.demos)}\n\n{_TOLD}\n"
                + "\n".join(lines[:kept])
                + f"\n\nA better one: {PREFIX}"
            )
            room = self.box.positions  # a model with few positions is told less
            if room is None or self.box.count(text) + self.agent.tokens + _WRITTEN <= room:
                return text
        return statement(self.demos)

    def candidates(self, texts: list[str]) -> list[str | None]:
        """What the engineer wrote as candidates; None for nothing."""
        cut = [tidy(text) for text in texts]
        return [self.scored.candidate(f"{PREFIX} {text}") if text else None for text in cut]

    def unit(self, score: float) -> float:
        """A score carried to [0, 1]."""
        low, high = self.task.score_range
        return (score - low) / (high - low)

    @property
    def rows(self) -> int:
        """How many rows a score averages; 20 where nobody says."""
        return self.task.dev_rows or 20
