"""Failures as files: written by a check, shown again without a search, and opened as scenarios."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.budget import Budget
from sandbox.errors import DataError
from sandbox.scenario import Problem, Scenario
from sandbox.session import World
from sandbox.spaces import Candidate, Pool
from sandbox.testing.report import Result, file_of
from sandbox.testing.scenes import Scene, name_of
from sandbox.testing.world import SceneWorld


@dataclass(frozen=True)
class Failure:
    """What a file says."""

    check: str
    agent: str
    scene: Scene
    observed: str


def write_failure(result: Result, agent: str, folder: Path) -> Path:
    """Write a failure into a folder, under a name that its content gives; the file.

    Raises:
        OSError: if it cannot be written.
    """
    name, body = file_of(result, agent)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(body, encoding="utf-8")
    return path


def read_failure(path: Path) -> Failure:
    """Read such a file.

    Raises:
        DataError: naming the file, and what is wrong with it.
    """
    try:
        told: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise DataError(f"{path}: cannot be read as the file of a failed check: {exc}") from exc
    return failure_of(told, str(path))


def failure_of(told: object, where: str) -> Failure:
    """What the content of such a file says.

    Raises:
        DataError: naming `where`, and what is wrong with it.
    """
    wanted = {"check": str, "agent": str, "scene": dict, "observed": str}
    if not isinstance(told, Mapping) or any(not isinstance(told.get(k), t) for k, t in wanted.items()):
        raise DataError(
            f"{where}: the file of a failed check has the texts check, agent, observed, and a scene"
        )
    try:
        scene = Scene.of(told["scene"])
    except (TypeError, ValueError) as exc:
        raise DataError(f"{where}: scene: {exc}") from exc
    return Failure(told["check"], told["agent"], scene, told["observed"])


def budget_of(scene: Scene) -> Budget:
    """What an agent is granted in a scene."""
    return scene.task().budget


def scenario_of(scene: Scene, agents: tuple[str, ...] = ("random",)) -> Scenario:
    """A scene as a scenario of one problem, for tests that play tournaments."""
    return Scenario(
        name="scene",
        description=str(scene),
        agents=agents,
        seeds=1,
        budget=budget_of(scene),
        problems=("scene",),
        build=lambda problem: problem_of(scene),
        digest=name_of(scene.told()),
    )


def problem_of(scene: Scene) -> Problem:
    """A scene as a problem of a tournament; other seeds of a tournament are other luck."""

    def world(seed: int) -> World:
        return SceneWorld(replace(scene, luck=scene.luck + seed))

    def truth(candidate: Candidate) -> float:
        return scene.known(candidate)

    space = scene.space
    known = [truth(text) for text in space.texts] if isinstance(space, Pool) else [0.0, 1.0]
    task = scene.task()
    return Problem(
        name="scene",
        description=task.description,
        space=space,
        optimum=max(known),
        baseline=min(known),
        truth=truth,
        world=world,
        demos=task.demos,
        dev_rows=task.dev_rows,
        score_range=task.score_range,
        lends=task.lends,
    )
