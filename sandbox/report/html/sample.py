"""Which runs can be opened in a report, and each of them as compact data: requests and instructions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.budget import USD
from sandbox.errors import AnswerFailed
from sandbox.protocol import Complete, Completion, Evaluate, Observation, RowCall
from sandbox.report.html.facts import Facts
from sandbox.report.html.markup import plain
from sandbox.spaces import Candidate
from sandbox.tournament import Run
from sandbox.trace import Fate, Record

ROOM = 1_500_000
"""Bytes that all opened runs together may take."""
_LONGEST = 1_200
"""Characters of a candidate."""
_PROMPT, _WRITTEN = 500, 300
"""Characters of what a model was asked, and of each text that it wrote."""
_CALLS = 600
"""Requests of one run."""
_FATES = {fate: i for i, fate in enumerate(Fate)}
FATES = tuple(fate.value for fate in Fate)


@dataclass(frozen=True, slots=True)
class Sample:
    """The runs that can be opened."""

    data: dict[str, Any]
    """For the script."""
    chosen: int
    whole: int
    """How many runs there are."""
    reasons: tuple[str, ...]
    """What each chosen run stands for, as `pick` says it."""


def pick(facts: Sequence[Facts]) -> list[tuple[str, Facts, Run]]:
    """All runs, in the order in which they deserve room, each with what it stands for.

    First the median of each agent on each problem, then a failed one, the best, the
    worst, and then the rest; problem by problem, so that agents are equally well shown.
    """
    heaps: dict[str, list[tuple[str, Facts, Run]]] = defaultdict(list)
    for fact in facts:
        cells: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for agent, runs in fact.everybody.items():
            for run in runs:
                cells[run.problem, agent].append(run)
        for problem in fact.summary.problems:
            for agent in [*fact.by_agent, *(name for name in fact.everybody if name not in fact.by_agent)]:
                for why, run in _ranked(cells[problem, agent]):
                    heaps[why].append((why, fact, run))
    return [item for why in ("median", "failed", "best", "worst", "other") for item in heaps[why]]


def _ranked(runs: Sequence[Run]) -> Iterator[tuple[str, Run]]:
    """Each run once, with the first of its claims to be shown."""
    judged = sorted((r for r in runs if r.truth is not None), key=lambda r: (-(r.truth or 0.0), r.seed))
    failed = sorted((r for r in runs if r.truth is None), key=lambda r: r.seed)
    claims = []
    if judged:
        claims = [("median", judged[len(judged) // 2]), ("best", judged[0]), ("worst", judged[-1])]
    claims += [("failed", run) for run in failed[:1]]
    claims += [("other", run) for run in [*judged, *failed]]
    seen: set[str] = set()
    for why, run in claims:
        if run.key not in seen:
            seen.add(run.key)
            yield why, run


class _Texts:
    """Every text once; runs refer to it by its number."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}
        self.size = 0

    def number(self, text: str, most: int) -> int:
        if len(text) > most:
            text = f"{text[: most - 1]}… [{len(text) - most + 1:,} more characters]"
        text = plain(text)
        if text not in self._numbers:
            self._numbers[text] = len(self.all)
            self.all.append(text)
            self.size += len(json.dumps(text)) + 1
        return self._numbers[text]


def sample(facts: Sequence[Facts], records: Callable[[str], Sequence[Record]], room: int = ROOM) -> Sample:
    """The runs that fit into `room` bytes, in the order of `pick`.

    Args:
        facts: the tournaments.
        records: reads all records of the run with this key.
        room: in bytes of JSON.
    """
    order = pick(facts)
    texts, chosen, reasons, used = _Texts(), [], [], 0
    for why, fact, run in order:
        before = texts.size
        entry = _entry(why, fact, run, records(run.key), texts)
        size = len(json.dumps(entry, separators=(",", ":"))) + texts.size - before
        if used + size > room:
            break  # texts of the run that is left out stay behind: less than one run's worth
        used += size
        chosen.append(entry)
        reasons.append(why)
    data = {"texts": texts.all, "fates": FATES, "runs": chosen}
    return Sample(data, len(chosen), len(order), tuple(reasons))


def _entry(why: str, fact: Facts, run: Run, records: Sequence[Record], texts: _Texts) -> dict[str, Any]:
    calls = list(_calls(records, texts))
    entry: dict[str, Any] = {
        "t": fact.number,
        "a": fact.numbers[run.agent],
        "p": fact.summary.problems.index(run.problem),
        "s": run.seed,
        "k": run.key[:10],
        "w": why,
        "y": _figure(run.truth),
        "o": [_figure(run.baseline), _figure(run.optimum)],
        "q": [
            run.spent.evaluations,
            run.spent.prompt_tokens + run.spent.completion_tokens,
            _figure(run.spent.usd / USD, 6),
            _figure(run.spent.seconds / 1e9, 3),
        ],
        "r": [
            [texts.number(shown(step.candidate), _LONGEST), _figure(step.truth), step.at // 1_000_000,
             step.spent.evaluations]
            for step in run.steps
        ],
        "c": calls[:_CALLS],
    }  # fmt: skip
    if len(calls) > _CALLS:
        entry["n"] = len(calls)
    if run.recommended is not None:
        entry["h"] = texts.number(shown(run.recommended), _LONGEST)
    if run.error is not None:
        entry["e"] = texts.number(run.error, 600)
    if run.note:
        entry["i"] = texts.number(run.note, 600)
    return entry


def _calls(records: Iterable[Record], texts: _Texts) -> Iterator[list[Any]]:
    """One row a request; the calls of an evaluation's rows are summed in it.

    A row: kind (0 evaluation, 1 completion, 2 white box), sent and answered in
    milliseconds, fate, score, truth, tokens, micro-dollars, text, and then either rows,
    lost attempts and free rows of an evaluation, or the texts written.
    """
    row: list[Any] | None = None
    for record in records:
        request, charge, answer = record.ticket.request, record.charge, record.answer
        tokens = charge.prompt_tokens + charge.completion_tokens
        if isinstance(request, RowCall) and row is not None:
            row[6] += tokens
            row[7] += round(charge.usd / 1e6)
            row[9] += record.fate is Fate.ANSWERED
            row[10] += record.fate is not Fate.ANSWERED
            continue
        if row is not None:
            yield row
        row = None
        times = [record.ticket.sent_at // 1_000_000, record.answered_at // 1_000_000, _FATES[record.fate]]
        cost = [tokens, round(charge.usd / 1e6)]
        if isinstance(request, Evaluate):
            seen = _figure(answer.score) if isinstance(answer, Observation) else None
            free = sum(r.cached for r in answer.rows) if isinstance(answer, Observation) else 0
            text = texts.number(shown(request.candidate), _LONGEST)
            truth = _figure(record.truth)
            row = [0, *times, seen, truth, *cost, text, 0, int(isinstance(answer, AnswerFailed)), free]
        elif isinstance(request, Complete):
            written = answer.texts if isinstance(answer, Completion) else ()
            asked = texts.number(_prompt(request), _PROMPT)
            yield [1, *times, None, None, *cost, asked, [texts.number(text, _WRITTEN) for text in written]]
        elif not isinstance(request, RowCall):
            yield [2, *times, None, None, charge.whitebox_tokens, 0, None]
    if row is not None:
        yield row


def _prompt(request: Complete) -> str:
    if isinstance(request.prompt, str):
        return request.prompt
    return "\n\n".join(f"[{role}] {text}" for role, text in request.prompt)


def shown(candidate: Candidate) -> str:
    """A candidate as text; a point with four digits a coordinate."""
    if isinstance(candidate, str):
        return candidate
    return f"({', '.join(f'{x:.4g}' for x in candidate)})"


def _figure(value: float | None, digits: int = 4) -> float | None:
    """A number for display; None for what is no number, since JSON has none."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    rounded = round(value, digits) + 0.0
    return int(rounded) if rounded == int(rounded) else rounded
