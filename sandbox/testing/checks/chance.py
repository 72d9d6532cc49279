"""Checks of where a run's chance comes from: its own seed, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import Any

from sandbox.testing.check import Blocked, NotApplicable, Trial, Violation, Wants, ailing, check
from sandbox.testing.history import PLAIN, History, Play, difference, playing, surroundings
from sandbox.testing.isolation import fresh_traces, in_child
from sandbox.testing.scenes import Scene, kinds_of

_RICH = Wants(budget=(8, 12), rich=True, oracles=("sum", "table"))
_JUMPING = Play(clock=(4.1e9, 977.0))


def _same_in_children(trial: Trial) -> bool:
    """Whether two copies of this process play the scene alike: then what differs here is state."""
    one, other = [in_child(lambda: trial.play().trace()) for _ in range(2)]
    return one is not None and one == other


@check("P6", "seeded", wants=_RICH)
def check_seed_determinism(trial: Trial) -> None:
    """The same seed asks and hands in the same, again and again."""
    first, again = trial.healthy(), trial.play()
    trial.reach("two runs")
    if parting := difference(first.trace(), again.trace()):
        if _same_in_children(trial):
            raise Blocked("check_no_shared_state")
        raise Violation("two runs with one seed differ", first, parting)


@check("P7", "seeded", wants=_RICH)
def check_no_global_rng_read(trial: Trial) -> None:
    """Its run does not depend on the state of `random` and `numpy.random`."""
    first, other, again = trial.healthy(), trial.play(Play(chance=2)), trial.play()
    if first.trace() != again.trace():
        raise Blocked("check_seed_determinism")
    trial.reach("three runs")
    if parting := difference(first.trace(), other.trace()):
        raise Violation("another state of the global generators gives another run", first, parting)


@check("P8", wants=Wants(budget=(1, 12), rich=True))
def check_no_global_rng_write(trial: Trial) -> None:
    """It leaves the state of `random` and `numpy.random` as it was."""
    history = trial.healthy()
    trial.reach("a run")
    if changed := history.notes.get("chance", ""):
        raise Violation(f"the state of {changed} is another one after the run", history)


@check("P9", "random_start", wants=_RICH)
def check_seeds_differ(trial: Trial) -> None:
    """Other seeds give other runs, and 0 is a seed."""
    first = trial.pure()
    for seed in (0, 1, 2, 9, 42, 1234):
        if seed == trial.scene.seed:
            continue
        other = trial.healthy(scene=trial.on(seed=seed))
        if not first.asked():
            continue  # there is nothing that chance could change
        trial.reach("two seeds")
        if first.asked() == other.asked():
            raise Violation(f"seeds {trial.scene.seed} and {seed} ask the same {len(other.asked())}", other)


@check("P10", "zero_options", once=True)
def check_zero_is_a_value(trial: Trial) -> None:
    """A numeric option that is set to 0 is refused, or makes a difference."""
    subject: Any = trial.subject
    if not dataclasses.is_dataclass(subject) or isinstance(subject, type):
        raise NotApplicable("its options are not the fields of a dataclass")
    kinds = kinds_of(trial.subject.needs)
    scenes = [trial.on(kind=kind, budget=24, luck=luck, seed=luck) for kind in kinds for luck in range(2)]
    usual = [trial.healthy(scene=scene).trace() for scene in scenes]
    for option in dataclasses.fields(subject):
        value = getattr(subject, option.name)
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        unset = value is None and any(word in str(option.type) for word in ("int", "float"))
        if not option.init or not (unset or (numeric and value)):
            continue
        trial.reach(f"{option.name}=0")
        try:
            other: Any = dataclasses.replace(subject, **{option.name: 0})
            found = [trial.play(scene=scene, subject=other) for scene in scenes]
        except Exception:  # refused, in whatever words
            continue
        if [history.trace() for history in found] == usual:
            raise Violation(f"{option.name}=0 acts as {option.name}={value!r} does", found[0])


@check("P11", "seeded", once=True)
def check_hash_seed(trial: Trial) -> None:
    """Its run does not depend on the order in which this process keeps sets (PYTHONHASHSEED)."""
    if trial.spec is None:
        raise NotApplicable("a fresh process cannot make it: give it as MODULE:AGENT")
    (one, _), (other, _), (third, _) = [fresh_traces(trial, seed) for seed in ("0", "1", "77")]
    trial.reach("three processes")
    for found in (other, third):
        if parting := difference(one, found):
            (again, _) = fresh_traces(trial, "0", anew=True)
            if again != one:
                raise Blocked("check_seed_determinism")
            raise Violation("processes with other hash seeds differ", None, parting)


@check("P12", "seeded", wants=_RICH)
def check_no_wall_clock(trial: Trial) -> None:
    """Its run does not depend on the clock on the wall."""
    first, other, again = trial.healthy(), trial.play(_JUMPING), trial.play()
    if first.trace() != again.trace():
        raise Blocked("check_seed_determinism")
    trial.reach("two clocks")
    if parting := difference(first.trace(), other.trace()):
        raise Violation("another clock gives another run", first, parting)


@check("P13", wants=_RICH)
def check_no_shared_state(trial: Trial) -> None:
    """A run is the same whether or not there were others before it in the process."""
    if trial.spec is not None:
        one, after = fresh_traces(trial, "0")  # once a search: it is remembered
        if parting := difference(one, after):
            if fresh_traces(trial, "0", anew=True)[0] != one:
                raise Blocked("check_seed_determinism")
            raise Violation("in a fresh process the second run is not as the first", None, parting)
    first = trial.healthy()
    trial.play(scene=trial.on(luck=trial.scene.luck + 1, seed=trial.scene.seed + 1))
    again = trial.play()
    trial.reach("three runs")
    if parting := difference(first.trace(), again.trace()):
        if not _same_in_children(trial):
            raise Blocked("check_seed_determinism")
        raise Violation("a run is another one after others", first, parting)


@check("P14", wants=_RICH)
def check_interleaving(trial: Trial) -> None:
    """Two runs that take turns are as they are one after the other."""
    scenes = (trial.scene, trial.on(seed=trial.scene.seed + 1, luck=trial.scene.luck + 1))
    alone = [trial.pure(scene) for scene in scenes]
    together = _in_turns(trial, scenes)
    trial.reach("two runs")
    for one, other in zip(alone, together, strict=True):
        if (culprit := ailing(other)) and culprit != "check_runs":
            raise Blocked(culprit)
        if parting := difference(one.trace(), other.trace()):
            raise Violation("a run is another one while a second takes turns with it", one, parting)


def _in_turns(trial: Trial, scenes: tuple[Scene, ...]) -> list[History]:
    """Both runs, one answer each at a time."""
    with surroundings(PLAIN):
        runs: dict[int, Generator[None, None, History]] = {
            i: playing(trial.subject, scene, PLAIN, trial.white_box) for i, scene in enumerate(scenes)
        }
        ended: dict[int, History] = {}
        while runs:
            for i, run in list(runs.items()):
                try:
                    next(run)
                except StopIteration as stop:
                    ended[i] = stop.value
                    del runs[i]
    return [ended[i] for i in range(len(scenes))]
