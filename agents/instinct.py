"""INSTINCT: a neural bandit over soft prompts, on the hidden states of the white box that reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.common import blind_guess, check_real, check_whole, horizon, preset_with
from agents.costs import Forecast, SpendsAll, Step
from agents.soft_arms import SoftArms, imperative, published
from agents.soft_prompts import Floats, Scored, exemplars, statement
from agents.torch_threads import one_thread
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Needs, Plan, Recommend, Task

if TYPE_CHECKING:
    from agents.neural_bandit import PublishedNet, ScaledNet

_SHARED = 3
"""Arms that may tell the network of one text: all that say it would make fits slow, and say no more."""
_DRY_ROUNDS = 3
"""Rounds of samples in a row without any new text, after which there is nothing to be had."""
_IDLE = 200
"""Published loop without a fixed length: iterations in a row that repeat known texts before it ends."""


class _Settings(NamedTuple):
    """The numbers of a preset."""

    arms: int
    start: int
    total: int
    candidates: int
    steps: int


_PRESETS = {"default": _Settings(512, 16, 0, 512, 1000), "paper": _Settings(10_000, 40, 165, 1000, 1000)}


@dataclass(frozen=True, slots=True)
class Instinct(SpendsAll):
    """INSTINCT: NeuralUCB over soft prompts (Lin et al., ICML 2024, "Use Your INSTINCT").

    Arms are soft prompts A z for Sobol points z. The feature of an arm is the white box's last hidden state
    at the last token of [soft prompt; examples; "The instruction was to"]; a network of one hidden layer of
    100 units predicts the score, and the arm of largest mean plus width is decoded and evaluated.

    `mode="faithful"` is the published code, with what ails it: the network's parameters are all N(0, 1)
    and nothing is scaled, so that the mean over the arms is mostly that of the random start; the first choice
    is made by the untrained network on features that are not standardised; the initial arms are not in U;
    points fill [0, 1]^d only; an arm or text that comes back uses up an iteration. Only the arithmetic is
    ours: the closed form of the width in place of P-long gradients, float32 in place of float64, and scores
    on the same rows every time (the code draws new ones for each instruction).

    `mode="repaired"`, the default: outputs of unit size around the mean score and training to the optimum
    (`neural_bandit.ScaledNet`), features standardised over all arms, initial arms in U, points in
    [-1, 1]^d; arms are decoded `ahead` at a time in the order of their worth, and those whose text is known
    teach the network that text's score for nothing; when all arms are spent they are sampled anew. It hands
    in the text of largest posterior mean, the published code that of largest score.

    Parameters that are None are the preset's: "paper" has 10,000 arms, 40 initial ones, 165 evaluations or
    iterations in all, and 1,000 arms to choose from; "default" is for 50 to 200 evaluations on a CPU.
    """

    name: str = "instinct"
    mode: str = "repaired"
    """"repaired" or "faithful"."""
    preset: str = "default"
    """"default" or "paper"."""
    arms: int | None = None
    """Soft prompts: 512, paper 10,000. Each costs one forward pass of the white box."""
    start: int | None = None
    """Random arms first: 16, paper 40; at most a third of the budget's evaluations."""
    total: int | None = None
    """Evaluations (repaired), or initial arms and iterations (faithful): paper 165; 0 goes by the budget."""
    candidates: int | None = None
    """Arms among which an iteration chooses, drawn anew: 512, paper 1,000."""
    steps: int | None = None
    """Faithful: steps of Adam an iteration, 1,000."""
    nu: float = 1.0
    """Weight of the squared width, the 1 of the published script."""
    penalty: float = 0.1
    """Faithful: lambda. Repaired chooses it by marginal likelihood."""
    dimensions: int = 10
    """d of a soft prompt's point."""
    tokens: int = 5
    """m, token embeddings in a soft prompt."""
    demos: int = 5
    """Worked examples that the white box reads."""
    ahead: int = 8
    """Repaired: arms decoded at once."""
    max_tokens: int = 64
    """In a decoded instruction."""
    needs = Needs.TEXT | Needs.WHITE_BOX
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        for name, valid in (("mode", ("repaired", "faithful")), ("preset", tuple(_PRESETS))):
            if getattr(self, name) not in valid:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: {nearest(str(getattr(self, name)), valid)}"
                )
        settings = self.settings
        check_whole("arms", settings.arms, 2, 1_000_000)
        check_whole("start", settings.start, 1, settings.arms)
        check_whole("total", settings.total, 0)
        check_whole("candidates", settings.candidates, 1)
        check_whole("steps", settings.steps, 1)
        check_real("nu", self.nu, 0.0, 1e9)
        check_real("penalty", self.penalty, 1e-9, 1e9)
        check_whole("dimensions", self.dimensions, 1, 21_201)
        for name in ("tokens", "ahead", "max_tokens"):
            check_whole(name, getattr(self, name), 1)
        check_whole("demos", self.demos, 0)

    @property
    def settings(self) -> _Settings:
        """The preset, with what was given in its place."""
        return preset_with(_PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        search = _Faithful(self, task, rng) if self.mode == "faithful" else _Repaired(self, task, rng)
        yield from Recommend(search.best)
        try:
            yield from search.run()
        except BudgetExhausted:
            return search.best
        return search.best

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        known, most = self.settings, horizon(task)
        yield forecast.thinking(known.arms, forecast.steered(self.tokens, self.demos))
        first = min(known.start, known.start if most is None else -(-most // 3))
        yield forecast.decoding(first, self.tokens, self.demos, self.max_tokens)
        yield [forecast.decoded()] * first
        ahead = self.ahead if self.mode == "repaired" else 1
        for _ in range(known.total - first) if known.total else repeat(None):
            yield forecast.decoding(ahead, self.tokens, self.demos, self.max_tokens)
            yield forecast.decoded()


class _Search:
    """What both modes share: the arms, what was evaluated, and what is handed in."""

    def __init__(self, agent: Instinct, task: Task, rng: np.random.Generator) -> None:
        self.agent, self.set, self.rng = agent, agent.settings, rng
        self.best = str(blind_guess(task, rng))
        self.scored = Scored(task)
        most = horizon(task)
        self.total = self.set.total or most
        """Evaluations or iterations; None where nothing that is counted limits them."""
        third = self.set.start if most is None else -(-most // 3)
        context = statement(exemplars(task, agent.demos, rng))
        low = 0.0 if agent.mode == "faithful" else -1.0
        self.arms = SoftArms(
            task.lends.white_box,
            context,
            self.set.arms,
            agent.dimensions,
            agent.tokens,
            rng,
            low,
            agent.max_tokens,
        )
        self.initial: list[int] = rng.permutation(self.set.arms)[: min(self.set.start, third)].tolist()

    def hand_in(self, text: str | None) -> Plan[None]:
        """Recommend `text`, if it is another one."""
        if text is not None and text != self.best:
            self.best = text
            yield from Recommend(text)


class _Faithful(_Search):
    """The published loop."""

    def run(self) -> Plan[None]:
        """Until the iterations are used up.

        Raises:
            BudgetExhausted: when an evaluation or the white box is refused.
        """
        import torch

        from agents.neural_bandit import PublishedNet

        features = torch.from_numpy(self.arms.features())
        net = PublishedNet(features.shape[1], self.agent.penalty, self.agent.nu, self.rng)
        seen: list[int] = []
        scores: list[float] = []
        yield from self.look(self.initial, seen, scores)
        trained, idle, left = False, 0, self.total - len(self.initial) if self.total else None
        while (left is None or left > 0) and idle < _IDLE:
            drawn = self.rng.permutation(len(self.arms))[: self.set.candidates]
            arm = self._choose(net, features, drawn, seen if trained else [])
            known = len(self.scored.known)
            yield from self.look([arm], seen, scores)
            idle = 0 if len(self.scored.known) > known else idle + 1
            left = None if left is None else left - 1
            if len(seen) > 1:
                self._train(net, features, seen, scores)
                trained = True

    def _choose(self, net: PublishedNet, features: Any, drawn: NDArray[np.int64], seen: list[int]) -> int:
        """The arm of largest worth; features are standardised by the arms seen, once there was training."""
        with one_thread():
            x = features[drawn]
            if seen:
                x = _standardised(x, features[seen])
            return int(drawn[net.choose(x)])

    def _train(self, net: PublishedNet, features: Any, seen: list[int], scores: list[float]) -> None:
        import torch

        with one_thread():
            x = features[seen]
            net.train(_standardised(x, x), torch.tensor(scores, dtype=x.dtype), self.set.steps)

    def look(self, arms: list[int], seen: list[int], scores: list[float]) -> Plan[None]:
        """Decode and evaluate arms; a known text is an observation again, and free."""
        texts = [published(text) for text in self.arms.say(arms)]
        answers = yield from self.scored.ask(texts)
        for arm, answer in zip(arms, answers, strict=True):
            if answer is not None:
                seen.append(arm)
                scores.append(answer.score)
        yield from self.hand_in(self.scored.best)


def _standardised(x: Any, observed: Any) -> Any:
    """By the mean and the sample deviation of the observed arms, as published."""
    return (x - observed.mean(0)) / (observed.std(0) + 1e-30)


class _Repaired(_Search):
    """The loop that wastes nothing."""

    def __init__(self, agent: Instinct, task: Task, rng: np.random.Generator) -> None:
        super().__init__(agent, task, rng)
        self.settled = np.zeros(self.set.arms, dtype=bool)
        """Arms whose text of this round is known, or no candidate, or failed twice."""
        self.failed: Counter[str] = Counter()
        self.score_range, self.rows = task.score_range, max(task.dev_rows, 1)
        self.texts: list[str] = []
        """What each of the network's observed arms says, in their order."""
        self.worth = rng.random(self.set.arms)
        """Mean plus width of each arm; random before the first score."""

    def run(self) -> Plan[None]:
        """Until the white box has nothing new to say.

        Raises:
            BudgetExhausted: when an evaluation or the white box is refused.
        """
        net = self._network(self.arms.features())
        yield from self._ask(net, self.initial)
        dry, before = 0, 0
        while not self.set.total or len(self.scored.known) < self.set.total:
            if self.settled.all():
                dry, before = (0 if len(self.scored.known) > before else dry + 1), len(self.scored.known)
                if dry == _DRY_ROUNDS:
                    return
                self.arms.next_round()
                self.settled[:] = False
            open_arms = np.flatnonzero(~self.settled)
            drawn = self.rng.permutation(open_arms)[: self.set.candidates]
            ranked = drawn[np.argsort(-self.worth[drawn], kind="stable")[: self.agent.ahead]]
            yield from self._ask(net, self._first_new(ranked.tolist()))

    def _network(self, features: Floats) -> ScaledNet:
        from agents.neural_bandit import ScaledNet

        with one_thread():
            return ScaledNet(features, self.rng)

    def _say(self, arms: list[int]) -> list[str | None]:
        """What these arms say; None for what is no candidate, or failed twice."""
        texts = [self.scored.candidate(imperative(text)) for text in self.arms.say(arms)]
        return [None if text is None or self.failed[text] > 1 else text for text in texts]

    def _first_new(self, ranked: list[int]) -> list[int]:
        """Of arms in the order of their worth: one that says something new, and the known ones before it."""
        arms = []
        for arm, text in zip(ranked, self._say(ranked), strict=True):
            arms.append(arm)
            if text is not None and text not in self.scored.known:
                break
        return arms

    def _ask(self, net: ScaledNet, arms: list[int]) -> Plan[None]:
        """Evaluate what these arms say, as far as it is new, train the network, hand in its favourite."""
        texts = self._say(arms)
        answers = yield from self.scored.ask([text or "" for text in texts])
        told = []
        for arm, text, answer in zip(arms, texts, answers, strict=True):
            if text is not None and answer is None:
                self.failed[text] += 1
            self.settled[arm] = text is None or answer is not None or self.failed[text] > 1
            if text is not None and answer is not None and self.texts.count(text) < _SHARED:
                self.texts.append(text)
                told.append(arm)
        if told:
            yield from self.hand_in(self._learn(net, told))

    def _learn(self, net: ScaledNet, told: list[int]) -> str:
        """Train on these arms too; the text of largest posterior mean."""
        import torch

        scores = torch.tensor([self.scored.known[text].score for text in self.texts], dtype=torch.float64)
        copies = Counter(self.texts)
        # One noisy score that several arms share is no more than one score.
        noise = torch.tensor([copies[text] for text in self.texts], dtype=torch.float64)
        with one_thread():
            net.observe(told)
            beliefs = net.fit(scores, noise)
            self.worth = (beliefs.mean + self.agent.nu**0.5 * beliefs.deviation).numpy()
            means = beliefs.mean[net.observed].tolist()
        expected = dict.fromkeys(self.texts, 0.0)
        for text, mean in zip(self.texts, means, strict=True):
            expected[text] += mean / copies[text]
        return self._favourite(expected)

    def _favourite(self, expected: dict[str, float]) -> str:
        """The text of largest posterior mean, which is between its score and what its arms let expect.

        A text's quality is that of its arms plus something of its own, of which the residuals tell the
        variance; its score adds the noise of its rows. Sampled texts of one arm may differ as widely as any.
        """
        texts = list(expected)
        low, high = self.score_range
        scores = (np.array([self.scored.known[text].score for text in texts]) - low) / (high - low)
        arms = (np.array([expected[text] for text in texts]) - low) / (high - low)
        share = (scores.sum() + 1.0) / (len(scores) + 2.0)
        noise = max(share * (1.0 - share), 0.01) / self.rows
        own = max(float(np.square(scores - arms).mean()) - noise, 0.0)
        weight = own / (own + noise)
        return texts[int((weight * scores + (1.0 - weight) * arms).argmax())]
