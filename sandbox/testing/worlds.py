"""Holds worlds and oracles to their laws: for people who write a black box of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sandbox.budget import FREE, Budget, Cost
from sandbox.errors import AnswerFailed
from sandbox.protocol import Evaluate, Observation, Request, Task
from sandbox.scenario import Problem
from sandbox.session import World
from sandbox.spaces import Candidate, Pool
from sandbox.statistics.betting import Bets
from sandbox.streams import stream
from sandbox.testing.random_subject import draws
from sandbox.testing.report import Report, Result
from sandbox.trace import Ticket

ALPHA = 1e-6
"""The chance that an unbiased noise is called biased."""
_CANDIDATES = 40
_LOOKS = 400
_TAU = 0.02


class _Broken(Exception):
    """A law does not hold."""


class _Vacuous(Exception):
    """There is nothing to look at."""


def check_world(problem: Problem, noise_tolerance: float = _TAU) -> Report:
    """Hold a problem and its world to what tournaments rely on.

    Args:
        problem: with its truth, its optimum and baseline, and `world(seed)`.
        noise_tolerance: how far mean observed scores may be from the truth, as a share of the score range;
            what is farther is found with certainty when there is enough of it, and an unbiased noise is
            called biased with a chance of one in a million.

    Returns:
        A report whose `ok` says whether all laws hold, with one result a law.
    """
    task = problem.task(Budget(evaluations=1))
    some = _candidates(problem, task)
    results = []
    for law, hold in LAWS.items():
        statement = (hold.__doc__ or "").strip()
        try:
            hold(problem, some, noise_tolerance)
        except _Broken as found:
            results.append(Result(law, "fail", f"{statement} {found}"))
        except _Vacuous as why:
            results.append(Result(law, "vacuous", str(why)))
        except Exception as exc:
            results.append(Result(law, "fail", f"{statement} It raised {type(exc).__name__}: {exc}"))
        else:
            results.append(Result(law, "pass", statement))
    return Report(problem.name, (), "ci", tuple(results))


def _candidates(problem: Problem, task: Task) -> list[Candidate]:
    space = problem.space
    if isinstance(space, Pool):
        return list(space.texts[: 10 * _CANDIDATES])
    return list(islice(draws(task, stream(0, "check-world")), _CANDIDATES))


class _Heard(NamedTuple):
    """What one evaluation came to, all its parts and attempts together."""

    answer: Any
    quote: Cost
    charge: Cost
    nanoseconds: int


def _asked(world: World, candidate: Candidate, repeat: int = 0) -> _Heard:
    """One evaluation, carried as a session carries it: priced first, part by part, until it is given up."""
    request = Evaluate(candidate)
    whole = _ticket(request, repeat)
    quote = world.quote(request)
    parts = world.parts(request) if hasattr(world, "parts") else None
    if parts is None:
        return _carried(world, whole, quote)
    heard = [_carried(world, _ticket(part, 0), world.quote(part)) for part in parts]
    answer = world.conclude(whole, parts, [one.answer for one in heard])  # type: ignore[attr-defined]
    return _Heard(
        answer,
        sum([one.quote for one in heard], quote),
        sum([one.charge for one in heard], quote),
        sum([one.nanoseconds for one in heard]),
    )


def _ticket(request: Request[Any], repeat: int) -> Ticket:
    return Ticket(repeat, request, repeat, 0, 0, request.key() + repeat.to_bytes(8, "little"))


def _carried(world: World, ticket: Ticket, quote: Cost) -> _Heard:
    charge, taken = FREE, 0
    while True:
        reply = world.reply(ticket, 0)
        charge, taken = charge + reply.charge, taken + reply.nanoseconds
        if reply.retry_after is None:
            return _Heard(reply.answer, quote, charge, taken)
        ticket = ticket._replace(attempt=ticket.attempt + 1)


def _scores(reply: _Heard) -> list[float]:
    return [reply.answer.score] if isinstance(reply.answer, Observation) else []


def _truth_in_range(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """Every truth is a finite number in the score range."""
    low, high = problem.score_range
    for candidate in some:
        truth = problem.truth(candidate)
        if not (math.isfinite(truth) and low <= truth <= high):
            raise _Broken(f"The truth of {candidate!r} is {truth}, the range {problem.score_range}.")


def _optimum(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """No truth is above the optimum, and in a pool one is equal to it."""
    truths = [problem.truth(candidate) for candidate in some]
    top = max(truths)
    if top > problem.optimum + 1e-9:
        raise _Broken(f"{some[truths.index(top)]!r} has {top}, above the optimum {problem.optimum}.")
    whole = isinstance(problem.space, Pool) and len(some) == len(problem.space.texts)
    if whole and top < problem.optimum - 1e-9:
        raise _Broken(f"The best of the pool has {top}, and the optimum is said to be {problem.optimum}.")


def _deterministic(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """The world of a seed gives the same replies whenever it is made."""
    for candidate in some[:10]:
        one, other = _asked(problem.world(3), candidate), _asked(problem.world(3), candidate)
        if _plain(one) != _plain(other):
            raise _Broken(f"{candidate!r} got {one.answer!r}, then {other.answer!r}.")


def _keyed(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """A reply depends on what is asked and how often it was, not on what else is asked before."""
    asked = [(candidate, repeat) for candidate in some[:8] for repeat in range(2)]
    first, second = problem.world(5), problem.world(5)
    forwards = {pair: _plain(_asked(first, *pair)) for pair in asked}
    other_order = sorted(asked, key=lambda pair: -some.index(pair[0]))  # a repetition still comes second
    backwards = {pair: _plain(_asked(second, *pair)) for pair in other_order}
    for pair in asked:
        if forwards[pair] != backwards[pair]:
            raise _Broken(f"{pair[0]!r} (asked {pair[1]} times before) got another reply in another order.")


def _plain(reply: _Heard) -> tuple[object, ...]:
    answer = reply.answer
    told = ("failed", *answer.args) if isinstance(answer, AnswerFailed) else answer
    return (told, reply.charge, reply.nanoseconds)


def _priced(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """Every charge is between nothing and its quote, and no quote asks for time."""
    world = problem.world(1)
    for candidate in some:
        reply = _asked(world, candidate)
        quote = reply.quote
        if min(quote) < 0 or quote.seconds:
            raise _Broken(f"{candidate!r} is quoted {quote}.")
        if any(not 0 <= charge <= most for charge, most in zip(reply.charge, quote, strict=True)):
            raise _Broken(f"{candidate!r} was quoted {quote} and charged {reply.charge}.")
        if reply.nanoseconds < 0:
            raise _Broken(f"{candidate!r} took {reply.nanoseconds} ns.")


def _costs_something(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """An evaluation costs something."""
    if _asked(problem.world(1), some[0]).quote == FREE:
        raise _Broken("A run would never end.")


def _unbiased(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """Observed scores are right on average."""
    low, high = problem.score_range
    width = high - low
    above, below = Bets(-tau, -1.0, 1.0), Bets(-tau, -1.0, 1.0)
    worlds = [problem.world(seed) for seed in range(20)]
    for number in range(_LOOKS):
        candidate = some[number % len(some)]
        reply = _asked(worlds[number % len(worlds)], candidate, number // len(worlds))
        for score in _scores(reply):
            gap = max(-1.0, min(1.0, (score - problem.truth(candidate)) / width))
            above.see(gap)
            below.see(-gap)
    if not above.count:
        raise _Vacuous("no evaluation was answered")
    if above.against(ALPHA / 2) or below.against(ALPHA / 2):
        told = f"over {above.count} looks they are {above.mean * width:+.3f} from the truth"
        raise _Broken(f"{told}, and {tau * width:.3f} is tolerated.")


def _observed_in_range(problem: Problem, some: Sequence[Candidate], tau: float) -> None:
    """Every observed score is a finite number in the score range, give or take its noise."""
    low, high = problem.score_range
    for seed in range(5):
        world = problem.world(seed)
        for candidate in some:
            for score in _scores(_asked(world, candidate)):
                if not math.isfinite(score):
                    raise _Broken(f"{candidate!r} got {score}.")
                if not low - (high - low) <= score <= high + (high - low):
                    raise _Broken(f"{candidate!r} got {score}, the range is {problem.score_range}.")


LAWS: dict[str, Callable[[Problem, Sequence[Candidate], float], None]] = {
    "truth_in_range": _truth_in_range,
    "optimum": _optimum,
    "deterministic": _deterministic,
    "keyed": _keyed,
    "priced": _priced,
    "costs_something": _costs_something,
    "observed_in_range": _observed_in_range,
    "unbiased": _unbiased,
}
"""Name -> the law."""
