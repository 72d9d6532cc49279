"""One log, every axis: a stored run against any resource, and under other prices, latency or workers.

Nothing is asked again and no agent has to decide anew, so this is valid only where no decision could have
been another one. A conversation is decided by the agent's code and luck, by what it is told of the task
(its budget, and `task.lends.bill`, which foresees money and time), by the answers, and by refusals. So

- **another price** changes nothing but money. It is refused where money is limited (what fits under the
  limit would differ) and where the agent's plan asks the bill. Prices are linear in tokens, and every
  record has its tokens, so each charge is exact.
- **another latency law, worker count or pace** changes when things happen, and money not at all. It is
  refused where seconds are limited (what comes too late would differ), where the plan asks the bill, and
  where any answer depends on the time: under drift, in outages, when a client loses patience, or in real
  time, where nobody knows how long an answer would have taken. What is asked at once stays together,
  because a plan is resumed when the last answer of its batch is there, never before; where an answer took no
  time at all, the record does not tell what was asked at once, and that is refused too.

How it is found out: limits stand in the budget. The bill is watched while one run of each agent is asked
again with its recorded answers. Answers are asked of the world with its new service at their new times, one
by one, and compared with the recorded ones; everything else about a time is `drivers.virtual`'s, as when it
is played. The law, tested: the result is what playing under the changed settings gives, to the byte, with
the same keys; but for the note that says how it came to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sandbox.axes import amount
from sandbox.budget import FREE, Cost
from sandbox.chat import ChatAnswer
from sandbox.drivers import rerun
from sandbox.errors import UsageError
from sandbox.pricelist import Price
from sandbox.retiming import name_of, served, wholes_of
from sandbox.scenario import Problem
from sandbox.statistics.estimates import Array
from sandbox.tournament import Run, Step, digest_of, seat
from sandbox.trace import Record

AXES = ("evaluations", "calls", "tokens", "usd", "seconds")
"""Resources that a trajectory is laid along; tokens are prompt and completion tokens together."""


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """What a run had recommended when it had spent so much, on every axis at once."""

    truth: Array
    """True score of each recommendation, shape (steps,)."""
    spent: dict[str, Array]
    """Axis → what was spent by then, in the units that people write, shape (steps,), never falling."""
    total: dict[str, float]
    """Axis → what the whole run spent."""


def trajectory(run: Run) -> Trajectory:
    """The recommendations of a run, with its records, against every axis of `AXES`.

    A call is an attempt that the service served: also one that failed.
    """
    wholes = wholes_of(run.records)
    answered = sorted([r.answered_at for r in run.records if served(r) and r.ticket.number not in wholes])
    spent = {
        axis: np.array([amount(step.spent, axis) for step in run.steps]) for axis in AXES if axis != "calls"
    }
    at = [step.at for step in run.steps]
    # A step is made when the last answer so far has come, so what was answered by then was asked before it.
    spent["calls"] = np.searchsorted(answered, at, side="right").astype(np.float64)
    total = {axis: amount(run.spent, axis) for axis in AXES if axis != "calls"}
    total["calls"] = float(len(answered))
    return Trajectory(np.array([step.truth for step in run.steps]), spent, total)


def repriced(run: Run, price: Price) -> Run:
    """The run under another price: other dollars, everything else as it was.

    Raises:
        UsageError: where money is limited, or the price asks for what the records do not say.
    """
    name = name_of(run)
    if run.budget.usd is not None:
        raise UsageError(
            f"{name}: its budget limits usd ({run.budget}), so at another price the agent could have asked "
            "more or less; play it again"
        )
    records = tuple([_repriced(record, price, name) for record in run.records])
    if price.cached == price.input:  # linear in the tokens, in every sum of charges
        steps = [
            _paid(step, price.usd(step.spent.prompt_tokens, step.spent.completion_tokens))
            for step in run.steps
        ]
    else:
        paid, total, new = {FREE: 0}, FREE, 0
        for record, other in zip(run.records, records, strict=True):
            total, new = total + record.charge, new + other.charge.usd
            paid[total] = new
        steps = [_paid(step, paid[step.spent._replace(seconds=0)]) for step in run.steps]
    return replace(
        run,
        records=records,
        steps=tuple(steps),
        spent=run.spent._replace(usd=sum(record.charge.usd for record in records)),
    )


def _paid(step: Step, usd: int) -> Step:
    return replace(step, spent=step.spent._replace(usd=usd))


def _repriced(record: Record, price: Price, name: str) -> Record:
    charge, answer = record.charge, record.answer
    if not (charge.prompt_tokens or charge.completion_tokens):
        return record
    cached = answer.cached_tokens if isinstance(answer, ChatAnswer) else 0
    known = isinstance(answer, ChatAnswer) or price.cached == price.input
    if not known or price.written != price.input:
        raise UsageError(
            f"{name}: request {record.ticket.number} does not say how many of its prompt tokens a cache had, "
            f"and with {price.model} these cost something else; give a price without, in a file of --prices"
        )
    usd = price.usd(charge.prompt_tokens, charge.completion_tokens, cached)
    return record._replace(charge=charge._replace(usd=usd))


def plain(price: Price) -> Price:
    """The price as a simulated service asks it: that knows no cache."""
    return replace(price, cached=price.input, written=price.input)


def takes(problem: Problem, price: Price) -> bool:
    """Whether the problem's service, with its changed settings, really asks this price."""
    if problem.lends.bill is None:
        return False
    for tokens in ((1_000_000, 0), (0, 1_000_000)):
        told = problem.lends.bill(
            [Cost(evaluations=1, rows=1, prompt_tokens=tokens[0], completion_tokens=tokens[1])]
        )
        if told.usd != price.usd(told.prompt_tokens, told.completion_tokens):
            return False
    return True


def consults(run: Run, spec: str, problem: Problem) -> str | None:
    """Why nobody can say that the agent would do the same if money and time were foreseen otherwise, or None.

    It is asked again with its recorded answers, on a task whose bill is watched.

    Args:
        run: with its records.
        spec: of its agent.
        problem: as it was played.

    Raises:
        UsageError: if the agent cannot be made here.
    """
    asked: list[bool] = []
    bill = problem.lends.bill
    if bill is None:
        return None

    def watched(steps: Sequence[Cost]) -> Cost:
        asked.append(True)
        return bill(steps)

    watching = replace(problem, lends=problem.lends._replace(bill=watched))
    session = seat(spec, run.agent, watching, run.scenario, run.seed, run.budget)
    difference = rerun.play(session, run.records)
    if asked:
        return "its plan asks what things will cost (task.lends.bill), so it could decide otherwise"
    return None if difference is None else f"it does not do the same any more, at {difference}"


def keys_of(runs: Sequence[Run], digest: str) -> tuple[str, ...]:
    """The keys of the runs of one match, if they are played with the settings of this digest.

    As `tournament.matches` makes them. A run that was not simulated has another one.
    """
    first = runs[0]
    tournament = [first.scenario, digest, first.budget.limits()]
    party = [run.code for run in runs]
    heads = [digest_of([tournament, party, place]) for place in range(len(runs))]
    return tuple([digest_of([head, first.problem, first.seed]) for head in heads])
