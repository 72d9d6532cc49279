"""Agents that misbehave, each in its own way; tests copy this file beside them."""
# ruff: noqa: T201, SIM105

import os
import sys
import time
from collections.abc import Iterator

from sandbox.errors import BudgetExhausted
from sandbox.protocol import Evaluate, Needs, Recommend

print("imported")


class Good:
    needs = Needs.POOL

    @property
    def name(self) -> str:
        return type(self).__name__

    def plan(self, task, rng) -> Iterator:
        first = task.space.texts[0]
        yield from Recommend(first)
        yield from Evaluate(first)
        yield from self.body(task)
        return first

    def body(self, task) -> Iterator:
        return iter(())


class RaisesInConstruction(Good):
    def __init__(self):
        raise RuntimeError("no luck")


class RaisesInPlan(Good):
    def plan(self, task, rng):
        raise RuntimeError("no luck")


class RaisesMidRun(Good):
    def body(self, task):
        raise KeyError("gone")


class Inherits(BaseException):
    pass


class RaisesItsOwn(Good):
    def body(self, task):
        raise Inherits("mine")


class RaisesUgly(Good):
    def body(self, task):
        raise ValueError("two\nlines \x1b[31m [bold]\ud800")


class ReturnsNothing(Good):
    def plan(self, task, rng):
        yield from Evaluate(task.space.texts[0])


class IsNoGenerator(Good):
    def plan(self, task, rng):
        return task.space.texts[0]


class YieldsNonsense(Good):
    def body(self, task):
        yield 42


class LeavesTheSpace(Good):
    def plan(self, task, rng):
        yield from Evaluate(task.space.texts[0])
        return "outside \x1b[31m[red]"


class KeepsAsking(Good):
    def body(self, task):
        while True:
            try:
                yield from Evaluate(task.space.texts[0])
            except BudgetExhausted:
                pass


class Exits(Good):
    def body(self, task):
        sys.exit(3)


class ExitsInPlan(Good):
    def plan(self, task, rng):
        sys.exit("bye")


class Interrupts(Good):
    def body(self, task):
        raise KeyboardInterrupt


class NeverEnds(Good):
    def body(self, task):
        while True:
            pass


class Swallows(Good):
    def body(self, task):
        while True:
            try:
                while True:
                    time.sleep(0.01)
            except BaseException:
                pass


class SwallowsOnce(Good):
    def body(self, task):
        try:
            time.sleep(60)
        except BaseException:
            return iter(())


class Dies(Good):
    def body(self, task):
        os._exit(9)


class Prints(Good):
    def body(self, task):
        print("hello from the agent")
        os.system("echo from a child")
        return iter(())


class Sleeps(Good):
    def body(self, task):
        time.sleep(0.05)
        return iter(())


class Stays(Good):
    """Catches everything that a person may press."""

    def body(self, task):
        for _ in range(3):
            try:
                time.sleep(60)
            except BaseException:
                pass
        return iter(())


class Markup(Good):
    name = "[red]x[/red][bold]"


class NamedByEscape(Good):
    name = "a\x1b[31m"


class NeedsWrong(Good):
    needs = 3


class Takes(Good):
    def __init__(self, text="", name="takes"):
        self._name = name

    @property
    def name(self) -> str:
        return self._name
