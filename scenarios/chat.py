"""Problems whose rows a mock LLM solves: a task, a persona, a space of instructions, the referee."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from pathlib import Path

from mocks.llm.model import MockModel
from mocks.llm.persona import load, personas
from mocks.llm.writing.luck import Luck
from mocks.llm.writing.phrases import phrase
from mocks.service import Service
from sandbox.budget import FREE, Cost
from sandbox.classification import format_line
from sandbox.dataset import Dataset, Row
from sandbox.errors import ScenarioError, UsageError, nearest
from sandbox.protocol import Asides
from sandbox.scenario import Problem
from sandbox.session import World
from sandbox.spaces import Candidate, FreeText, Pool
from sandbox.worlds.chat import Asking, ChatWorld
from scenarios import tasks
from scenarios.judging import tally_of, truth_of
from scenarios.schema import ChatProblems
from scenarios.tasks import classification

SEEDS = (
    "Answer the question.",
    "Do the task.",
    "Give the output for the input.",
    "Look at the input and write what belongs to it.",
)
"""What an agent starts from in free text: instructions that say nothing of the task."""
LABEL_SEEDS = ("Classify the text.", "Which label fits the input?", "Sort the input into a class.")
"""The same where there are labels."""
_CLASSIFICATION = re.compile(r"classification-\d{1,9}(-n[1-9]\d{0,5})?")
_QUALITIES = (0.05, 0.25, 0.4, 0.55, 0.7, 0.9)
"""Of a pool's instructions, in turn; see `mocks.llm.writing.phrases.phrase`."""


def find(entry: ChatProblems, data: str | None, where: str) -> Entry:
    """The tasks of a problem table.

    Raises:
        ScenarioError: for a task or model that there is not.
        DataError: if `data` cannot be used.
    """
    if entry.model not in personas():
        raise ScenarioError(f"{where}: unknown model {entry.model!r}: {nearest(entry.model, personas())}")
    known = list(tasks.TASKS) if data is None else tasks.names(Path(data))
    wanted = _wanted(entry, known, data is not None, where)
    sizes = {
        "train": entry.train,
        "dev": entry.rows if entry.rows is not None else entry.dev,
        "test": entry.test,
    }
    found: dict[str, Callable[[], Dataset]] = {}
    for name in wanted:
        if _CLASSIFICATION.fullmatch(name):
            with_shots = [] if "-n" in name else [f"{name}-n{shots}" for shots in entry.shots]
            for labelled in with_shots or [name]:
                found[labelled] = partial(_labelled, labelled, sizes)
        elif name not in known:
            hint = nearest(name, [*known, "classification-0"])
            raise ScenarioError(f"{where}: unknown task {name!r}: {hint}")
        elif data is None:
            found[name] = partial(_generated, name, entry.data_seed, sizes)
        else:
            found[name] = partial(tasks.load, Path(data), name, seed=entry.data_seed, **sizes)
    return Entry(entry, found, data is not None)


def _wanted(entry: ChatProblems, known: Sequence[str], published: bool, where: str) -> list[str]:
    """The names of the tasks of a problem table."""
    named = entry.tasks
    if named == "held-out":
        named = [f"classification-{number}" for number in classification.HELD_OUT]
    elif isinstance(named, str):
        if named not in ("induction30", "all"):
            choice = 'a list of tasks, or "induction30", or "all", or "held-out"'
            raise ScenarioError(f"{where}: tasks={named!r}: {choice}")
        named = [name for name in known if name in tasks.INDUCTION30 or entry.tasks == "all" or published]
    return named[: entry.count]


def _labelled(name: str, sizes: dict[str, int]) -> Dataset:
    """A generated labelling task: "classification-NUMBER" or "classification-NUMBER-nSHOTS"."""
    number, _, shots = name.removeprefix("classification-").partition("-n")
    if not shots:
        return classification.make(int(number), **sizes)
    return classification.with_shots(int(number), int(shots), train=sizes["train"], test=sizes["test"])


def _generated(name: str, seed: int, sizes: dict[str, int]) -> Dataset:
    """A task of these sizes, or where it has fewer rows, of the same shares of what there is."""
    return tasks.make(name, seed=seed, **tasks.fitting(name, **sizes))


class Entry:
    """A problem table with its tasks; the rows and the model are made when they are first needed.

    There is one model for all its tasks, which knows the facts of all of them: so an endpoint
    that serves the scenario gives the answers that the tournament gets.
    """

    def __init__(
        self, table: ChatProblems, makers: Mapping[str, Callable[[], Dataset]], published: bool
    ) -> None:
        self.table = table
        self.published = published
        """Whether the rows are of published files, and not made of what the model knows anyhow."""
        self.names = tuple(makers)
        self.dataset = lru_cache(maxsize=None)(lambda name: makers[name]())

    @cached_property
    def model(self) -> MockModel:
        """The persona."""
        return MockModel(self.table.model, self.memory())

    def asking(self, name: str) -> Asking:
        """How the rows of a task are put to the model.

        Raises:
            ValueError: for a setting that cannot be.
        """
        table, labels = self.table, self.dataset(name).labels
        closing = format_line(labels) if labels and table.format_line else ""
        return Asking(table.model, table.temperature, table.max_tokens, table.cache, closing)

    def memory(self) -> dict[str, Mapping[str, tuple[str, ...]]]:
        """The facts of published rows: accepted answers by skill and input."""
        if not self.published:
            return {}
        datasets = {name: self.dataset(name) for name in self.names}
        return {
            name: {row.input: row.answers for row in (*dataset.train, *dataset.dev, *dataset.test)}
            for name, dataset in datasets.items()
            if not dataset.labels  # what a label means is for the prompts to say
        }


def service_of(model: str, service: Service) -> Service:
    """The service with the persona's latency and prices where the scenario says nothing of them.

    Said is also what equals the defaults, so that any price can be asked for.
    """
    persona = load(model)
    plain = Service()
    return replace(
        service,
        latency=persona.latency if service.latency is plain.latency else service.latency,
        prices=persona.prices if service.prices is plain.prices else service.prices,
    )


def problem(entry: Entry, name: str, service: Service, where: str) -> Problem:
    """A task as a problem.

    Raises:
        ScenarioError: if a setting is out of range.
    """
    table = entry.table
    try:
        dataset, model = entry.dataset(name), entry.model
        asking = entry.asking(name)
        score = truth_of(table.judge, model.outcomes, dataset, asking)
    except (ValueError, UsageError) as exc:
        raise ScenarioError(f"{where}: {name}: {exc}") from exc
    service = service_of(table.model, service)

    @lru_cache(maxsize=4096)
    def truth(candidate: Candidate) -> float:
        return score(str(candidate))

    def world(seed: int) -> World:
        attempts = service.retry.attempts if service.bills_failures else 1
        return ChatWorld(dataset, model, service.open(seed), service.prices, asking, seed, attempts)

    space: FreeText | Pool
    if table.space == "pool":
        space = Pool(pool(name, table.pool, dataset))
        optimum = max(map(truth, space.texts))
        baseline = sum(map(truth, space.texts)) / len(space.texts)
    else:
        seeds = LABEL_SEEDS if dataset.labels else SEEDS
        space = FreeText(seeds, words=_words(), longest=table.longest)
        optimum = _ceiling(model, dataset)
        baseline = max(map(truth, seeds))
    return Problem(
        name=name,
        description=dataset.description,
        space=space,
        optimum=optimum,
        baseline=min(baseline, optimum - 1e-6),
        truth=truth,
        world=world,
        limits=service.limits,
        demos=tuple((row.input, row.answers[0]) for row in dataset.train),
        dev_rows=len(dataset.dev),
        labels=dataset.labels if asking.closing else (),
        tally=tally_of(table.judge, dataset.labels),
        lends=Asides(completions=table.completions, bill=partial(_bill, service)),
    )


def _bill(service: Service, steps: Sequence[Cost]) -> Cost:
    """What an agent foresees, with money and time: each row is a call, and so are the texts of a step."""
    calls = [step.rows + bool(step.completions) for step in steps]
    return service.bill(sum(steps, FREE), sum(calls))


def _ceiling(model: MockModel, dataset: Dataset) -> float:
    """What the best instruction scores, or would: 1 where rules are hidden in labels."""
    if dataset.labels:
        return 1.0
    return model.ceiling(dataset.name, dataset.test, dataset.score)


def pool(name: str, size: int, dataset: Dataset) -> tuple[str, ...]:
    """Distinct instructions for a task, from precise to wrong, as a careless writer would propose them."""
    if dataset.labels:
        return _guidelines(size, dataset)
    found: dict[str, None] = {}
    number = 0
    while len(found) < size and number < 50 * size:
        quality = _QUALITIES[number % len(_QUALITIES)]
        found[phrase(name, quality, Luck("pool", name, number))] = None
        number += 1
    return tuple(found)


def _guidelines(size: int, dataset: Dataset) -> tuple[str, ...]:
    """Guidelines for a classification task, each from a few of the worked examples."""
    from mocks.llm.guideline import propose_rules

    found: dict[str, None] = {}
    for number in range(20 * size):
        if len(found) == size:
            break
        luck = Luck("pool", dataset.name, number)
        rows: list[Row] = [luck.pick(dataset.train) for _ in range(2 + luck.below(30))]
        demos = [(row.input, row.answers[0]) for row in rows]
        found[propose_rules(demos, dataset.labels, 0.3 + 0.7 * luck.uniform())] = None
    return tuple(found)


@lru_cache(maxsize=1)
def _words() -> tuple[str, ...]:
    """Words that variation operators may use: those of other tasks' instructions too."""
    words: dict[str, None] = {}
    for name in tasks.TASKS:
        for quality in (0.9, 0.6):
            for word in phrase(name, quality, Luck("words", name, quality)).split():
                words[word] = None
    return tuple(words)
