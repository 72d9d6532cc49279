"""An optimizer with a single bug for each check of the catalogue, made of the clean ones."""

from __future__ import annotations

import inspect
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from reference import Careful, Clean, Search

from sandbox.errors import AnswerFailed
from sandbox.protocol import Plan, Recommend, Task
from sandbox.spaces import Candidate
from sandbox.streams import stream

PLANTED: dict[str, Callable[[], Any]] = {}
"""Name of the check -> the subject that fails it, and no other."""


def plant(check: str) -> Callable[[type[Any]], type[Any]]:
    def register(kind: type[Any]) -> type[Any]:
        PLANTED[check] = kind
        return kind

    return register


# --- how it ends, what it spends ------------------------------------------------------


@plant("check_runs")
class FailsWithOne(Clean):
    def begun(self, state: Search) -> None:
        if state.task.budget.evaluations == 1:
            raise ZeroDivisionError("division by zero")


@plant("check_budget")
class OneBatchTooMany(Clean):
    def limit(self, task: Task) -> int:
        right = super().limit(task)
        return right + right % 2  # whole batches only


@plant("check_stops_when_denied")
class CannotBeDenied(Clean):
    def refused(self, asked: int, limit: int) -> None:
        if asked < limit:
            raise RuntimeError("the budget should not be spent yet")


@plant("check_uses_budget")
class StopsEarly(Clean):
    def limit(self, task: Task) -> int:
        return max(1, super().limit(task) // 2)


@plant("check_own_count")
class CountsFromOne(Clean):
    def words(self, state: Search, asked: int) -> Plan[None]:
        assert state.best is not None
        yield from Recommend(state.best, self.claim(state), asked + 1)


class _Outside(Search):
    def around(self, low: np.ndarray, high: np.ndarray, noise: np.ndarray) -> np.ndarray:
        return np.array(self.best) + self.step * (high - low) * noise


@plant("check_in_space")
class LeavesTheBox(Clean):
    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return _Outside(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)


class _Repeating(Search):
    def ask(self) -> Candidate | None:
        if self.best is not None and self.rng.random() < 0.3:
            return self.best
        return super().ask()


@plant("check_duplicates")
class AsksAgain(Clean):
    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return _Repeating(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)


@plant("check_terminates")
class WaitsForADifference(Clean):
    def before_the_end(self, state: Search, task: Task) -> Plan[None]:
        while state.top == 0.5 and state.answers > 2:
            yield from Recommend(state.best, self.claim(state), state.answers)  # type: ignore[arg-type]


# --- chance ---------------------------------------------------------------------------


def shaken(state: Search, by: float) -> None:
    """Another generator, where `by` says so."""
    state.rng = np.random.default_rng(int(by * 2**40))
    if state.listed:
        state.rng.shuffle(state.listed)  # type: ignore[arg-type]


@plant("check_seed_determinism")
class DrawsFromTheSystem(Clean):
    def begun(self, state: Search) -> None:
        shaken(state, int.from_bytes(os.urandom(4), "little") / 2**32)


@plant("check_no_global_rng_read")
class ReadsTheGlobalState(Clean):
    def begun(self, state: Search) -> None:
        copy = random.Random()
        copy.setstate(random.getstate())
        shaken(state, copy.random() + state.rng.random())


@plant("check_no_global_rng_write")
class SeedsTheGlobalState(Clean):
    def begun(self, state: Search) -> None:
        np.random.seed(7)  # noqa: NPY002


@plant("check_seeds_differ")
class TakesZeroForNone(Clean):
    def seeded_plan(self, task: Task, seed: int) -> Plan[Candidate]:
        return self.plan(task, stream(seed or 9, "agent"))


@plant("check_zero_is_a_value")
@dataclass(frozen=True)
class TakesZeroForUnset(Clean):
    share: float = 0.5

    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return Search(task, rng, self.step, self.share or 0.5, -1.0 if self.minimise else 1.0)


@plant("check_hash_seed")
class IteratesASet(Clean):
    def begun(self, state: Search) -> None:
        (first, *_) = {f"word {i}" for i in range(50)}
        shaken(state, float(first.partition(" ")[2]) / 50 + state.rng.random())


@plant("check_no_wall_clock")
class LooksAtTheClock(Clean):
    def begun(self, state: Search) -> None:
        shaken(state, float(time.time() > 3e9) / 2 + state.rng.random())


@plant("check_no_shared_state")
class Remembers(Clean):
    runs = 0

    def begun(self, state: Search) -> None:
        type(self).runs += 1
        shaken(state, self.runs / 1e6 + state.rng.random())


@plant("check_interleaving")
class KeepsItsRunOnItself(Clean):
    def begun(self, state: Search) -> None:
        object.__setattr__(self, "state", state)

    def hear(self, state: Search, wanted: list[Candidate], heard: Any) -> Search:
        state = super().hear(self.state, wanted, heard)  # type: ignore[attr-defined]
        object.__setattr__(self, "state", state)
        return state


# --- answers --------------------------------------------------------------------------


@plant("check_inputs_unchanged")
class WritesOnTheTask(Clean):
    def begun(self, state: Search) -> None:
        object.__setattr__(state.task, "description", "mine")


class _TakesNan(Search):
    def better(self, value: float) -> bool:
        return not value <= self.top


@plant("check_nonfinite")
class PrefersNan(Clean):
    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return _TakesNan(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)

    def claim(self, state: Search) -> float | None:
        return state.sign * state.top


@plant("check_faults")
class ReplacesFailures(Clean):
    def hear(self, state: Search, wanted: list[Candidate], heard: Any) -> Search:
        if any(isinstance(answer, AnswerFailed) for answer in heard):
            raise RuntimeError("evaluation failed")
        return super().hear(state, wanted, heard)


@plant("check_incumbent")
class HandsInTheLast(Clean):
    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None:
        if np.isfinite(answer.score):
            state.last = candidate  # type: ignore[attr-defined]

    def final(self, state: Search, task: Task) -> Candidate:
        return getattr(state, "last", state.best) if self.limit(task) <= 12 else state.best


@plant("check_anytime")
class RecommendsTheLatest(Clean):
    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None:
        state.last = candidate  # type: ignore[attr-defined]

    def words(self, state: Search, asked: int) -> Plan[None]:
        yield from Recommend(state.last, None, asked)  # type: ignore[attr-defined]
        yield from super().words(state, asked)


@plant("check_claim")
class ClaimsALittleMore(Clean):
    def claim(self, state: Search) -> float | None:
        told = super().claim(state)
        return told if told is None or state.task.dev_rows else told + 0.0625


@plant("check_claim_under_noise")
@dataclass(frozen=True)
class ClaimsItsLuckiest(Careful):
    again: bool = False


@plant("check_attribution")
class ShiftsTheAnswers(Clean):
    def hear(self, state: Search, wanted: list[Candidate], heard: Any) -> Search:
        return super().hear(state, wanted, [one for one in heard if not isinstance(one, AnswerFailed)])


@plant("check_cache")
class CachesByRow(Clean):
    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None:
        cache = state.__dict__.setdefault("cache", {})
        for row in answer.rows:
            cache.setdefault(row.row, row.score)

    def claim(self, state: Search) -> float | None:
        cache = getattr(state, "cache", None)
        return float(np.mean(list(cache.values()))) if cache else super().claim(state)


@plant("check_no_leak")
class PeeksAtTheSplit(Clean):
    def begun(self, state: Search) -> None:
        frame = inspect.currentframe()
        while frame is not None:
            world = getattr(frame.f_locals.get("self"), "world", None)
            if world is not None:
                shaken(state, sum(world.held_out) / 100 + state.rng.random())
                return
            frame = frame.f_back


# --- what must not matter -------------------------------------------------------------


class _OtherTies(Search):
    def better(self, value: float) -> bool:
        return value >= self.top if self.sign < 0 else value > self.top


@plant("check_direction")
class BreaksTiesByDirection(Clean):
    def search(self, task: Task, rng: np.random.Generator) -> Search:
        return _OtherTies(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)


class _Signed(Search):
    def tell(self, candidate: Candidate, score: float) -> None:
        super().tell(candidate, score)
        if self.sign * score < 0:
            self.step = 0.3


class _Greedy(Search):
    """Where it goes next depends on how large the last gain was beside the whole range so far."""

    lowest = np.inf

    def tell(self, candidate: Candidate, score: float) -> None:
        value, before = self.sign * score, self.top
        super().tell(candidate, score)
        self.lowest = min(self.lowest, value)
        if np.isfinite([before, self.top, self.lowest]).all() and self.top > self.lowest:
            gain = (self.top - before) / (self.top - self.lowest)
            self.step = 0.05 + 0.2 * gain
            if self.listed:
                place = -1 - round(9 * gain) % len(self.listed)
                self.listed[-1], self.listed[place] = self.listed[place], self.listed[-1]


class _Hasty(Search):
    def __post_init__(self) -> None:
        super().__post_init__()
        limit = self.task.budget.evaluations or 0
        self.step = 0.1 + 0.01 * (limit % 7)
        self.listed = self.listed[limit % 3 :] + self.listed[: limit % 3]


def _searching(kind: type[Search]) -> Any:
    def search(self: Clean, task: Task, rng: np.random.Generator) -> Search:
        return kind(task, rng, self.step, self.share, -1.0 if self.minimise else 1.0)

    return search


@plant("check_affine")
class FearsNegativeScores(Clean):
    search = _searching(_Signed)


@plant("check_rank_invariance")
class MeasuresItsGains(Clean):
    search = _searching(_Greedy)


@plant("check_prefix")
class PlansForTheBudget(Clean):
    search = _searching(_Hasty)


class _Forgetful(Search):
    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "rng": np.random.default_rng(0), "listed": self.listed[::-1]}


@plant("check_resume")
class LosesItsGenerator(Clean):
    search = _searching(_Forgetful)


class _Downhill(Search):
    worst: Candidate | None = None
    bottom = np.inf

    def tell(self, candidate: Candidate, score: float) -> None:
        super().tell(candidate, score)
        if self.sign * score < self.bottom:
            self.worst, self.bottom = candidate, self.sign * score

    def around(self, low: np.ndarray, high: np.ndarray, noise: np.ndarray) -> np.ndarray:
        best, self.best = self.best, self.worst
        try:
            return super().around(low, high, 0.3 * noise)
        finally:
            self.best = best


@plant("check_not_worse_than_random")
@dataclass(frozen=True)
class ClimbsDown(Clean):
    share: float = 0.9
    search = _searching(_Downhill)


@plant("check_relabelling")
class PrefersTheFirst(Clean):
    def final(self, state: Search, task: Task) -> Candidate:
        if task.space.kind != "pool":
            return super().final(state, task)
        tied = state.__dict__.get("tied", [state.best])
        return min(tied, key=task.space.texts.index)  # type: ignore[union-attr]

    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None:
        tied = state.__dict__.setdefault("tied", [])
        if state.best == candidate:
            tied[:] = [candidate]
        elif answer.score == state.sign * state.top:
            tied.append(candidate)


@plant("check_more_is_better")
class OverfitsWithMore(Clean):
    def looked(self, state: Search, candidate: Candidate, answer: Any) -> None:
        seen = state.__dict__.setdefault("seen", [])
        seen.append((answer.score, candidate))

    def final(self, state: Search, task: Task) -> Candidate:
        if 13 < self.limit(task) < 20:
            return min(state.__dict__["seen"])[1]
        return super().final(state, task)


def _factory(check: str) -> Callable[[], Any]:
    return lambda: PLANTED[check](name=check)


for _check in PLANTED:  # so that a fresh process can make each by its name
    setattr(sys.modules[__name__], _check, _factory(_check))
