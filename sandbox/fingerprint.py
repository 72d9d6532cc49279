"""Which code an agent is made of: its own file, and what that imports from beside it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_HOUSE = frozenset({"sandbox", "mocks", "scenarios"})
"""Its version stands for it."""
_LIBRARIES = frozenset({"site-packages", "dist-packages"})


def code_digest(module: ModuleType) -> str:
    """Changes with the file of `module`, and with every file of its package (or, without one, of its
    folder) that it imports, directly or not. Where the files lie changes nothing.
    """  # fmt: skip
    file = getattr(module, "__file__", None)
    if file is None:
        return "built-in " + module.__name__
    path, name = Path(file), module.__name__
    package = path.name == "__init__.py"
    root = path.parents[name.count(".") + package]
    digest = hashlib.sha256()
    for found in sorted(_reached(root, name, path)):
        digest.update(f"{found.relative_to(root).as_posix()}\0".encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(found.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _reached(root: Path, name: str, path: Path) -> set[Path]:
    """The files that `path`, the module `name`, is made of."""
    top = name.partition(".")[0]
    alone = name == top and path.name != "__init__.py" and not _LIBRARIES & set(root.parts)
    found: set[Path] = set()
    waiting = [(name, path)]
    while waiting:
        name, path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for imported in _imports(name, path):
            head = imported.partition(".")[0]
            if head == top or (alone and head not in _HOUSE):
                place = root.joinpath(*imported.split("."))
                for candidate in (place.with_suffix(".py"), place / "__init__.py"):
                    if candidate.is_file():
                        waiting.append((imported, candidate))
    return found


def _imports(name: str, path: Path) -> Iterator[str]:
    """Full names of modules that a file imports; some of them may be names of other things."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # imported on some condition that did not hold
        return
    parts = name.split(".") + (["__init__"] if path.name == "__init__.py" else [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = parts[: -node.level] if node.level else []
            module = ".".join(base + ([node.module] if node.module else []))
            targets = [module, *[f"{module}.{alias.name}" if module else alias.name for alias in node.names]]
        else:
            continue
        for target in targets:
            steps = target.split(".")
            yield from (".".join(steps[: i + 1]) for i in range(len(steps)) if steps[0])
