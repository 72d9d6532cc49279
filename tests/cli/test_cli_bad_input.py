"""What a person mistypes is answered in a line or two that name the value, and nothing is stored."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Here = Callable[..., Result]


def refused(here: Here, *args: str) -> str:
    """What the command says; it must be short, and leave nothing behind."""
    before = sorted(Path().iterdir())
    done = here(*args, code=2)
    said = [line for line in done.stderr.splitlines() if line != "imported"]
    assert 1 <= len(said) <= 2, done.stderr
    assert said[0].startswith("sandbox: ")
    assert done.stdout == ""
    after = [path for path in sorted(Path().iterdir()) if path.name != "__pycache__"]
    assert after == [path for path in before if path.name != "__pycache__"]
    return said[0]


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ("evaluations=0", "evaluations=0"),
        ("evaluations=-1", "evaluations=-1"),
        ("evaluations=nan", "nan"),
        ("evaluations=1e400", "1e400"),
        ("evaluations=1.5", "1.5"),
        ("evaluations", "currency=amount"),
        ("evalutions=3", "did you mean evaluations?"),
        ("dollars=3", "valid: evaluations, rows"),
        ("completions=10", "never end"),
        ("", "at least one limit"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(here: Here, budget: str, says: str) -> None:
    assert says in refused(here, "run", "quickstart", "--budget", budget)


@pytest.mark.parametrize(
    ("agents", "says"),
    [
        ("ucbb", "did you mean ucb?"),
        ("nobody", "valid: random"),
        ("ucb(exploratoin=1)", "did you mean exploration?"),
        ("ucb(exploration='a')", "exploration='a'"),
        ("ucb(1)", "name(option=value)"),
        ("ucb(exploration=1", "name(option=value)"),
        ("ucb(exploration=1,exploration=2)", "each option once"),
        ("ucb(**{})", "each option once"),
        ("nomodule:X", "no module 'nomodule'"),
        ("bad_agents.py:Good", "write bad_agents:Good"),
        ("bad_agents:Goood", "did you mean Good?"),
        ("bad_agents:", "MODULE:CLASS"),
        ("broken:X", "broken.py:2"),
        ("leaves:X", "SystemExit: 3 at leaves.py:2"),
        ("os:path", "not callable"),
        ("json:JSONDecoder", "has no 'name'"),
        ("bad_agents:NamedByEscape", r"'a\x1b[31m'"),
        ("bad_agents:NeedsWrong", "needs=3"),
        ("bad_agents:RaisesInConstruction", "RuntimeError: no luck at bad_agents.py:"),
        ("ucb,random,ucb", "ucb and ucb have one name"),
        ("bad_agents:Takes(text='a b'),bad_agents:Takes(text='ab',name='takes')", ""),
        ("bad_agents:Good,bad_agents:Good()", "one name, 'Good'"),
        ("", "at least one agent"),
        (",", "at least one agent"),
    ],
)
def test_an_agent_that_cannot_be_made_is_refused(here: Here, agents: str, says: str) -> None:
    Path("broken.py").write_text("import os\ndef f(:\n")
    Path("leaves.py").write_text("import sys\nsys.exit(3)\n")
    if not says:  # different options, so different agents
        here("run", "quickstart", "--agents", agents, "--seeds", "1", "--engine", "inline")
        return
    assert says in refused(here, "run", "quickstart", "--agents", agents)


def test_an_agent_that_cannot_play_the_space_is_refused(here: Here) -> None:
    said = refused(here, "run", "additive", "--agents", "random,ucb")
    assert "ucb plays on pool" in said
    assert "leave it out with --agents" in said


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["quikstart"], "did you mean quickstart?"),
        (["nothere.toml"], "nothere.toml: no such scenario file"),
        (["no/where"], "no such scenario file"),
        (["latin.toml"], "not UTF-8 text: byte 15 is 0xe9"),
        (["broken.toml"], "not a TOML file"),
        (["folder.toml"], "no such scenario file"),
        (["quickstart", "--seeds", "0"], "--seeds 0"),
        (["quickstart", "--seeds", "-3"], "--seeds -3"),
        (["quickstart", "--run-limit", "0"], "--run-limit 0"),
        (["quickstart", "--run-limit", "nan"], "--run-limit nan"),
        (["quickstart", "--plot", "a.gif"], ".png, .svg or .pdf"),
        (["quickstart", "--plot", "no/a.png"], "no folder no"),
        (["quickstart", "--out", "no/a.db"], "the folder does not exist"),
        (["quickstart", "--out", "folder.toml"], "a folder, not a store"),
        (["quickstart", "--set", "rows"], "KEY=VALUE"),
        (["quickstart", "--set", "=3"], "KEY=VALUE"),
        (["quickstart", "--set", "foo=1"], "unknown key 'foo'"),
        (["quickstart", "--set", "sedes=1"], "did you mean seeds?"),
        (["quickstart", "--set", "description.x=1"], "'x' does not stand in a table"),
    ],
)
def test_what_cannot_be_played_is_refused(here: Here, args: list[str], says: str) -> None:
    Path("latin.toml").write_bytes(b'description = "\xe9"\n')
    Path("broken.toml").write_text("a = [1\n")
    Path("folder.toml").mkdir()
    assert says in refused(here, "run", *args)


def table(**accuracies: float) -> str:
    entry = {"template": "Do it.", "method": "m", "correct": True, "accs": accuracies}
    return json.dumps({"paraphrases": {"1": entry}})


@pytest.mark.parametrize(
    ("files", "args", "says"),
    [
        ({}, [], "--data PATH"),
        ({}, ["--data", "nowhere"], "nowhere: no such file or folder"),
        ({}, ["--data", "."], "no *.json file"),
        ({"a.json": table(a=0.5)[:20]}, ["--data", "."], "a.json: is not JSON"),
        ({"a.json": table(a=1.5)}, ["--data", "."], "not in [0, 1]: 1.5"),
        ({"a.json": "{}"}, ["--data", "."], "paraphrases is missing"),
        ({"a.json": table(a=0.5)}, ["--data", "."], "no entry has a score of 'vicuna-13b'; valid: a"),
        ({"a.json": table(llama=0.5)}, ["--data", ".", "--set", "problem.model=lama"], "did you mean llama?"),
        ({"a.json": table(a=0.5)}, ["--data", ".", "--set", "problem.only=['b']"], "no table 'b': valid: a"),
        ({"x/a.json": table(a=0.5), "y/a.json": table(a=0.6)}, ["--data", "."], "two files named a.json"),
        ({"a\x1b[31m.json": table(a=0.5)}, ["--data", "."], r"'a\x1b[31m' cannot be printed"),
    ],
)
def test_data_that_cannot_be_used_are_refused(
    here: Here, files: dict[str, str], args: list[str], says: str
) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content)
    assert says in refused(here, "run", "recorded", *args)


def database(path: str, *statements: str) -> None:
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


@pytest.mark.parametrize("command", ["run", "show", "export", "replay"])
@pytest.mark.parametrize(
    ("statements", "says"),
    [
        ([f"PRAGMA application_id = {0x15A9DB07}", "PRAGMA user_version = 99"], "schema 99"),
        (["CREATE TABLE t (x)"], "not a store of this program"),
        (["PRAGMA user_version = 7"], "not a store of this program"),
    ],
)
def test_a_file_of_another_program_is_left_as_it_is(
    here: Here, command: str, statements: list[str], says: str
) -> None:
    database("other.db", *statements)
    _is_left_alone(here, command, says)


@pytest.mark.parametrize("command", ["run", "show", "export", "replay"])
def test_a_file_that_is_no_database_is_left_as_it_is(here: Here, command: str) -> None:
    Path("other.db").write_text("my diary\n" * 100)
    _is_left_alone(here, command, "not a store of this program")


def _is_left_alone(here: Here, command: str, says: str) -> None:
    content = Path("other.db").read_bytes()
    args = {
        "run": ["quickstart", "--seeds", "1", "--out", "other.db"],
        "show": ["other.db"],
        "export": ["other.db"],
        "replay": ["other.db", "x"],
    }[command]
    assert says in refused(here, command, *args)
    assert Path("other.db").read_bytes() == content


def test_what_is_not_in_a_store_is_named(here: Here) -> None:
    here("run", "quickstart", "--agents", "random", "--seeds", "2", "--out", "a.db", "--engine", "inline")
    for command in ("show", "replay"):
        assert "no run is named 'additive/nobody/0'" in refused(here, command, "a.db", "additive/nobody/0")
    assert "no run is named ''" in refused(here, "replay", "a.db", "")
    assert "no run is named '%'" in refused(here, "replay", "a.db", "%")
    assert "no such store" in refused(here, "show", "b.db")
    assert "no such store" in refused(here, "export", "b.db")
    assert "-o" in refused(here, "export", "a.db", "--format", "parquet")
    assert "No such file or directory" in refused(here, "export", "a.db", "-o", "no/x.csv")
    assert "the store itself" in refused(here, "export", "a.db", "-o", "./a.db")
    assert "did you mean agents?" in refused(here, "list", "agent")


def test_a_name_that_several_runs_share_is_not_guessed(here: Here) -> None:
    for budget in ("evaluations=2", "evaluations=3"):
        here(
            "run", "quickstart", "--agents", "random", "--seeds", "1", "--out", "a.db", "--budget", budget,
            "--engine", "inline",
        )  # fmt: skip
    assert "2 runs are named 'additive/random/0'" in refused(here, "show", "a.db", "additive/random/0")


def test_a_misspelt_command_is_named(here: Here) -> None:
    assert "did you mean run?" in here("rum", code=2).stderr
