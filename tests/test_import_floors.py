"""The shape of the house: imports point downwards, no circles, no big files, nothing heavy at the door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "sandbox": {"sandbox"},
    "mocks": {"mocks", "sandbox"},
    "agents": {"agents", "sandbox"},
    "scenarios": {"scenarios", "mocks", "agents", "sandbox"},
}
FLOORS = (
    "errors", "ending", "streams", "tokens", "chat", "metrics", "dataset", "classification", "spaces",
    "budget", "axes", "claims", "protocol", "trace", "codec", "manners", "limits", "pricelist", "bridge",
    "assembly", "session", "asktell", "worlds", "whitebox", "drivers", "journal", "statistics",
    "fingerprint", "scenario", "registry", "tournament", "tables", "store", "engines", "runner",
    "livematch", "retiming", "repricing", "report", "board", "published", "testing", "export",
    "reporting", "forecast", "play", "deciding", "checking", "browse", "sweeping", "comparing",
    "watching", "reckoning", "looking", "cli",
)  # fmt: skip
"""The files and folders of sandbox/ from the ground up; a new one takes its place here."""
LAZY = {"agents.dual_model", "agents.neural_bandit"}
"""Torch through and through, and themselves imported inside functions only."""
HEAVY = {
    "torch", "transformers", "botorch", "gpytorch", "openai", "optuna", "sklearn", "matplotlib", "pyarrow",
    "ray", "pandas", "syne_tune", "cmaes", "gepa", "dspy", "promptolution",
}  # fmt: skip
MOST_LINES = 400


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {
        module_name(path): path
        for package in MAY_IMPORT
        for path in sorted((ROOT / package).rglob("*.py"))
        if "__pycache__" not in path.parts
    }


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def named(node: ast.AST, where: str, path: Path) -> Iterator[str]:
    """The modules that an import statement names, in full."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = where.split(".") if path.name == "__init__.py" else where.split(".")[:-1]
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        for alias in node.names:
            member = f"{base}.{alias.name}"
            yield member if member in modules() else base


def imports(where: str, top_level_only: bool = False) -> set[str]:
    path = modules()[where]
    nodes = at_import_time(tree(path)) if top_level_only else ast.walk(tree(path))
    return {name for node in nodes for name in named(node, where, path)} - {where}


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that runs when the module is imported: no function bodies, no type checking."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from at_import_time(child)


def floor(module: str) -> int:
    """The place of a module of sandbox/ in FLOORS; the package itself is the ground."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 else -1


def test_every_file_of_the_sandbox_stands_on_a_floor() -> None:
    homeless = {m.split(".")[1] for m in modules() if m.startswith("sandbox.")} - set(FLOORS)
    assert not homeless, f"give {sorted(homeless)} a place in FLOORS, above all that it imports"
    assert len(set(FLOORS)) == len(FLOORS)


@pytest.mark.parametrize("module", modules())
def test_imports_point_downwards(module: str) -> None:
    package = module.split(".")[0]
    for name in imports(module):
        other = name.split(".")[0]
        if other in MAY_IMPORT:
            assert other in MAY_IMPORT[package], f"{module} imports {name}"
        if package == other == "sandbox":
            assert floor(name) <= floor(module), f"{module} imports {name} from a floor above"


def test_there_is_no_circle_of_imports() -> None:
    graph = {module: imports(module) & set(modules()) for module in modules()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("module", modules())
def test_heavy_packages_are_imported_only_where_they_are_used(module: str) -> None:
    if module in LAZY:
        return
    wanted = imports(module, top_level_only=True)
    heavy = {name.split(".")[0] for name in wanted} & HEAVY
    assert not heavy, f"import {sorted(heavy)} inside the functions that need it"
    assert not wanted & LAZY, f"import {sorted(wanted & LAZY)} inside the functions that need it"


@pytest.mark.parametrize("module", modules())
def test_a_file_has_one_subject_and_opens_with_the_sentence_that_says_it(module: str) -> None:
    path = modules()[module]
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{module} has {lines} lines: are these two subjects?"
    first = (ast.get_docstring(tree(path)) or "").split("\n\n")[0]
    assert first, f"{module} does not say what it is"


def test_these_laws_would_notice(tmp_path: Path) -> None:
    """What the helpers above must see: nested, relative, conditional and lazy imports."""
    source = """
import torch.nn
if True:
    try:
        from botorch import fit
    except ImportError: ...
class A:
    import ray
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import openai
def lazy():
    import optuna
"""
    seen = {
        name.split(".")[0]
        for node in at_import_time(ast.parse(source))
        for name in named(node, "sandbox.session", tmp_path / "session.py")
    }
    assert seen == {"torch", "botorch", "ray", "typing"}
    (relative,) = ast.parse("from .drivers import virtual, nothing").body
    assert list(named(relative, "sandbox.session", tmp_path / "session.py")) == [
        "sandbox.drivers.virtual",
        "sandbox.drivers",
    ]
    (upward,) = ast.parse("from ..session import Session").body
    assert list(named(upward, "sandbox.drivers.loop", tmp_path / "loop.py")) == ["sandbox.session"]
    assert floor("sandbox.drivers.loop") > floor("sandbox.session") > floor("sandbox")
