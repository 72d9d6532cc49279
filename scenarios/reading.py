"""Finds and reads scenario files: TOML, or the JSON that `sandbox check` keeps of a failure."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.errors import ScenarioError, nearest
from sandbox.testing.files import budget_of, failure_of
from scenarios.schema import ScenarioFile


def find(name: str, folder: Path) -> Path:
    """The file of a scenario of the catalogue, or the file that `name` is a path to.

    Raises:
        ScenarioError: if there is none.
    """
    own = folder / f"{name}.toml"
    if own.is_file():
        return own
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not path.is_file():
            raise ScenarioError(f"{name}: no such scenario file")
        return path
    known = sorted(file.stem for file in folder.glob("*.toml"))
    raise ScenarioError(f"unknown scenario {name!r}: {nearest(name, known)} (or give a path to a .toml file)")


def _failed(text: str, name: str) -> dict[str, Any]:
    """What `sandbox check` keeps of a failure, as a scenario."""
    try:
        told = json.loads(text)
    except ValueError as exc:
        raise ScenarioError(f"{name}: not a JSON file: {exc}") from exc
    kept = failure_of(told, name)
    return {
        "description": f"The scene in which {kept.check} fails",
        "agents": [kept.agent],
        "seeds": 1,
        "budget": budget_of(kept.scene).limits(),
        "problem": [{"kind": "scene", "scene": kept.scene.told()}],
    }


def read(path: Path, name: str, changes: tuple[tuple[str, str], ...]) -> ScenarioFile:
    """What a file says, with some changes of it.

    Raises:
        ScenarioError: naming the file, the key and what is wrong with it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix != ".json" else _failed(text, name)
    except UnicodeDecodeError as exc:
        raise ScenarioError(
            f"{name}: not UTF-8 text: byte {exc.start} is 0x{exc.object[exc.start]:02x}"
        ) from exc
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ScenarioError(f"{name}: not a TOML file: {exc}") from exc
    except OSError as exc:
        raise ScenarioError(f"{name}: cannot be read: {exc.strerror}") from exc
    for key, value in changes:
        _change(content, key, value)
    try:
        return ScenarioFile.model_validate(content)
    except ValidationError as exc:
        problem = exc.errors()[0]
        kinds = ("landscape", "recorded", "surrogate", "chat", "scene")
        place = ""
        for part in problem["loc"]:
            if isinstance(part, int):
                place += f" {part + 1}"
            elif part not in kinds:
                place += f": {part}" if not place or place[-1].isdigit() else f".{part}"
        text = said(problem["msg"])
        if problem["type"] == "union_tag_invalid":
            tag = str(problem["ctx"]["tag"])
            text = f"unknown kind {tag!r}: {nearest(tag, kinds)}"
        elif problem["type"] != "value_error" and not isinstance(problem["input"], (dict, list)):
            text += f", and it is {problem['input']!r}"
        raise ScenarioError(f"{name}{place}: {text}") from exc


def said(message: str) -> str:
    """What pydantic says, without what only programmers need."""
    plain = message.removeprefix("Value error, ").replace("Input should be", "it should be")
    return plain.replace(" after validation", "").replace(" or object to extract fields from", "")


def _change(content: dict[str, Any], key: str, value: str) -> None:
    """Set one dotted key; a key of a list of tables is set in each of them, unless a number picks one."""
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *path, last = key.split(".")
    places: list[Any] = [content]
    for part in path:
        below: list[Any] = []
        for place in places:
            if isinstance(place, list) and part.isdigit() and int(part) < len(place):
                below.append(place[int(part)])
                continue
            for table in place if isinstance(place, list) else [place]:
                if not isinstance(table, dict):
                    raise ScenarioError(f"--set {key}: {part!r} does not lead into a table")
                below.append(table.setdefault(part, {}))
        places = below
    for place in places:
        for table in place if isinstance(place, list) else [place]:
            if not isinstance(table, dict):
                raise ScenarioError(f"--set {key}: {last!r} does not stand in a table")
            table[last] = parsed
