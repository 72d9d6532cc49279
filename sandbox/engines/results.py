"""What an engine hands back, and how it guards against an agent that never stops."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.budget import FREE
from sandbox.registry import make_agent
from sandbox.tournament import Match, Run, load, play


@dataclass(frozen=True, slots=True)
class Played:
    """A match and its runs."""

    match: Match
    runs: list[Run]
    cpu_seconds: float


class Hung(BaseException):
    """Raised inside an agent that exceeded the wall time of a match; no agent can catch it by habit."""


def play_guarded(match: Match, most_seconds: float) -> Played:
    """Play a match; if it takes longer than `most_seconds` of wall time, its runs fail.

    The only place where the speed of a machine can decide anything, and it decides only
    that there is no result.
    """
    started = time.process_time()
    try:
        with _alarm(most_seconds):
            runs = play(match)
    except Hung:
        why = f"stopped after {most_seconds:g} s of wall time (--run-limit)"
        runs = [_hung(match, i, why) for i in range(len(match.agents))]
    return Played(match, runs, time.process_time() - started)


def _hung(match: Match, i: int, why: str) -> Run:
    problem = load(match.source).build(match.problem)
    return Run(
        key=match.keys[i], scenario=match.scenario, digest=match.digest, problem=match.problem,
        agent=make_agent(match.agents[i]).name, seed=match.seed, budget=match.budget,
        rivals=match.agents if len(match.agents) > 1 else (), error=why, recommended=None, truth=None,
        spent=FREE, steps=(), records=(), optimum=problem.optimum, baseline=problem.baseline,
        caveat=problem.caveat,
    )  # fmt: skip


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `Hung` here after so many seconds, where the platform and the thread allow it."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
