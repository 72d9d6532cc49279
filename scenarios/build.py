"""Turns a scenario file into problems that can be played."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

import mocks
from mocks.landscape import ORACLES
from mocks.noise import NOISES, Noise
from mocks.oracle import Oracle
from mocks.recorded import RecordedOracle, Table, load_folder
from mocks.service import Faults, Latency, Prices, Retry, Service
from mocks.world import OracleWorld, Tokens
from sandbox.budget import FREE, Budget, Cost
from sandbox.errors import DataError, ScenarioError, UsageError, nearest
from sandbox.limits import Limits
from sandbox.protocol import Asides
from sandbox.scenario import Problem, Scenario, Source
from sandbox.session import World
from sandbox.spaces import Box, Pool, Space
from sandbox.testing.files import problem_of
from sandbox.testing.scenes import Scene
from sandbox.whitebox.lending import Lending, digest_of_folder
from sandbox.whitebox.lent import Speed
from sandbox.whitebox.loading import check_folder
from scenarios import chat
from scenarios.reading import find, read, said
from scenarios.schema import (
    ChatProblems,
    LandscapeProblem,
    RecordedProblems,
    ScenarioFile,
    SceneProblem,
    ServiceTable,
    SurrogateProblems,
    WhiteBoxTable,
)

T = TypeVar("T")
BUNDLED = Path(mocks.__file__).with_name("tiny_lm")
"""The folder of the bundled white box."""
POLICY = BUNDLED.with_name("prompt_mii")
"""The folder of the bundled Prompt-MII policy."""
_SERVICE_PARTS: dict[str, type[Any]] = {
    "latency": Latency,
    "limits": Limits,
    "prices": Prices,
    "faults": Faults,
    "retry": Retry,
}


def load(source: Source, folder: Path) -> Scenario:
    """Read, check and build the scenario that `source` names.

    Raises:
        ScenarioError: naming the file, the key and what is wrong with it.
        DataError: if the scenario's data cannot be used.
    """
    path = find(source.name, folder)
    file_name = path.name if path.parent == folder else source.name
    file = read(path, file_name, source.changes)
    name = path.stem
    tables: dict[str, Table] = {}
    if file.measured:
        if source.data is None:
            what = f"{file.data.what}; {file.data.where}" if file.data else "tables of measured scores"
            raise ScenarioError(f"{name} needs data: {what}. Say where it is with --data PATH")
        for table in load_folder(source.data):
            if table.name in tables:
                raise DataError(f"{source.data}: two files named {table.name}.json; give one another name")
            tables[table.name] = table
    white_box = _lending(file.white_box, path.parent, file_name)
    builders: dict[str, Callable[[], Problem]] = {}
    for number, entry in enumerate(file.problem, 1):
        where = f"{file_name}: problem {number}"
        found: dict[str, Callable[[], Problem]] = {}
        if isinstance(entry, LandscapeProblem):
            found[entry.name or entry.oracle] = partial(_landscape, entry, file, where)
        elif isinstance(entry, SceneProblem):
            found["scene"] = partial(_scene, entry, where)
        elif isinstance(entry, ChatProblems):
            service = _service(file.service if entry.service is None else entry.service, where)
            tasks = chat.find(entry, source.data, where)
            for task in tasks.names:
                found[task] = partial(chat.problem, tasks, task, service, where)
        else:
            for table in _chosen(tables, entry.only, where):
                found[table.name] = partial(_measured, entry, file, table, where)
        for problem, builder in found.items():
            if not problem.strip() or not problem.isprintable():
                raise ScenarioError(f"{where}: the name {problem!r} cannot be printed; give it another name")
            if problem in builders:
                raise ScenarioError(f"{where}: a second problem named {problem!r}; give it another name")
            builders[problem] = builder
    settings = file.model_dump(exclude={"description", "agents", "seeds", "budget", "data", "white_box"})
    facts: list[Any] = [settings, {table: tables[table].digest for table in sorted(tables)}]
    if source.data is not None and not file.measured:
        facts.append(_digest_of(Path(source.data)))
    if file.white_box is not None and white_box is not None:  # where it lies changes nothing
        facts.append([file.white_box.model_dump(exclude={"model"}), white_box.digest])
    try:
        budget = Budget.of(file.budget)
    except UsageError as exc:
        raise ScenarioError(f"{file_name}: {exc}") from exc
    return Scenario(
        name=name,
        description=file.description,
        agents=tuple(file.agents),
        seeds=file.seeds,
        budget=budget,
        problems=tuple(builders),
        build=lru_cache(maxsize=None)(lambda problem: _lent(builders[problem](), white_box)),
        digest=hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16],
        shared=file.shared,
    )


def _lending(table: WhiteBoxTable | None, folder: Path, where: str) -> Lending | None:
    """The white box of a scenario whose file lies in `folder`.

    Raises:
        ScenarioError: if a bundled model is not installed.
        UsageError: if the folder that is named holds no causal LM.
    """
    if table is None:
        return None
    bundled = {"bundled": BUNDLED, "bundled-policy": POLICY}.get(table.model)
    path = bundled or folder / table.model
    if bundled is not None and not (path / "config.json").is_file():
        raise ScenarioError(
            f"{where}: white_box: this installation lacks the bundled model; name one with --white-box DIR"
        )
    check_folder(path)
    speed = Speed(table.per_call, table.per_prompt_token, table.per_written_token)
    return Lending(str(path.absolute()), digest_of_folder(path), table.device, table.dtype, speed)


def _lent(problem: Problem, white_box: Lending | None) -> Problem:
    if white_box is None:
        return problem
    return replace(problem, lends=problem.lends._replace(white_box=white_box))


def tables_of_chat(source: Source, folder: Path) -> list[tuple[chat.Entry, Service]]:
    """The problem tables of a scenario in which a mock LLM plays, each with its service.

    Raises:
        ScenarioError: if there is none, or the file is wrong.
    """
    path = find(source.name, folder)
    file = read(path, path.name, source.changes)
    found = []
    for number, entry in enumerate(file.problem, 1):
        if isinstance(entry, ChatProblems):
            where = f"{path.name}: problem {number}"
            service = _service(file.service if entry.service is None else entry.service, where)
            found.append((chat.find(entry, source.data, where), service))
    if not found:
        raise ScenarioError(f'{path.stem}: no mock LLM plays in it; serve a scenario with kind = "chat"')
    return found


def _digest_of(data: Path) -> str:
    """Changes with the name and the bytes of any JSON file of a folder."""
    digest = hashlib.sha256()
    for file in sorted(data.rglob("*.json")) if data.is_dir() else [data]:
        digest.update(f"{file.relative_to(data).as_posix()}\0".encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _scene(entry: SceneProblem, where: str) -> Problem:
    try:
        return problem_of(Scene.of(entry.scene))
    except (TypeError, ValueError) as exc:
        raise ScenarioError(f"{where}: scene: {exc}") from exc


def _chosen(tables: Mapping[str, Table], only: list[str], where: str) -> list[Table]:
    for name in only:
        if name not in tables:
            raise ScenarioError(f"{where}: only: no table {name!r}: {nearest(name, tables)}")
    return [table for name, table in tables.items() if not only or name in only]


def make(kind: Callable[..., T], settings: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from a table of a file, with its types checked.

    Raises:
        ScenarioError: naming `where`, the key, and the nearest valid key or what is wrong.
    """
    hints = get_type_hints(kind)
    valid = [field.name for field in fields(kind) if field.init]  # type: ignore[arg-type]
    checked: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in valid:
            raise ScenarioError(f"{where}: unknown key {key!r}: {nearest(key, valid)}")
        try:
            # Strict where conversion would guess; decimals may be written as text, which is exact.
            guess = isinstance(value, bool) or (isinstance(value, str) and hints[key] is not Decimal)
            checked[key] = TypeAdapter(hints[key]).validate_python(value, strict=guess)
        except ValidationError as exc:
            raise ScenarioError(f"{where}: {key}={value!r}: {said(exc.errors()[0]['msg'])}") from exc
    try:
        return kind(**checked)
    except ValueError as exc:
        raise ScenarioError(f"{where}: {exc}") from exc


def _noises(tables: list[dict[str, Any]], rows: int, where: str) -> tuple[Noise, ...]:
    """The noises of a problem; where rows are counted and none are named, those of an evaluation."""
    noises = []
    for number, table in enumerate(tables, 1):
        place = f"{where}: noise {number}"
        settings = dict(table)
        kind = settings.pop("kind", None)
        if kind not in NOISES:
            raise ScenarioError(f"{place}: unknown kind {kind!r}: {nearest(str(kind), NOISES)}")
        if kind == "binomial" and rows:
            settings.setdefault("rows", rows)
        noises.append(make(NOISES[kind], settings, place))
    return tuple(noises)


def _service(table: ServiceTable, where: str) -> Service:
    return Service(
        **{
            part: make(kind, getattr(table, part), f"{where}: service.{part}")
            for part, kind in _SERVICE_PARTS.items()
            if getattr(table, part)
        }
    )


def _problem(
    name: str,
    description: str,
    oracle: Oracle,
    entry: LandscapeProblem | RecordedProblems | SurrogateProblems,
    file: ScenarioFile,
    where: str,
    caveat: str = "",
) -> Problem:
    rows = file.rows if entry.rows is None else entry.rows
    noises = _noises(file.noise if entry.noise is None else entry.noise, rows, where)
    service = _service(file.service if entry.service is None else entry.service, where)
    tokens = make(Tokens, file.tokens, f"{where}: tokens")

    def world(seed: int) -> World:
        return OracleWorld(oracle, seed, noises, service, rows, tokens)

    return Problem(
        name=name,
        description=description,
        space=oracle.space,
        optimum=oracle.optimum,
        baseline=oracle.baseline,
        truth=oracle.truth,
        world=world,
        limits=service.limits,
        dev_rows=rows,
        lends=Asides(bill=partial(_bill, service, tokens, _tokens_of(oracle.space, tokens))),
        caveat=caveat,
    )


def _bill(service: Service, tokens: Tokens, candidate: float, steps: Sequence[Cost]) -> Cost:
    """What an agent foresees, with the tokens, the money and the time of its evaluations.

    `candidate` is how many tokens one has; an evaluation is one call.
    """
    told = sum(steps, FREE)
    rows = sum([max(step.rows, step.evaluations) for step in steps])
    read, written = round(rows * (candidate + tokens.per_row)), rows * tokens.per_answer
    told = told._replace(prompt_tokens=read, completion_tokens=written)
    return service.bill(told, told.evaluations)


def _tokens_of(space: Space, tokens: Tokens) -> float:
    """Of a typical candidate."""
    if isinstance(space, Box):
        return tokens.per_point
    texts = space.texts if isinstance(space, Pool) else space.seeds
    return fmean([tokens.of_text(len(text)) for text in texts])


def _landscape(entry: LandscapeProblem, file: ScenarioFile, where: str) -> Problem:
    if entry.oracle not in ORACLES:
        raise ScenarioError(f"{where}: unknown oracle {entry.oracle!r}: {nearest(entry.oracle, ORACLES)}")
    name = entry.name or entry.oracle
    oracle = make(ORACLES[entry.oracle], entry.parameters, f"{where}: parameters of {entry.oracle}")
    return _problem(name, f"Find what scores highest on {name}.", oracle, entry, file, where)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _measured(
    entry: RecordedProblems | SurrogateProblems, file: ScenarioFile, table: Table, where: str
) -> Problem:
    """The pool of a table, or the surrogate that is fitted to it."""
    about = f"Find the instruction with which {entry.model} does best on: {_words(table.name)}."
    if isinstance(entry, RecordedProblems):
        recorded = RecordedOracle.of(table, entry.model, entry.include_incorrect)
        return _problem(table.name, about, recorded, entry, file, where)
    from mocks.surrogate import SurrogateOracle  # slow to import, and few scenarios need it

    surrogate = SurrogateOracle.of(table, entry.model)
    return _problem(table.name, about, surrogate, entry, file, where, str(surrogate.fidelity))
