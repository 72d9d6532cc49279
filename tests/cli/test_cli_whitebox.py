"""From the command line: a foreign Hugging Face directory is the white box of a tournament."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from test_cli_interruptions import started, stored, until_stored
from test_cli_served_and_live import Server, steps

pytest.importorskip("torch")
pytest.importorskip("transformers")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., Result]
AGENTS = Path(__file__).with_name("whitebox_agents.py")
SCENARIO = """
description = "Two tasks in free text"
agents = ["whitebox_agents:Steered", "whitebox_agents:Trained", "random"]
seeds = 2
budget = { evaluations = 9 }

[[problem]]
kind = "chat"
tasks = ["antonyms", "sum"]
dev = 4
test = 10
"""
TABLES = ("runs", "records", "steps")


@pytest.fixture
def place(folder: Path) -> Path:
    """A working directory with a scenario and its agents."""
    shutil.copy(AGENTS, folder)
    (folder / "mini.toml").write_text(SCENARIO)
    return folder


def exported(here: Here, store: str = "a.db") -> list[str]:
    return [here("export", store, "--what", what).stdout for what in TABLES]


def spent(here: Here, store: str = "a.db") -> dict[str, set[int]]:
    """Tokens of the white box by agent."""
    found: dict[str, set[int]] = {}
    for line in here("export", store, "--format", "jsonl").stdout.splitlines():
        row = json.loads(line)
        assert row["error"] is None, row["error"]
        found.setdefault(row["agent"], set()).add(row["spent_whitebox_tokens"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_foreign_directory_plays_a_tournament(
    sandbox: Run, here: Here, place: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    model: Path = request.getfixturevalue(f"{kind}_dir")
    play = ("run", "mini.toml", "--white-box", str(model), "--out", "a.db")
    board = sandbox(*play, "--jobs", "2", timeout=300).stdout
    assert all(name in board for name in ("steered", "trained", "random"))
    tokens = spent(here)
    assert tokens["random"] == {0}
    assert all(min(tokens[name]) > 0 for name in ("steered", "trained"))
    in_processes = exported(here)
    here(*play[:-1], "b.db", "--engine", "inline")
    assert exported(here, "b.db") == in_processes
    for name in ("sum/trained/1", "antonyms/steered/0"):
        assert here("replay", "a.db", name).stdout.startswith("the same:")
    # Where the model lies changes nothing; what is in it does.
    moved = shutil.copytree(model, place / "moved")
    again = here("run", "mini.toml", "--white-box", "moved", "--out", "a.db")
    assert "all 12 matches are in a.db already" in again.stderr
    (moved / "config.json").write_text((moved / "config.json").read_text() + "\n")
    new = here("run", "mini.toml", "--white-box", "moved", "--agents", "random", "--out", "a.db")
    assert "already" not in new.stderr


@pytest.mark.slow
def test_killing_it_changes_no_byte_in_the_end(
    here: Here, place: Path, program: list[str], llama_dir: Path
) -> None:
    play = ["run", "mini.toml", "--white-box", str(llama_dir), "--engine", "inline", "--out"]
    expected = here(*play, "b.db").stdout.replace("b.db", "a.db")
    whole = exported(here, "b.db")
    with started(program, *play, "a.db") as process:
        until_stored(3, seconds=200)
        process.kill()
    assert 3 <= stored() < 12
    assert here(*play, "a.db").stdout == expected
    assert exported(here) == whole


def until_answered(store: Path, count: int, seconds: float = 60.0) -> None:
    """Wait until a live run's store holds so many answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if store.exists():
            with closing(sqlite3.connect(store)) as opened, suppress(sqlite3.OperationalError):
                if opened.execute("SELECT count(*) FROM live_notes").fetchone()[0] >= count:
                    return
        time.sleep(0.05)
    raise AssertionError(f"fewer than {count} answers after {seconds} s")


@pytest.fixture
def server(program: list[str], place: Path) -> Iterator[Server]:
    pytest.importorskip("openai", reason="the official client comes with the extra `live`")
    found = Server(program, place)
    yield found
    found.process.kill()
    found.process.communicate()


@pytest.mark.slow
def test_live_runs_are_lent_it_too_and_go_on_after_a_kill(
    sandbox: Run, here: Here, program: list[str], place: Path, server: Server, llama_dir: Path
) -> None:
    env = {**os.environ, **server.env, "COLUMNS": "120"}
    play = ["run", "mini.toml", "--seeds", "1", "--white-box", str(llama_dir), "--out"]
    process = subprocess.Popen(
        [*program, *play, "live.db", "--live"], cwd=place, env=env, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    until_answered(place / "live.db", 5)
    process.kill()
    process.wait()
    sandbox(*play, "live.db", "--live", env=env, timeout=300)
    here(*play, "simulated.db", "--engine", "inline")
    assert steps(sandbox, "live.db") == steps(sandbox, "simulated.db")
    assert here("replay", "live.db", "sum/trained/0").stdout.startswith("the same:")


def test_its_tokens_and_seconds_can_be_limited(here: Here, place: Path, llama_dir: Path) -> None:
    for number, budget in enumerate(("whitebox_tokens=700", "whitebox_seconds=0.06")):
        play = ("run", "mini.toml", "--white-box", str(llama_dir), "--engine", "inline", "--seeds", "1")
        here(*play, "--agents", "whitebox_agents:Steered", "--budget", f"evaluations=9,{budget}",
             "--out", f"{number}.db")  # fmt: skip
        name, _, limit = budget.partition("=")
        rows = [json.loads(line) for line in
                here("export", f"{number}.db", "--format", "jsonl").stdout.splitlines()]  # fmt: skip
        for row in rows:
            assert row["error"] is None
            assert 0 < float(row[f"spent_{name}"]) <= float(limit)
            assert row["spent_evaluations"] < 9


def test_the_law_of_time_stands_in_the_scenario(here: Here, place: Path, llama_dir: Path) -> None:
    table = f"[white_box]\nmodel = {json.dumps(str(llama_dir))}\nper_call = 2.5\nper_prompt_token = 0.0\n"
    (place / "mini.toml").write_text(SCENARIO + table + "per_written_token = 0.0\n")
    here("run", "mini.toml", "--agents", "whitebox_agents:Steered", "--seeds", "1", "--engine", "inline",
         "--out", "a.db")  # fmt: skip
    for line in here("export", "a.db", "--format", "jsonl").stdout.splitlines():
        row = json.loads(line)
        # Three rounds that are paid for, and one whose evaluations are refused.
        assert float(row["spent_whitebox_seconds"]) == 4 * 2 * 2.5
        assert float(row["spent_seconds"]) > 20
    shown = here("show", "a.db", "sum/steered/0").stdout
    assert "the white box: " in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "steered needs a white-box model, and none is lent here (--white-box DIR lends one)"),
        (["--white-box", "nowhere"], "nowhere: there is no such folder"),
        (["--white-box", "empty"], "empty: no config.json in it"),
        (["--white-box", "mini.toml"], "mini.toml: is a file"),
        (["--set", "white_box.models=1"], "white_box: unknown key 'models': did you mean model?"),
        (["--set", "white_box.per_call=-1"], "white_box.per_call"),
        (["--set", "white_box.dtype=int3"], "white_box.dtype"),
    ],
)
def test_mistakes_are_named(here: Here, place: Path, arguments: list[str], sentence: str) -> None:
    (place / "empty").mkdir()
    result = here("run", "mini.toml", *arguments, code=2)
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (place / "mini.db").exists()


def test_a_relative_model_is_found_from_the_scenarios_own_folder(
    here: Here, place: Path, llama_dir: Path
) -> None:
    (place / "there").mkdir()
    shutil.copytree(llama_dir, place / "there" / "model")
    (place / "there" / "mini.toml").write_text(SCENARIO + '[white_box]\nmodel = "model"\n')
    here(
        "run", "there/mini.toml", "--agents", "whitebox_agents:Steered", "--seeds", "1", "--engine", "inline"
    )


def test_a_missing_package_is_named(
    here: Here, place: Path, llama_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.whitebox.loading.find_spec", lambda name: None)
    result = here("run", "mini.toml", "--white-box", str(llama_dir), code=2)
    assert "pip install 'instruct-sandbox[whitebox]'" in result.stderr
    # Who does not need it plays on.
    here("run", "mini.toml", "--white-box", str(llama_dir), "--agents", "random", "--engine", "inline")


def test_torch_is_imported_only_where_a_run_uses_it(place: Path, llama_dir: Path) -> None:
    lines = f"""
import sys
from click.testing import CliRunner
from sandbox.cli import main
for command in (["list"], ["run", "--help"], ["run", "mini.toml", "--white-box", {str(llama_dir)!r},
                "--agents", "random", "--engine", "inline", "--seeds", "1"]):
    assert CliRunner().invoke(main, command).exit_code == 0, command
    heavy = {{"torch", "transformers", "peft"}} & set(sys.modules)
    assert not heavy, (command, heavy)
"""
    subprocess.run([sys.executable, "-c", lines], cwd=place, check=True, timeout=120)


def test_doctor_tells_of_it(here: Here) -> None:
    import torch

    told = here("doctor").stdout
    assert f"white box: torch {torch.__version__}" in told
    assert "the bundled model is" in told
    assert "extra whitebox" in told


def test_a_large_model_is_not_loaded_by_many_processes(
    here: Here, place: Path, llama_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("sandbox.play.play_missing", lambda *args: asked.append(args[3]))
    monkeypatch.setattr("sandbox.play.cores", lambda: 7)
    here("run", "mini.toml", "--white-box", str(llama_dir))
    monkeypatch.setattr("sandbox.whitebox.lending._HEAVY", 10)
    here("run", "mini.toml", "--white-box", str(llama_dir))
    here("run", "mini.toml", "--white-box", str(llama_dir), "--jobs", "3")
    assert asked == [7, 1, 3]
