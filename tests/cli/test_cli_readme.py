"""What the README shows, runs."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents import template
from sandbox.testing import check_agent

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n(?:# (\w+\.py)\n)(.*?)```", README, re.S))
MINI = """
description = "two tasks"
agents = ["random"]
budget = { evaluations = 6 }
[[problem]]
kind = "chat"
tasks = ["antonyms", "sum"]
dev = 5
test = 20
"""


def test_the_readme_has_its_agents() -> None:
    assert set(FILES) == {"climb.py", "first_best.py", "induce.py", "nelder_mead.py"}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("climb.py", ("quickstart", "--agents", "climb:Climb,random", "--budget", "evaluations=20")),
        ("induce.py", ("mini.toml", "--agents", "induce:Induce,random", "--budget", "evaluations=6")),
        (
            "nelder_mead.py",
            ("classic", "--agents", "nelder_mead:NelderMead,random", "--budget", "evaluations=20"),
        ),
    ],
)
def test_an_agent_of_the_readme_plays(
    here: Callable[..., Any], folder: Path, name: str, command: tuple[str, ...]
) -> None:
    (folder / name).write_text(FILES[name])
    (folder / "mini.toml").write_text(MINI)
    done = here("run", *command, "--seeds", "1", "--engine", "inline", "--out", "readme.db")
    agent = command[2].split(":")[1].split(",")[0]
    assert re.search(rf"^\d  {re.sub('(?<!^)(?=[A-Z])', '-', agent).lower()} ", done.output, re.M)


def test_the_agent_that_lets_the_model_write_beats_the_one_that_cannot(
    here: Callable[..., Any], folder: Path
) -> None:
    (folder / "induce.py").write_text(FILES["induce.py"])
    (folder / "mini.toml").write_text(MINI)
    done = here("run", "mini.toml", "--agents", "induce:Induce,random", "--seeds", "2", "--engine", "inline")
    assert "1  induce" in done.output


def test_every_command_of_the_readme_exists(here: Callable[..., Any]) -> None:
    for block in re.findall(r"```bash\n(.*?)```", README, re.S):
        for command in re.findall(r"^sandbox (\w+)", block, re.M):
            assert here(command, "--help").output


@pytest.mark.parametrize("spec", ["climb:Climb", "induce:Induce", "nelder_mead:NelderMead"])
def test_an_agent_of_the_readme_keeps_the_laws(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = spec.partition(":")[0]
    (tmp_path / f"{name}.py").write_text(FILES[f"{name}.py"])
    monkeypatch.syspath_prepend(tmp_path)
    report = check_agent(spec, profile="quick")
    assert report.ok, str(report)


def test_what_the_readme_says_is_wrong_with_its_function_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first_best.py").write_text(FILES["first_best.py"])
    monkeypatch.syspath_prepend(tmp_path)
    report = check_agent(importlib.import_module("first_best").subject(), profile="quick")
    told = README.partition("first-best: 1 fail")[2].partition("```")[0]
    assert str(report) == f"first-best: 1 fail{told}".rstrip()


def test_the_template_is_the_agent_of_the_readme_in_less_than_forty_lines() -> None:
    lines = Path(str(template.__file__)).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    body = FILES["climb.py"].partition("        best, top")[2].partition("while True:")[2]
    assert "seen = yield from Evaluate(text)" in body
    report = check_agent("agents.template:Climb", profile="quick")
    assert report.ok, str(report)
