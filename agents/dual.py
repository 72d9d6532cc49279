"""The Dual method: a black box proposes instructions, a white box refines them by what it reads in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_real, check_whole, horizon, preset_with
from agents.costs import Forecast, SpendsAll, Step
from agents.dual_features import POOLINGS, SOURCES, Reader
from agents.soft_arms import SoftArms, imperative
from agents.soft_prompts import PREFIX, Scored, exemplars, shown, statement
from agents.torch_threads import one_thread
from sandbox.budget import Cost
from sandbox.claims import Claims
from sandbox.errors import AnswerFailed, BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Recommend, Task, gather
from sandbox.tokens import count

_PROPOSE = f"""\
You write instructions for a chatbot that has to turn given inputs into wanted outputs. Here are inputs with \
the outputs that somebody wanted:

{{demos}}

Write {{count}} different instructions that could have led to these outputs, as a numbered list, one per \
line. Each begins with "{PREFIX}". They state the general rule behind the pairs, never mention or copy one \
of the pairs, and differ from each other in wording, structure and complexity."""
_ASKS = 3
"""The most requests for proposals: one, and again for those that are missing."""
_TOKENS_EACH = 64
"""Completion tokens set aside for an instruction."""
_LIST_MARK = re.compile(r"^\s*(?:\(?\d+[.):]+|[-*•])\s*")
_DRY = 3
"""Draws of soft prompts in a row without any new text, after which the white box has nothing to add."""
_CHOICES = {
    "preset": ("default", "paper"),
    "output_source": SOURCES,
    "pooling": POOLINGS,
    "sim_weight": ("uniform", "reward"),
    "similarity": ("log-sigmoid", "sigmoid"),
    "schedule": ("ratio", "decay", "fixed"),
    "acquisition": ("greedy", "ucb"),
}


class _Settings(NamedTuple):
    """The numbers of a preset."""

    start: int
    total: int
    arms: int
    n_cand: int
    steps: int
    rate: float
    restart: bool


_PRESETS = {
    "default": _Settings(16, 0, 512, 32, 40, 3e-3, False),
    "paper": _Settings(40, 165, 10_000, 1000, 1000, 1e-3, True),
}


@dataclass(frozen=True, slots=True)
class Dual(SpendsAll):
    """Dual: black-box proposals, refined by a network on white-box states, reconstructed from its paper.

    "Instruction Learning Paradigms: A Dual Perspective on White-box and Black-box LLMs" (Machine Learning,
    2026).

    The black box writes `proposals` instructions in one `Complete`. Each instruction is a fused vector of
    the white box's hidden states: of the text, and of its output. A perceptron predicts scores from it, with
    a similarity loss that pulls its hidden states to those of the best instruction, under a dynamic weight.
    Each iteration decodes soft prompts, evaluates the best-looking new text, and trains again.

    Only the words of the paper were at hand, and they leave open what follows; each choice is a parameter. A
    text that was not evaluated has no output yet, so by default it is read from the text alone
    (`output_source`). Cosines are between hidden states of the network: between fixed features they would
    have no gradient. The weight is the ratio of the losses, between the two fixed weights of the ablation.
    The acquisition is greedy. Proposals beyond the initial ones stay candidates, as do texts that were
    decoded and not chosen. Where the black box may not write, or too little, the white box fills up.

    Parameters that are None are the preset's: "paper" as far as it is known, 40 initial evaluations and the
    165 in all of its baselines; "default" is for 50 to 200 evaluations on a CPU.
    """

    name: str = "dual"
    preset: str = "default"
    """"default" or "paper"."""
    proposals: int = 40
    """Instructions asked of the black box; 0 leaves it to the white box."""
    start: int | None = None
    """Of them, evaluated before the network is first trained: 16, paper 40; at most a third of the budget."""
    total: int | None = None
    """Evaluations: paper 165; 0, the default, goes by the budget."""
    arms: int | None = None
    """Soft prompts to draw from: 512, paper 10,000."""
    n_cand: int | None = None
    """Soft prompts decoded an iteration: 32, paper 1,000."""
    steps: int | None = None
    """Of Adam an iteration: 40, paper 1,000."""
    rate: float | None = None
    """Their size: 0.003, paper 0.001."""
    restart: bool | None = None
    """Whether every training starts at the first initialisation: no, paper yes."""
    output_source: str = "whitebox_instruction"
    """"whitebox_probe" reads the white box's own answers to three inputs; "blackbox_cached" the black box's
    answers, and for a new text those of the nearest evaluated one; "none" leaves outputs out."""
    pooling: str = "mean"
    """"mean" of the two representations, or "concat": of neighbours in their concatenation."""
    layer: int | None = None
    """Of the hidden states: None is the middle one, -1 the last."""
    depth: int = 3
    """Hidden layers of the network."""
    sim_weight: str = "uniform"
    """"uniform", or "reward": the similarity loss counts an instruction by its score."""
    similarity: str = "log-sigmoid"
    """"log-sigmoid" or "sigmoid"."""
    schedule: str = "ratio"
    """Of the similarity loss's weight: "ratio" of the losses, "decay" over the run, or "fixed" at alpha."""
    alpha: float = 0.01
    beta: float = 1e-10
    acquisition: str = "greedy"
    """"greedy", or "ucb": plus the width of the last layer."""
    nu: float = 0.1
    """Weight of the squared width."""
    threshold: float | None = None
    """A score at which the search ends; None for none."""
    dimensions: int = 10
    """d of a soft prompt's point."""
    tokens: int = 5
    """m, token embeddings in a soft prompt."""
    demos: int = 5
    """Worked examples that both models read."""
    max_tokens: int = 64
    """In a decoded instruction."""
    needs = Needs.TEXT | Needs.WHITE_BOX | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        for name, valid in _CHOICES.items():
            if getattr(self, name) not in valid:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: {nearest(str(getattr(self, name)), valid)}"
                )
        settings = self.settings
        for name, low in (("start", 1), ("total", 0), ("arms", 1), ("n_cand", 1), ("steps", 1)):
            check_whole(name, getattr(settings, name), low)
        if not isinstance(settings.restart, bool):
            raise ValueError(f"restart={settings.restart!r}: True or False")
        check_whole("proposals", self.proposals, 0, 1000)
        check_whole("layer", -1 if self.layer is None else self.layer, -1)
        for name, low in (("depth", 1), ("tokens", 1), ("demos", 0), ("max_tokens", 1)):
            check_whole(name, getattr(self, name), low)
        check_whole("dimensions", self.dimensions, 1, 21_201)
        check_real("rate", settings.rate, 1e-9, 1e3)
        for name, least in (("alpha", 0.0), ("beta", 1e-300), ("nu", 0.0)):
            check_real(name, getattr(self, name), least, 1e9)
        if self.threshold is not None:
            check_real("threshold", self.threshold, -1e300, 1e300)

    @property
    def settings(self) -> _Settings:
        """The preset, with what was given in its place."""
        return preset_with(_PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        search = _Search(self, task, rng)
        yield from Recommend(search.best)
        try:
            yield from search.run()
        except BudgetExhausted:
            return search.best
        return search.best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: an evaluation, whoever of the two models writes the text."""
        return Forecast(task).decoded()

    def _steps(self, task: Task, forecast: Forecast) -> Iterator[Step]:
        known, most = self.settings, horizon(task)
        demos = min(self.demos, len(task.demos))
        if task.lends.completions and self.proposals:
            for missing in (self.proposals, self.proposals // 2):  # a list is seldom complete
                asked = count(_PROPOSE) + demos * forecast.shown
                yield forecast.writing(asked, tokens=missing * forecast.instruction)
        first = known.start if most is None else min(known.start, -(-most // 3))
        yield [forecast.decoded()] * first
        read = forecast.steered(0, demos) + forecast.instruction
        yield forecast.thinking(self.proposals, read)
        for _ in range(known.total - first) if known.total else repeat(None):
            yield forecast.decoding(known.n_cand, self.tokens, demos, self.max_tokens)
            yield forecast.thinking(known.n_cand // 2, read)  # what is new is read once more
            yield forecast.decoded()


def proposed(text: str) -> list[str]:
    """The instructions of a numbered list, as orders, without repeats."""
    lines = [_LIST_MARK.sub("", line).strip().strip("\"'*` ") for line in text.splitlines()]
    found = [imperative(line) for line in lines if line.lower().startswith(PREFIX.lower())]
    return [line for line in dict.fromkeys(found) if line]


class _Search:
    """One run: what was proposed, read, evaluated and is handed in."""

    def __init__(self, agent: Dual, task: Task, rng: np.random.Generator) -> None:
        from agents.dual_model import Regulariser, ScoreNet

        self.agent, self.set, self.rng = agent, agent.settings, rng
        self.low, self.high = task.score_range
        self.best = str(blind_guess(task, rng))
        self.scored = Scored(task)
        box = task.lends.white_box
        self.demos = exemplars(task, agent.demos, rng)
        context = statement(self.demos)
        self.arms = SoftArms(
            box, context, self.set.arms, agent.dimensions, agent.tokens, rng, max_tokens=agent.max_tokens
        )
        self.untried: list[int] = []
        layer = box.layers // 2 if agent.layer is None else agent.layer
        inputs = [x for x, _ in task.demos]
        probes = [inputs[i] for i in rng.permutation(len(inputs))[:3].tolist()] or ["?"]
        self.reader = Reader(box, context, agent.output_source, agent.pooling, layer, probes)
        self.net = ScoreNet(box.hidden_width, agent.depth, rng)
        self.regulariser = Regulariser(
            agent.sim_weight, agent.similarity, agent.schedule, agent.alpha, agent.beta
        )
        most = horizon(task)
        self.total = self.set.total or most
        self.start = self.set.start if most is None else min(self.set.start, -(-most // 3))
        self.fresh: dict[str, None] = {}
        """Texts that may be evaluated, in the order in which they came."""
        self.failed: Counter[str] = Counter()

    def run(self) -> Plan[None]:
        """Until the budget, the total or the threshold is reached, or nobody has a new text.

        Raises:
            BudgetExhausted: when an evaluation or the white box is refused.
        """
        yield from self._propose()
        while len(self.fresh) < self.start and self._decode():
            pass
        yield from self._look(list(self.fresh)[: self.start])
        while not self._done():
            if not self._decode() and not self.fresh:
                return
            yield from self._look([self._choose()])

    def _done(self) -> bool:
        known, threshold = self.scored.known, self.agent.threshold
        if self.set.total and len(known) >= self.set.total:
            return True
        return threshold is not None and any(seen.score >= threshold for seen in known.values())

    def _propose(self) -> Plan[None]:
        """Ask the black box for instructions, and again for the missing ones; none where it may not write."""
        for _ in range(_ASKS):
            missing = self.agent.proposals - len(self.fresh)
            if missing <= 0:
                return
            prompt = _PROPOSE.format(demos=shown(self.demos), count=missing)
            try:
                (answer,) = yield from gather([Complete(prompt, max_tokens=_TOKENS_EACH * missing)])
            except BudgetExhausted:
                return
            if not isinstance(answer, AnswerFailed):
                self._add([line for text in answer.texts for line in proposed(text)][:missing])

    def _add(self, texts: Sequence[str]) -> int:
        """New texts become candidates; how many there were."""
        before = len(self.fresh)
        for text in texts:
            candidate = self.scored.candidate(text)
            if candidate is not None and candidate not in self.scored.known and self.failed[candidate] < 2:
                self.fresh.setdefault(candidate)
        return len(self.fresh) - before

    def _decode(self) -> bool:
        """Let the white box write after new soft prompts; whether that brought a new text."""
        for _ in range(_DRY):
            if not self.untried:
                if self.arms.said:
                    self.arms.next_round()
                self.untried = self.rng.permutation(len(self.arms)).tolist()
            drawn, self.untried = self.untried[: self.set.n_cand], self.untried[self.set.n_cand :]
            if self._add([imperative(text) for text in self.arms.say(drawn)]):
                return True
        return False

    def _look(self, texts: list[str]) -> Plan[None]:
        """Evaluate these candidates, and hand in the best text known."""
        answers = yield from self.scored.ask(texts)
        for text, answer in zip(texts, answers, strict=True):
            self.failed[text] += answer is None
            if answer is not None or self.failed[text] > 1:
                del self.fresh[text]
        best = self.scored.best
        if best is not None and best != self.best:
            self.best = best
            yield from Recommend(best)

    def _choose(self) -> str:
        """Train on what is known; the candidate of largest worth."""
        texts, known = list(self.fresh), self.scored.known
        if len(known) < 2:
            return texts[int(self.rng.integers(len(texts)))]
        features = self.reader.read([*known, *texts], known)
        import torch

        scores = [(seen.score - self.low) / (self.high - self.low) for seen in known.values()]
        progress = len(known) / self.total if self.total else 0.0
        with one_thread():
            x = torch.from_numpy(features).float()
            observed = x[: len(known)]
            x = (x - observed.mean(0)) / (observed.std(0) + 1e-6)
            observed, y = x[: len(known)], torch.tensor(scores)
            self.net.train(
                observed, y, self.regulariser, self.set.steps, self.set.rate, self.set.restart, progress
            )
            nu = self.agent.nu if self.agent.acquisition == "ucb" else 0.0
            return texts[int(self.net.worth(x[len(known) :], observed, nu).argmax())]
