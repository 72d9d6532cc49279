"""ProTeGi: a beam of instructions that follow textual gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agents.common import blind_guess, check_real, check_whole, preset_with
from agents.costs import Forecast, Step, first_evaluations, within
from agents.prompt_racing import EVALUATORS, Contest
from agents.scorebook import looks, some_rows, space_of
from agents.templates.critique import Mistake, edit, gradient
from agents.templates.induction import resample
from agents.writing import candidate, plain, tagged, write
from sandbox.budget import Budget, Cost
from sandbox.claims import Claims
from sandbox.errors import BudgetExhausted, nearest
from sandbox.protocol import Complete, Needs, Plan, Recommend, Task

_TEMPERATURE = 0.7
_TOKENS = 512


class Preset(NamedTuple):
    """Settings that belong together."""

    rounds: int
    beam: int
    minibatch: int
    gradients: int
    errors: int
    reasons: int
    edits: int
    variants: int
    expansion: int
    evaluation_rows: int


PRESETS = {
    "small": Preset(
        rounds=2, beam=2, minibatch=16, gradients=2, errors=4, reasons=1, edits=1, variants=1, expansion=4,
        evaluation_rows=160,
    ),
    "paper": Preset(
        rounds=6, beam=4, minibatch=64, gradients=4, errors=4, reasons=1, edits=1, variants=2, expansion=8,
        evaluation_rows=2048,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProTeGi:
    """Errors give reasons, reasons give edits, edits give paraphrases; a beam keeps the best.

    Pryzant et al. (2023), "Automatic prompt optimization with gradient descent and beam search", algorithms
    1 to 3 and the reference code. Each round looks at every member of the beam on one minibatch, asks
    `gradients` times for `reasons` why up to `errors` of its errors happened, for `edits` by each reason, and
    for `variants` of each edit and of the member; `expansion` of these, drawn at random, meet the beam, and
    an evaluator of `evaluation_rows` rows chooses the next one.

    Unlike the code: without an error in the minibatch no reason is asked for (the code asks with an empty
    list); rows that an instruction was seen on are not paid for again; ties keep a member of the beam,
    then the earlier text; who could not be looked at comes last, and has no score of 0; and the members'
    questions of one kind are asked together.
    """

    name: str = "protegi"
    preset: str = "small"
    """"small" for 100 to 500 calls, or "paper"."""
    evaluator: str = "bf"
    """How the beam is chosen: "bf" (all on the same rows), "ucb", "ucb-e", "sr" (successive rejects), "s-sr"
    (on random subsets) or "sh" (halving); see `agents.prompt_racing`."""
    exploration: float = 1.0
    """c of the bandits' bonus."""
    rounds: int | None = None
    """None here and below: as the preset says."""
    beam: int | None = None
    """Instructions kept after a round."""
    minibatch: int | None = None
    """Dev rows that errors are looked for in."""
    gradients: int | None = None
    """Groups of errors a member."""
    errors: int | None = None
    """In a group, at most."""
    reasons: int | None = None
    """Asked for a group."""
    edits: int | None = None
    """Asked for a reason."""
    variants: int | None = None
    """Paraphrases of each edit and of the member."""
    expansion: int | None = None
    """New instructions a member, at most."""
    evaluation_rows: int | None = None
    """Rows that an evaluator looks at, all instructions together."""
    needs = Needs.TEXT | Needs.COMPLETIONS
    claims = Claims(seeded=True, random_start=True)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ValueError(f"preset={self.preset!r}: {nearest(str(self.preset), PRESETS)}")
        if self.evaluator not in EVALUATORS:
            raise ValueError(f"evaluator={self.evaluator!r}: {nearest(str(self.evaluator), EVALUATORS)}")
        check_real("exploration", self.exploration, 0.0, 1000.0)
        known = self._settings
        for field in known._fields:
            check_whole(field, getattr(known, field), 0 if field in ("rounds", "variants") else 1)

    @property
    def _settings(self) -> Preset:
        return preset_with(PRESETS[self.preset], self)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[str]:
        """See `sandbox.protocol.Agent`."""
        known = self._settings
        best = str(blind_guess(task, rng))
        yield from Recommend(best)
        editor = _Editor(known, task, rng)
        contest = Contest(self.evaluator, known.evaluation_rows, self.exploration, task, rng)
        beam = [best]
        try:
            for _ in range(known.rounds):
                new = yield from editor.expand(beam)
                # The beam comes first: where the budget ends, its members have been looked at too.
                beam = yield from contest.choose(list(dict.fromkeys([*beam, *new])), known.beam)
                if beam[0] != best:
                    best = beam[0]
                    yield from Recommend(best)
        except BudgetExhausted:
            pass
        return best

    def least_useful_budget(self, task: Task) -> Cost:
        """See `sandbox.protocol.Forecaster`: the first round, up to a look at one new instruction."""
        return first_evaluations(self._round(task, 0), 2)

    def estimate(self, task: Task, budget: Budget) -> Cost:
        """See `sandbox.protocol.Forecaster`."""
        rounds = range(self._settings.rounds)
        return within(task, budget, (step for number in rounds for step in self._round(task, number)))

    def _round(self, task: Task, number: int) -> Iterator[Step]:
        """A round in which the minibatch holds errors of each member of the beam."""
        known, forecast = self._settings, Forecast(task)
        members = known.beam if number else 1
        minibatch = min(known.minibatch, task.dev_rows)
        look = forecast.again() if number else forecast.scoring(minibatch, vague=True)
        yield [look] * members
        mistakes = known.errors * (forecast.shown + 10)
        asked = forecast.writing(60 + forecast.instruction + mistakes, tokens=25)
        yield [asked] * (members * known.gradients)
        asked = forecast.writing(90 + forecast.instruction + mistakes)
        yield [asked] * (members * known.gradients * known.reasons)
        fresh = known.gradients * known.reasons * known.edits
        asked = forecast.writing(25 + forecast.instruction, known.variants)
        yield [asked] * (members * (fresh + 1) if known.variants else 0)
        new = members * min(known.expansion, fresh * (1 + known.variants) + known.variants)
        rows = min(task.dev_rows, max(1, known.evaluation_rows // (members + new)))
        seen = (rows if number else minibatch) if forecast.remembers else 0
        yield [forecast.scoring(rows)] * new + [forecast.scoring(max(rows - seen, 0))] * members


class _Editor:
    """Writes new instructions around those of a beam."""

    def __init__(self, known: Preset, task: Task, rng: np.random.Generator) -> None:
        self._known, self._task, self._rng = known, task, rng
        self._space = space_of(task)

    def expand(self, beam: Sequence[str]) -> Plan[list[str]]:
        """At most `expansion` new texts for each member, in the members' order.

        Raises:
            BudgetExhausted: if the budget does not cover a step of it.
        """
        known, rng = self._known, self._rng
        rows = some_rows(self._task, known.minibatch, rng)
        seen = yield from looks([(text, rows) for text in beam])
        groups = []
        for text, look in zip(beam, seen, strict=True):
            wrong = [] if look is None else [
                Mistake(row.input, row.expected, row.answer) for row in look.rows if row.score < 1.0
            ]  # fmt: skip
            for _ in range(known.gradients if wrong else 0):
                chosen = rng.permutation(len(wrong))[: known.errors].tolist()
                groups.append((text, [wrong[i] for i in chosen]))
        fresh = yield from self._edits(groups)
        varied = yield from self._variants(beam, fresh)
        found = []
        for text in beam:
            new = list(dict.fromkeys([*fresh.get(text, ()), *varied[text]]))
            new = [other for other in new if other not in beam]
            kept = sorted(rng.permutation(len(new))[: known.expansion].tolist())
            found += [new[i] for i in kept]
        return list(dict.fromkeys(found))

    def _edits(self, groups: Sequence[tuple[str, list[Mistake]]]) -> Plan[dict[str, list[str]]]:
        """New texts by the text that they came from."""
        known = self._known
        asked = [
            Complete(gradient(text, wrong, known.reasons), 1, _TEMPERATURE, _TOKENS) for text, wrong in groups
        ]
        steps = []
        for (text, wrong), answers in zip(groups, (yield from write(asked)) if asked else (), strict=True):
            told = [reason for answer in answers for reason in _parts(answer)][: known.reasons]
            steps += [(text, edit(text, wrong, reason, known.edits)) for reason in told]
        asked = [Complete(prompt, 1, _TEMPERATURE, _TOKENS) for _, prompt in steps]
        found: dict[str, list[str]] = {}
        for (text, _), answers in zip(steps, (yield from write(asked)) if asked else (), strict=True):
            parts = [part for answer in answers for part in _parts(answer)][: known.edits]
            made = [candidate(part, self._space) for part in parts]
            found.setdefault(text, []).extend([other for other in made if other is not None])
        return found

    def _variants(self, beam: Sequence[str], fresh: dict[str, list[str]]) -> Plan[dict[str, list[str]]]:
        """Paraphrases of the edits of each member, and of the member."""
        sources = [(text, source) for text in beam for source in (*fresh.get(text, ()), text)]
        found: dict[str, list[str]] = {text: [] for text in beam}
        if not self._known.variants:
            return found
        asked = [
            Complete(resample(source), self._known.variants, _TEMPERATURE, _TOKENS) for _, source in sources
        ]
        for (text, _), answers in zip(sources, (yield from write(asked)), strict=True):
            made = [candidate(tagged(answer) or plain(answer), self._space) for answer in answers]
            found[text] += [other for other in made if other is not None]
        return found


def _parts(text: str) -> list[str]:
    """What stands between each <START> and <END>; the whole text where there are no tags."""
    marked = [plain(part.partition("<END>")[0]) for part in text.split("<START>")[1:]]
    return [part for part in marked or [plain(text)] if part]
