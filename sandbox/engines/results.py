"""What an engine hands back, and how a match is stopped from outside."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from sandbox.budget import FREE
from sandbox.scenario import Problem
from sandbox.tournament import Halt, Match, Run, load, play

_AGAIN = 1.0
"""Wall seconds after which an agent that swallowed the first ring hears the next one."""
_RINGS = 3
"""Rings that an agent may swallow."""
_LONGEST = 1e8  # three years; a timer of the system takes little more


@dataclass(frozen=True, slots=True)
class Played:
    """A match and its runs."""

    match: Match
    runs: list[Run]
    cpu_seconds: float


class Hung(Halt):
    """The wall time of a match is over."""


class Interrupted(Halt):
    """A person pressed Ctrl-C."""


def play_guarded(match: Match, most_seconds: float) -> Played:
    """Play a match; if it takes longer than `most_seconds` of wall time, its runs fail.

    The only place where the speed of a machine can decide anything, and it decides only
    that there is no result.
    """
    started = time.process_time()
    problem = load(match.source).build(match.problem)  # before the clock starts: this is not the agents' time
    runs: list[Run] = []
    rung = False
    try:
        with _alarm(most_seconds) as heard:
            runs = play(match)
        rung = bool(heard)  # an agent swallowed the alarm, so what it did then depends on the clock
    except Hung:
        rung = True
    if rung:
        runs = _lost(match, problem, f"after {most_seconds:g} s of wall time (--run-limit)")
    return Played(match, runs, time.process_time() - started)


def killed(match: Match) -> Played:
    """The match was played twice, the second time alone, and both times its process died."""
    problem = load(match.source).build(match.problem)
    return Played(match, _lost(match, problem, "when its process died (out of memory, or os._exit?)"), 0.0)


def _lost(match: Match, problem: Problem, why: str) -> list[Run]:
    return [
        Run(
            key=match.keys[i], scenario=match.scenario, digest=match.digest, problem=match.problem,
            agent=name, seed=match.seed, budget=match.budget,
            rivals=match.names if len(match.names) > 1 else (),
            error=f"{STOPPED} {why}", recommended=None, truth=None, spent=FREE, steps=(), records=(),
            optimum=problem.optimum, baseline=problem.baseline, caveat=problem.caveat, code=match.codes[i],
        )
        for i, name in enumerate(match.names)
    ]  # fmt: skip


STOPPED = "stopped"
"""How the error of a run begins that was stopped from outside; it left no records."""


@contextmanager
def _alarm(seconds: float) -> Generator[list[float], None, None]:
    """Raise `Hung` here after so many seconds, where platform and thread allow it; the rings so far."""
    rings: list[float] = []
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield rings
        return
    over = False

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if over:
            return
        rings.append(time.monotonic())
        if len(rings) > _RINGS:
            os.write(2, b"sandbox: an agent does not stop, whatever is raised in it; its process is ended\n")
            os._exit(70)
        raise Hung

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, _LONGEST), _AGAIN)
    try:
        yield rings
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def stoppable() -> Generator[None, None, None]:
    """Ctrl-C in here cannot be mistaken for an agent's own error, nor be swallowed by one.

    Raises:
        KeyboardInterrupt: when it was pressed; what was being played is not to be stored then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[bool] = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pressed.append(True)
        raise Interrupted

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
