"""What the README shows, runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    assert set(FILES) == {"climb.py", "induce.py", "nelder_mead.py"}


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
