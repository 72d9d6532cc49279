"""Finds agents and scenarios by name: the entry points `sandbox.agents` and `sandbox.scenarios`.

An entry point of `sandbox.agents` is an agent class, or a table {name: "module:Class"};
one of `sandbox.scenarios` is a catalogue: an object with `names()`, `about(name)` and
`load(source)`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

from sandbox.errors import UsageError, nearest
from sandbox.fingerprint import code_digest
from sandbox.manners import message
from sandbox.pricelist import Price, price
from sandbox.protocol import Agent, Needs
from sandbox.scenario import Scenario, Source


class Catalogue(Protocol):
    """A collection of scenarios."""

    def names(self) -> list[str]: ...

    def about(self, name: str) -> str:
        """One line, cheap to get."""
        ...

    def load(self, source: Source) -> Scenario: ...

    def serve(self, source: Source, **options: Any) -> int:
        """Serve the models of a scenario until a signal; the exit code."""
        ...

    def price(self, model: str) -> Price | None:
        """What the tokens of a model cost that this catalogue brings; None if it brings none of the name."""
        ...

    def white_box(self) -> Path | None:
        """The folder of the model that scenarios lend as "bundled"; None where the catalogue has none."""
        ...

    def keys(self, *arguments: Any) -> None:
        """Make, list, limit or revoke keys of an endpoint."""
        ...

    def parts(self) -> dict[str, dict[str, Any]]:
        """What scenario files may name, by section: {"oracles": {name: class}, ...}."""
        ...


@lru_cache(maxsize=1)
def agent_table() -> dict[str, str]:
    """Every registered agent: its name, and the "module:Class" that makes it."""
    table: dict[str, str] = {}
    for point in entry_points(group="sandbox.agents"):
        found: object = None
        if point.value.rpartition(":")[2].isupper():
            try:
                found = point.load()
            except Exception:  # another package's trouble: it shows when that agent is wanted
                found = None
        table.update(found if isinstance(found, Mapping) else {point.name: point.value})
    return table


@lru_cache(maxsize=1)
def catalogues() -> tuple[Catalogue, ...]:
    """Every registered catalogue of scenarios."""
    return tuple(point.load() for point in entry_points(group="sandbox.scenarios"))


def scenario_names() -> Iterator[tuple[str, str]]:
    """Every registered scenario: its name, and one line about it."""
    for catalogue in catalogues():
        for name in catalogue.names():
            yield name, catalogue.about(name)


def load_scenario(source: Source) -> Scenario:
    """Build the scenario that `source` names.

    Raises:
        ScenarioError: if there is none, or its file or settings are wrong.
        UsageError: if no catalogue is registered (the package is not installed).
    """
    return catalogue_of(source.name).load(source)


def price_of(model: str, file: str | None = None) -> Price:
    """What the tokens of a model cost: by `file`, the bundled list, or the catalogue that brings the model.

    Raises:
        UsageError: if nobody says.
    """
    try:
        return price(model, file)
    except UsageError:
        for catalogue in catalogues():
            found = catalogue.price(model)
            if found is not None:
                return found
        raise


def catalogue_of(scenario: str) -> Catalogue:
    """The catalogue that a scenario is in; the first one, for what is in none.

    Raises:
        UsageError: if no catalogue is registered (the package is not installed).
    """
    if not catalogues():
        raise UsageError("no scenarios are registered: install the package (pip install .)")
    for catalogue in catalogues():
        if scenario in catalogue.names():
            return catalogue
    return catalogues()[0]


def split_specs(text: str) -> list[str]:
    """Split "a,b(x=1,y=2),c" at the commas that stand outside brackets.

    >>> split_specs("random, ucb(exploration=0.5)")
    ['random', 'ucb(exploration=0.5)']
    """
    specs, depth, start, quote, escaped = [], 0, 0, "", False
    for i, character in enumerate(text):
        if escaped or (quote and character == "\\"):
            escaped = not escaped
        elif character in "'\"" and depth:
            quote = "" if character == quote else quote or character
        elif not quote:
            depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            specs.append(text[start:i].strip())
            start = i + 1
    specs.append(text[start:].strip())
    return [spec for spec in specs if spec]


def read_spec(spec: str) -> tuple[str, dict[str, Any]]:
    """The name in front of the parentheses, and the options inside; a bare word is a text.

    >>> read_spec("ucb( exploration = 0.5 )")
    ('ucb', {'exploration': 0.5})
    >>> read_spec("instinct(mode=faithful, name='as published')")
    ('instinct', {'mode': 'faithful', 'name': 'as published'})
    """
    name, opened, rest = spec.partition("(")
    if not opened:
        return name.strip(), {}
    advice = f"agent {spec!r}: write name(option=value), as in ucb(exploration=0.5)"
    try:
        call = ast.parse(f"f({rest.strip()}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise UsageError(advice)
        options = {word.arg: _value(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(advice) from None
    if len(options) < len(call.keywords):
        raise UsageError(f"{advice}; each option once")
    return name.strip(), options


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def canonical(spec: str) -> str:
    """The one spelling that specs of the same agent share.

    >>> canonical("ucb( batch=2, exploration = 0.50 )")
    'ucb(batch=2,exploration=0.5)'
    """
    name, options = read_spec(spec)
    if not options:
        return name
    return f"{name}({','.join(f'{option}={options[option]!r}' for option in sorted(options))})"


def _imported(spec: str) -> tuple[str, str]:
    """The module and the attribute behind a name of the table, or behind "module:Class"; imported."""
    name, _ = read_spec(spec)
    target = name if ":" in name else agent_table().get(name)
    if target is None:
        raise UsageError(f"unknown agent {name!r}: {nearest(name, agent_table())} (or give MODULE:CLASS)")
    module, _, attribute = target.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), attribute]):
        raise UsageError(f"agent {name!r}: write MODULE:CLASS, as in my_module:MyAgent")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # people keep their own agent beside them
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as exc:
        hint = f": write {module[:-3]}:{attribute}" if module.endswith(".py") else ""
        raise UsageError(f"agent {name!r}: there is no module {exc.name!r} here{hint}") from exc
    except SyntaxError as exc:
        place = f"{Path(exc.filename or module).name}:{exc.lineno}"
        raise UsageError(f"agent {name!r}: cannot import {module}: {exc.msg} at {place}") from exc
    except (Exception, SystemExit) as exc:
        raise UsageError(f"agent {name!r}: importing {module} raises {_told(exc)}") from exc
    return module, attribute


def agent_class(spec: str) -> type[Any]:
    """The class behind a name of the table, or behind "module:Class".

    Raises:
        UsageError: if there is none.
    """
    module, attribute = _imported(spec)
    names = vars(sys.modules[module])
    if attribute not in names:
        classes = [
            name
            for name, value in names.items()
            if inspect.isclass(value) and value.__module__ == module and hasattr(value, "plan")
        ]
        raise UsageError(
            f"agent {read_spec(spec)[0]!r}: {module} has no {attribute!r}: {nearest(attribute, classes)}"
        )
    found: type[Any] = names[attribute]
    return found


def make_agent(spec: str) -> Agent:
    """An agent from "name", "name(option=value, ...)" or "module:Class(...)".

    Raises:
        UsageError: for an unknown agent or option, a value that the agent refuses, or
            something that is no agent.
    """
    factory = agent_class(spec)
    _, options = read_spec(spec)
    try:
        valid = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        raise UsageError(f"agent {spec!r}: {factory!r} is not callable") from None
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in valid.values()):
        for option in options:
            if option not in valid:
                raise UsageError(f"agent {spec!r}: unknown option {option!r}: {nearest(option, valid)}")
    if options and "name" in valid:
        options.setdefault("name", canonical(spec))
    try:
        agent: Agent = factory(**options)
    except (TypeError, ValueError) as exc:
        raise UsageError(f"agent {spec!r}: {exc}") from exc
    except (Exception, SystemExit) as exc:
        raise UsageError(f"agent {spec!r}: making it raises {_told(exc)}") from exc
    for attribute in ("name", "needs", "plan"):
        if not hasattr(agent, attribute):
            raise UsageError(f"agent {spec!r}: has no {attribute!r}; see sandbox.protocol.Agent")
    if not isinstance(agent.name, str) or not agent.name.strip() or not agent.name.isprintable():
        raise UsageError(f"agent {spec!r}: its name is {agent.name!r}; a text that can be printed")
    if not isinstance(agent.needs, Needs):
        raise UsageError(f"agent {spec!r}: needs={agent.needs!r}; a value of sandbox.protocol.Needs")
    return agent


def _told(error: BaseException) -> str:
    """An error that is not ours, and the innermost line of a file that it came from."""
    places = [
        f"{Path(f.filename).name}:{f.lineno}" for f in extract_tb(error.__traceback__) if f.filename[0] != "<"
    ]
    return f"{type(error).__name__}: {message(error)} at {places[-1] if places else 'an unknown place'}"


def agent_digest(spec: str) -> str:
    """Changes with the agent's options and with its code, wherever that lies."""
    module, attribute = _imported(spec)
    facts = f"{canonical(spec)}\0{attribute}\0{code_digest(sys.modules[module])}"
    return hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
