"""Agents that do what no agent should, for the command line and pytest."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from sandbox.claims import Claims
from sandbox.protocol import Evaluate, Needs, Plan, Recommend, Task
from sandbox.spaces import Candidate, Pool


class Decent:
    """Evaluates one text, and hands it in."""

    name = "decent"
    needs = Needs.POOL
    claims = Claims(seeded=True)

    def plan(self, task: Task, rng: np.random.Generator) -> Plan[Candidate]:
        assert isinstance(task.space, Pool)
        best = task.space.texts[0]
        yield from Recommend(best)
        self.before()
        yield from Evaluate(best)
        return best

    def before(self) -> None: ...


class Sleeper(Decent):
    def before(self) -> None:
        time.sleep(3600)


class Swallower(Decent):
    """It cannot be interrupted."""

    def before(self) -> None:
        while True:
            try:
                time.sleep(3600)
            except BaseException:
                continue


class Leaver(Decent):
    def before(self) -> None:
        os._exit(0)


class Forker(Decent):
    def before(self) -> None:
        if os.fork() == 0:
            time.sleep(600)


class Printer(Decent):
    def before(self) -> None:
        print("I am here")  # noqa: T201
        os.write(1, b"and here\n")


class Crasher(Decent):
    def before(self) -> None:
        raise ZeroDivisionError("of mine")


class Hostile(Decent):
    name = "ev\x1bil"


class Claimant(Decent):
    claims: Any = ("seeded",)


def broken_factory() -> Any:
    raise RuntimeError("no agents today")


def no_agent() -> Any:
    return 42


print("imported with a word")  # noqa: T201
