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
from typing import Any, Protocol

from sandbox.errors import UsageError, nearest
from sandbox.protocol import Agent
from sandbox.scenario import Scenario, Source


class Catalogue(Protocol):
    """A collection of scenarios."""

    def names(self) -> list[str]: ...

    def about(self, name: str) -> str:
        """One line, cheap to get."""
        ...

    def load(self, source: Source) -> Scenario: ...

    def parts(self) -> dict[str, dict[str, Any]]:
        """What scenario files may name, by section: {"oracles": {name: class}, ...}."""
        ...


@lru_cache(maxsize=1)
def agent_table() -> dict[str, str]:
    """Every registered agent: its name, and the "module:Class" that makes it."""
    table: dict[str, str] = {}
    for point in entry_points(group="sandbox.agents"):
        module, _, attribute = point.value.partition(":")
        found = getattr(importlib.import_module(module), attribute) if attribute.isupper() else point.value
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
    if not catalogues():
        raise UsageError("no scenarios are registered: install the package (pip install .)")
    for catalogue in catalogues():
        if source.name in catalogue.names():
            return catalogue.load(source)
    return catalogues()[0].load(source)


def split_specs(text: str) -> list[str]:
    """Split "a,b(x=1,y=2),c" at the commas that stand outside parentheses.

    >>> split_specs("random, ucb(exploration=0.5)")
    ['random', 'ucb(exploration=0.5)']
    """
    specs, depth, start = [], 0, 0
    for i, character in enumerate(text + ","):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            specs.append(text[start:i].strip())
            start = i + 1
    return [spec for spec in specs if spec]


def agent_class(spec: str) -> type[Any]:
    """The class behind a name of the table, or behind "module:Class".

    Raises:
        UsageError: if there is none.
    """
    name = spec.partition("(")[0].strip()
    target = name if ":" in name else agent_table().get(name)
    if target is None:
        raise UsageError(f"unknown agent {name!r}: {nearest(name, agent_table())} (or give MODULE:CLASS)")
    module_name, _, attribute = target.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # people keep their own agent beside them
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        raise UsageError(f"agent {name!r}: cannot import {exc.name!r}") from exc
    except Exception as exc:
        raise UsageError(
            f"agent {name!r}: importing {module_name} raises {type(exc).__name__}: {exc}"
        ) from exc
    try:
        found: type[Any] = getattr(module, attribute)
    except AttributeError:
        raise UsageError(f"agent {name!r}: {module_name} has no {attribute!r}") from None
    return found


def make_agent(spec: str) -> Agent:
    """An agent from "name", "name(option=value, ...)" or "module:Class(...)".

    Raises:
        UsageError: for an unknown agent or option, or a value that the agent refuses.
    """
    factory = agent_class(spec)
    options = _options(spec)
    try:
        valid = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        raise UsageError(f"agent {spec!r}: {factory!r} is not callable") from None
    for option in options:
        if option not in valid:
            raise UsageError(f"agent {spec!r}: unknown option {option!r}: {nearest(option, valid)}")
    if options and "name" in valid:
        options.setdefault("name", spec.replace(" ", ""))
    try:
        agent: Agent = factory(**options)
    except (TypeError, ValueError) as exc:
        raise UsageError(f"agent {spec!r}: {exc}") from exc
    for attribute in ("name", "needs", "plan"):
        if not hasattr(agent, attribute):
            raise UsageError(f"agent {spec!r}: has no {attribute!r}; see sandbox.protocol.Agent")
    return agent


def _options(spec: str) -> dict[str, Any]:
    """The literal keyword arguments in the parentheses of `spec`."""
    _, opened, rest = spec.partition("(")
    if not opened:
        return {}
    try:
        call = ast.parse(f"f({rest.strip()}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        return {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg is not None}
    except (SyntaxError, ValueError):
        raise UsageError(f"agent {spec!r}: write name(option=value), as in ucb(exploration=0.5)") from None


def agent_digest(spec: str) -> str:
    """Changes with the agent's options and with the file its class stands in."""
    factory = agent_class(spec)
    try:
        source = Path(inspect.getfile(factory)).read_bytes()
    except (OSError, TypeError):
        source = repr(factory).encode()
    return hashlib.sha256(source + spec.replace(" ", "").encode()).hexdigest()[:16]
