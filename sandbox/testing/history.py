"""Plays a subject in a scene and writes down everything; what a check judges is such a history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from sandbox.assembly import NOT_A_NUMBER
from sandbox.budget import Budget, Ledger
from sandbox.claims import claims_of
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import Agent, Complete, Evaluate, Gather, Observation, Plan, Recommend, Request, Task
from sandbox.session import Session
from sandbox.spaces import Candidate
from sandbox.streams import stream
from sandbox.testing.scenes import Scene
from sandbox.testing.world import SceneWorld

_MOST_SPARE = 200
"""Events beyond those that the budget explains, after which a run is said to have no end."""
_STEPS_OF_BUDGET = 60
SPARE = 64
"""Evaluations that a soft ledger grants beyond three times the budget."""


class Endless(BaseException):
    """The step watchdog: a run makes more requests than its budget can explain."""


class Event(NamedTuple):
    """Something that the agent said, and what it heard."""

    request: Request[Any]
    answer: Any
    """An `Observation`, a `Completion`, None for a recommendation, or the exception that it was told."""
    together: int = 0
    """Events that were asked together share it."""


@dataclass
class History:
    """One run, from its first word to its last."""

    scene: Scene
    events: list[Event] = field(default_factory=list)
    recommendation: Candidate | None = None
    """What was handed in; None if nothing was."""
    raised: BaseException | None = None
    """What came out of the plan itself, unchanged; BudgetExhausted is a proper end."""
    failure: str = ""
    """Why the session could not be judged; "" in a healthy run."""
    broke_rule: bool = False
    """Whether that was a rule of the conversation, not an error of the agent's own."""
    endless: bool = False
    evaluations: int = 0
    """That the ledger charged."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What else a player looked at."""

    @property
    def healthy(self) -> bool:
        """Whether it ended with something handed in."""
        return not self.failure and not self.endless

    def of(self, *kinds: type[Request[Any]]) -> Iterator[Event]:
        """The events of these kinds, in order."""
        return (event for event in self.events if isinstance(event.request, kinds))

    def asked(self) -> list[str]:
        """The questions that were answered or failed, in order; refusals are not in it."""
        return [
            shown(event.request)
            for event in self.of(Evaluate, Complete)
            if not isinstance(event.answer, BudgetExhausted)
        ]

    def trace(self) -> tuple[str, ...]:
        """All that two runs alike must share: each word, and what was handed in."""
        said = [shown(event.request) for event in self.events]
        return (*said, f"handed in: {self.recommendation!r}", f"ended: {self.failure or 'well'}")

    def scores(self) -> list[tuple[Candidate, float]]:
        """Candidate and score of each full evaluation that was answered, in order."""
        found = []
        for event in self.of(Evaluate):
            request: Any = event.request
            if isinstance(event.answer, Observation) and request.rows is None:
                found.append((request.candidate, event.answer.score))
        return found

    def claims(self) -> list[Recommend]:
        """What was recommended, in order."""
        return [event.request for event in self.of(Recommend) if isinstance(event.request, Recommend)]


def shown(request: Request[Any]) -> str:
    """A request in one line; numbers in full."""
    if isinstance(request, Evaluate):
        rows = "" if request.rows is None else f" on rows {list(request.rows)}"
        return f"evaluate {request.candidate!r}{rows}"
    if isinstance(request, Complete):
        return f"complete {request.prompt!r} n={request.n} t={request.temperature}"
    if isinstance(request, Recommend):
        return f"recommend {request.candidate!r}"
    return repr(request)


@dataclass(frozen=True)
class Play:
    """How to play: everything that a check may vary."""

    enforced: int | None = None
    """Evaluations that the ledger grants, where it is not the budget that the agent was told."""
    change: tuple[int, int] | str | None = None
    """See `sandbox.testing.world.SceneWorld`."""
    held_out: tuple[float, ...] = ()
    backwards: bool = False
    """Whether answers to what was asked together arrive in the opposite order."""
    chance: int = 1
    """State of the global generators while it plays."""
    clock: tuple[float, float] = (1.7e9, 1e-6)
    """What the wall clock says at first, and how far each look advances it, in seconds."""


PLAIN = Play()


def play(subject: Agent, scene: Scene, how: Play = PLAIN, white_box: Any = None) -> History:
    """Play one run to its end, with the surroundings under control; they are as before afterwards."""
    with surroundings(how):
        before = chance_of_all()
        steps = playing(subject, scene, how, white_box)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                history: History = stop.value
                break
        changed = [name for name, a, b in zip(_GENERATORS, before, chance_of_all(), strict=True) if a != b]
        history.notes["chance"] = " and ".join(changed)
        return history


def playing(
    subject: Agent, scene: Scene, how: Play = PLAIN, white_box: Any = None
) -> Generator[None, None, History]:
    """The same one answer at a time, in whatever surroundings there are."""
    history = History(scene)
    world = SceneWorld(scene, how.change, how.held_out)
    task = scene.task(white_box() if callable(white_box) else white_box)
    task = replace(task, score_range=world.range())
    before = _put(task)
    ledger = Ledger(_granted(task, scene, how))
    session = Session(subject.name, _plan(subject, task, scene, history), task, world, ledger)
    try:
        waiting = session.start()
        for ticket in waiting:
            world.number(ticket)
        while waiting:
            yield
            ticket = waiting.pop(-1 if how.backwards else 0)
            more = session.settle(ticket, world.reply(ticket, 0), 0)
            for one in more:
                world.number(one)
            waiting += more
    except Endless:
        history.endless = True
    finally:
        session.close()
    history.notes["task"] = (before, _put(task))
    history.evaluations = ledger.spent.evaluations
    history.recommendation = session.recommendation
    if session.failure is not None:
        history.failure = str(session.failure)
        history.broke_rule = history.raised is None
    return history


def _put(task: Task) -> str:
    """All that was handed out, in words; a white box is there to be worked with, and so not in it."""
    return repr(replace(task, lends=task.lends._replace(white_box=None)))


def _granted(task: Task, scene: Scene, how: Play) -> Budget:
    if how.enforced is None:
        return task.budget
    return Budget(rows=how.enforced * scene.rows) if scene.rows else Budget(evaluations=how.enforced)


def soft(scene: Scene) -> Play:
    """A ledger that grants far more than the agent was told."""
    return Play(enforced=3 * scene.budget + SPARE)


def _plan(subject: Agent, task: Task, scene: Scene, history: History) -> Plan[Candidate]:
    seeded: Callable[[Task, int], Plan[Candidate]] | None = getattr(subject, "seeded_plan", None)
    try:
        if seeded is not None:  # other people's optimizers take a number
            plan = seeded(task, scene.seed)
        else:
            plan = subject.plan(task, stream(scene.seed, "agent"))
    except Exception as error:
        history.raised = error
        return _failing(error)
    return _watched(subject, plan, history) if isinstance(plan, Generator) else plan


def _failing(error: Exception) -> Plan[Candidate]:
    raise error
    yield  # a generator, so that the error is raised where the session listens


def _watched(subject: Agent, plan: Plan[Candidate], history: History) -> Plan[Candidate]:
    """The plan, with every word of it written down."""
    scene = history.scene
    most = _MOST_SPARE + _STEPS_OF_BUDGET * scene.budget * max(scene.rows, 1)
    answer: Any = None
    together = 0
    raw = claims_of(subject).raw_scores
    try:
        while True:
            try:
                request = plan.throw(answer) if isinstance(answer, Exception) else plan.send(answer)
            except StopIteration as stop:
                value: Candidate = stop.value
                return value
            except BaseException as error:
                history.raised = error
                raise
            try:
                answer = yield request
            except Exception as told:
                answer = told
            if raw:
                answer = _raw(answer)
            together += 1
            history.events += _events(request, answer, together)
            if len(history.events) > most:
                raise Endless
    finally:
        plan.close()


def _raw(answer: Any) -> Any:
    """The answer as it is outside of a session, which lets no NaN through."""
    if type(answer) is tuple:  # of what was asked at once
        return tuple([_raw(one) for one in answer])
    if isinstance(answer, AnswerFailed) and answer.args[0] == NOT_A_NUMBER:
        return Observation(float(answer.args[1]))
    return answer


def _events(request: Any, answer: Any, together: int) -> list[Event]:
    if not isinstance(request, Gather):
        return [Event(request, answer, together)]
    members: Sequence[Any] = request.requests if isinstance(request.requests, tuple) else ()
    if isinstance(answer, Exception):
        return [Event(member, answer, together) for member in members]
    return [Event(member, heard, together) for member, heard in zip(members, answer, strict=True)]


@contextmanager
def surroundings(how: Play) -> Iterator[None]:
    """Global generators in a known state and a clock that only looks move; everything is put back."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    clocks = {name: getattr(time, name) for name in _CLOCKS}
    now, step = how.clock

    def looked_at(per_second: int | None) -> Callable[[], float]:
        def look() -> float:
            nonlocal now
            now += step
            return int(now * per_second) if per_second else now

        return look

    try:
        random.seed(how.chance)
        np.random.seed(how.chance)  # noqa: NPY002  # it is the global state that is under control
        for name in _CLOCKS:
            setattr(time, name, looked_at(10**9 if name.endswith("_ns") else None))
        yield
    finally:
        for name, clock in clocks.items():
            setattr(time, name, clock)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


_CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")


_GENERATORS = ("random", "numpy.random")


def chance_of_all() -> tuple[object, object]:
    """The states of the global generators, to be compared."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), (name, bytes(keys), *rest)  # type: ignore[arg-type]


def failed(event: Event) -> bool:
    """Whether the world gave up on it."""
    return isinstance(event.answer, AnswerFailed)


def difference(one: Sequence[str], other: Sequence[str]) -> str:
    """Where two traces part; "" if they do not."""
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return f"word {number}: {_cut(a)}\n             and: {_cut(b)}"
    if len(one) != len(other):
        longer = one if len(one) > len(other) else other
        return f"word {min(len(one), len(other))}: {_cut(longer[min(len(one), len(other))])}, and nothing"
    return ""


def _cut(text: str, most: int = 160) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
