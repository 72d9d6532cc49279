"""How a job is done: some fifty candidate answers of different quality, and how likely each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mocks.llm import guideline
from mocks.llm.jobs import critics, shown
from mocks.llm.jobs.induction import EXPLAINED, Explanation, Memory, explain
from mocks.llm.jobs.recognition import Request
from mocks.llm.jobs.sense import meant
from mocks.llm.writing import edits
from mocks.llm.writing.lexicon import FORMS
from mocks.llm.writing.luck import Luck
from mocks.llm.writing.phrases import answer_form, neighbours, phrase

CANDIDATES = 48
"""Answers among which one is drawn; of answers that hold many texts there are fewer."""
_FEWEST = 6
_NOTICED = 0.15
"""Weight below which a skill is not thought of: examples that hardly fit it weigh less."""


@dataclass(frozen=True)
class Craft:
    """Who does the job: how well, and with which luck."""

    skill: float
    """0 to 1."""
    name: str
    key: bytes

    def luck(self, candidate: int) -> Luck:
        """The luck of one candidate answer."""
        return Luck(self.name, self.key, candidate)


Draft = tuple[str, float]
"""A text, and what speaks for it."""


class Bench:
    """A request with what its examples and its history tell, worked out where it is needed."""

    def __init__(self, request: Request, craft: Craft, memory: Memory | None) -> None:
        self.request = request
        self.skill = craft.skill
        self.memory = memory
        self.pairs = tuple(
            [(record.input, record.wanted) for record in request.records if record.input and record.wanted]
        )

    @cached_property
    def examples(self) -> Explanation:
        """What the worked examples tell."""
        return explain(self.pairs, self.memory)

    @cached_property
    def by_labels(self) -> bool:
        """Whether the task is a classification that no known skill explains."""
        if not self.pairs or self.examples.fit >= EXPLAINED:
            return False
        return len(self.request.labels) > 1 or guideline.repeating([wanted for _, wanted in self.pairs])

    @cached_property
    def cues(self) -> guideline.Cues:
        return guideline.find(self.pairs)

    @cached_property
    def parents(self) -> tuple[str, str]:
        """Two texts to cross, the clearer one first, as far as a reader can tell without scores."""
        one, two, *_ = (*self.request.texts, "", "")
        clear = [max([chance for _, chance in meant(text)], default=0.0) for text in (one, two)]
        return (one, two or one) if clear[0] >= clear[1] or not two else (two, one)

    @cached_property
    def history(self) -> list[tuple[str, float]]:
        """Best first."""
        return shown.ranked(self.request.history)

    @cached_property
    def beliefs(self) -> list[tuple[str, float]]:
        """(skill, weight) from the examples, the better old texts and the text at hand; best first."""
        weights: dict[str, float] = {}
        if self.pairs:
            sure = min(1.0, self.examples.fit / 0.5)
            for name, chance in self.examples.skills:
                weights[name] = weights.get(name, 0.0) + 4.0 * sure * chance
        if self.history:
            top, low = self.history[0][1], self.history[-1][1]
            for told, score in self.history[:12]:
                good = math.exp(3.0 * (score - top) / (top - low)) if top > low else 0.3
                for name, chance in meant(told)[:3]:
                    weights[name] = weights.get(name, 0.0) + good * chance * 0.6
        for told in self.request.texts + ((self.request.task,) if self.request.task else ()):
            for name, chance in meant(told)[:3]:
                weights[name] = weights.get(name, 0.0) + 0.5 * chance
        if self.request.critique:
            for name, chance in meant(self.request.critique)[:3]:
                weights[name] = weights.get(name, 0.0) + 1.0 * chance
        likely = [(name, weight) for name, weight in weights.items() if weight >= _NOTICED]
        return sorted(likely, key=lambda pair: (-pair[1], pair[0]))

    def believed(self, luck: Luck) -> str | None:
        """A skill drawn by what is believed; the better the writer, the more it keeps to the likeliest."""
        if not self.beliefs:
            return None
        sharp = 1.0 + 3.0 * self.skill
        weights = [(name, weight**sharp) for name, weight in self.beliefs[:12]]
        point = luck.uniform() * sum([weight for _, weight in weights])
        for name, weight in weights:
            point -= weight
            if point <= 0:
                return name
        return weights[-1][0]

    def quality(self, luck: Luck) -> float:
        """How good one attempt at wording is: about the writer's skill, sometimes far from it."""
        spread = luck.uniform() + luck.uniform() - 1.0
        return min(1.0, max(0.0, 0.12 + 0.8 * self.skill + 0.35 * spread))


def work(request: Request, craft: Craft, memory: Memory | None) -> list[tuple[str, float]]:
    """(text, logit) of the answers to a request, each text once, likeliest first."""
    bench = Bench(request, craft, memory)
    job = _JOBS[request.kind]
    answers: dict[str, float] = {}
    for number in range(max(_FEWEST, CANDIDATES // request.form.count)):
        luck = craft.luck(number)
        drafts = [job(bench, luck) for _ in range(request.form.count)]
        # A poor writer does not tell its good drafts from its bad ones.
        blur = (0.3 + 2.5 * (1.0 - craft.skill)) * luck.uniform()
        logit = sum([merit for _, merit in drafts]) / len(drafts) + blur
        text = request.form(_distinct([told for told, _ in drafts]))
        # The best of equal drafts counts, not their number: what comes to mind often need not be good.
        answers[text] = max(logit, answers.get(text, logit))
    return sorted(answers.items(), key=lambda pair: (-pair[1], pair[0]))


def _induce(bench: Bench, luck: Luck) -> Draft:
    if bench.by_labels:
        return _guideline(bench, luck, "")
    return _from_skill(bench, luck, insight=0.12 + 0.83 * bench.skill)


def _from_skill(bench: Bench, luck: Luck, insight: float) -> Draft:
    """A wording of the skill that is believed in; without insight, of something near it."""
    skill = bench.believed(luck)
    if skill is None or (bench.pairs and not bench.request.texts and bench.examples.fit < EXPLAINED / 3):
        return _blind(bench, luck)
    quality = bench.quality(luck)
    if luck.chance(insight):
        right = skill == bench.beliefs[0][0]
        return phrase(skill, quality, luck), 2.0 * bench.skill * (quality - 0.5) + (
            1.6 * bench.skill if right else 0.0
        )
    near = list(neighbours(skill))
    if near and luck.chance(0.5):
        return phrase(luck.pick(near[:3]), max(quality, 0.5), luck), 0.0
    return phrase(skill, luck.uniform() * 0.5, luck), 0.0


def _blind(bench: Bench, luck: Luck) -> Draft:
    """What is written where nothing is understood: the task in general, at best with its examples."""
    opening = luck.pick(
        (
            "Look at the input and produce the fitting output.",
            "Answer in the same way as in the examples.",
            "Transform the input into the output.",
            "Give the right output for the input.",
            "Do the task that the examples show.",
        )
    )
    told = bench.request.task or opening
    if bench.pairs and luck.chance(0.3 + 0.5 * bench.skill):
        told = f"{told} {_by_example(bench, luck)}"
    return told, 0.0


def _by_example(bench: Bench, luck: Luck) -> str:
    given, wanted = luck.pick(bench.pairs)
    given = " ".join(given.split())[:200]
    return luck.pick(
        (
            f'For example, the answer to "{given}" is "{wanted}".',
            f'For instance, "{given}" becomes "{wanted}".',
        )
    )


def _guideline(bench: Bench, luck: Luck, known: str) -> Draft:
    default = guideline.commonest(bench.pairs) if luck.chance(0.3 + 0.5 * bench.skill) else ""
    told = guideline.write(bench.cues, bench.request.labels, default, bench.skill, luck, known)
    return told, 0.1 * bench.skill * told.count('"') / 2


def _paraphrase(bench: Bench, luck: Luck) -> Draft:
    text = bench.request.texts[0] if bench.request.texts else ""
    if luck.chance(0.4 * (1 - bench.skill)):
        return edits.mutate(text, luck), 0.0
    return edits.paraphrase(text, luck, 0.2 + 0.6 * luck.uniform()), bench.skill


def _mutate(bench: Bench, luck: Luck) -> Draft:
    text = bench.request.texts[0] if bench.request.texts else ""
    if luck.chance(0.35 * bench.skill):
        return edits.elaborate(edits.paraphrase(text, luck, 0.4), luck), bench.skill
    return edits.mutate(text, luck), 0.3 * bench.skill


def _cross(bench: Bench, luck: Luck) -> Draft:
    parents = bench.request.texts
    if len(parents) > 2:
        child = _differential(parents, luck)
    else:
        one, two = luck.order(bench.parents) if luck.chance(1.0 - 0.7 * bench.skill) else bench.parents
        child = edits.cross(one, two, luck)
    if bench.request.also_mutate and luck.chance(0.8):
        child = (
            edits.mutate(child, luck)
            if luck.chance(0.45 - 0.35 * bench.skill)
            else edits.paraphrase(child, luck, 0.5)
        )
    elif luck.chance(0.35 * (1 - bench.skill)):
        child = edits.typos(edits.mutate(child, luck), luck, 0.02)
    fresh = child.strip() not in [parent.strip() for parent in parents]
    return child, bench.skill * fresh


def _differential(parents: Sequence[str], luck: Luck) -> str:
    """Differential evolution on texts: what differs between two, changed, and put into the others."""
    first, second, *others = parents
    new = edits.differences(first, second) or edits.differences(second, first)
    changed = edits.paraphrase(luck.pick(new), luck, 0.7) if new else second
    child = others[0]
    for other in others[1:]:
        child = edits.cross(child, other, luck)
    return edits.cross(child, changed, luck) if luck.chance(0.7) else edits.paraphrase(child, luck, 0.5)


def _propose(bench: Bench, luck: Luck) -> Draft:
    best = [told for told, _ in bench.history[:3]]
    if bench.by_labels and luck.chance(0.5):
        return _guideline(bench, luck, "")
    # A poor writer clings to what it is shown, and not to the best of it.
    if bench.beliefs and luck.chance(0.15 + 0.5 * bench.skill):
        return _from_skill(bench, luck, insight=0.3 + 0.65 * bench.skill)
    if not best:
        return _blind(bench, luck)
    place = 0 if luck.chance(0.3 + 0.5 * bench.skill) else luck.below(len(bench.history))
    told = bench.history[place][0]
    kind = luck.uniform()
    if kind < 0.35 and len(best) > 1:
        told = edits.cross(told, luck.pick(best), luck)
    elif kind < 0.6:
        told = edits.paraphrase(told, luck, 0.5)
    elif kind < 0.85:
        told = _with_form(bench, told, luck)
    else:
        told = edits.mutate(told, luck)
    seen = told in [text for text, _ in bench.history]
    return (edits.paraphrase(told, luck, 0.9) if seen else told), bench.skill * (place == 0)


def _with_form(bench: Bench, text: str, luck: Luck) -> str:
    skill = bench.beliefs[0][0] if bench.beliefs else ""
    form = answer_form(skill, luck) if skill and luck.chance(bench.skill) else luck.pick(FORMS)
    return (
        text
        if form in text
        else f"{text.rstrip()} {form}"
        if text.rstrip().endswith((".", "!", "?"))
        else f"{text.rstrip()}. {form}"
    )


def _rewrite(bench: Bench, luck: Luck) -> Draft:
    base = bench.request.texts[0] if bench.request.texts else ""
    if bench.by_labels:
        rules, merit = _guideline(bench, luck, base)
        # An instruction that has rules already gets the missing ones; one without them gives way.
        return (
            (f"{base.rstrip()}\n{_rules_only(rules)}", merit)
            if '"' in base and luck.chance(0.6)
            else (rules, merit)
        )
    kind = luck.uniform()
    if bench.beliefs and kind < 0.2 + 0.55 * bench.skill:
        told, merit = _from_skill(bench, luck, insight=0.2 + 0.75 * bench.skill)
        if bench.pairs and luck.chance(0.35):
            told = f"{told} {_by_example(bench, luck)}"
        return told, merit
    if not base:
        return _blind(bench, luck)
    if kind < 0.75 and bench.pairs:
        return f"{base.rstrip()} {_by_example(bench, luck)}", 0.4 * bench.skill
    if kind < 0.9:
        return _with_form(bench, edits.paraphrase(base, luck, 0.4), luck), 0.3 * bench.skill
    return edits.mutate(base, luck), 0.0


def _rules_only(told: str) -> str:
    return "\n".join([line for line in told.split("\n") if '"' in line])


def _brainstorm(bench: Bench, luck: Luck) -> Draft:
    if bench.beliefs and luck.chance(0.3 + 0.6 * bench.skill):
        return _from_skill(bench, luck, insight=0.5 + 0.45 * bench.skill)
    task = bench.request.task or "Do what the input asks for."
    told = edits.paraphrase(task, luck, 0.6) if luck.chance(0.7) else task
    return edits.elaborate(told[:1].upper() + told[1:], luck), 0.3


def _criticise(bench: Bench, luck: Luck) -> Draft:
    skill = bench.believed(luck)
    told = critics.reason(bench.request, skill if luck.chance(0.2 + 0.75 * bench.skill) else None, luck)
    return told, bench.skill if skill else 0.0


def _describe(bench: Bench, luck: Luck) -> Draft:
    skill = (
        bench.beliefs[0][0]
        if bench.beliefs and (bench.examples.fit >= EXPLAINED or not bench.pairs)
        else None
    )
    return critics.description(
        bench.pairs, skill if luck.chance(0.2 + 0.75 * bench.skill) else None, luck
    ), bench.skill


def _distinct(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([text if text.strip() else "Answer the input." for text in texts]))


_JOBS: Mapping[str, Callable[[Bench, Luck], Draft]] = {
    "induce": _induce,
    "paraphrase": _paraphrase,
    "mutate": _mutate,
    "cross": _cross,
    "propose": _propose,
    "rewrite": _rewrite,
    "brainstorm": _brainstorm,
    "criticise": _criticise,
    "describe": _describe,
}
