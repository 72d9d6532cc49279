"""An agent that misbehaves spoils its own runs and nobody else's, and the report says what it did."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Here = Callable[..., Result]
SHORT = ["--seeds", "1", "--budget", "evaluations=4", "--out", "a.db"]


def result(here: Here, *args: str, code: int = 1) -> dict[str, object]:
    """The first tournament of what the command prints as JSON."""
    tournaments: list[dict[str, object]] = json.loads(here("run", *args, "--json", code=code).stdout)
    return tournaments[0]


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        ("RaisesInPlan", "AgentCrashed: RuntimeError: no luck at bad_agents.py:"),
        ("RaisesMidRun", "AgentCrashed: KeyError: no key 'gone' at bad_agents.py:"),
        ("RaisesItsOwn", "RuntimeError: it raised Inherits: mine at bad_agents.py:"),
        ("RaisesUgly", r"ValueError: two\nlines \x1b[31m [bold]\ud800 at bad_agents.py:"),
        ("Exits", "it raised SystemExit: 3 at bad_agents.py:"),
        ("ExitsInPlan", "it raised SystemExit: bye at bad_agents.py:"),
        ("Interrupts", "it raised KeyboardInterrupt at bad_agents.py:"),
        ("ReturnsNothing", "ProtocolError: ReturnsNothing returned nothing"),
        ("IsNoGenerator", "not a generator"),
        ("YieldsNonsense", "yielded 42, not a request"),
        ("LeavesTheSpace", "which is not in a pool"),
        ("KeepsAsking", "kept asking after"),
        ("NeverEnds", "stopped after 0.2 s of wall time (--run-limit)"),
        ("SwallowsOnce", "stopped after 0.2 s of wall time (--run-limit)"),
    ],
)
def test_an_agent_that_misbehaves_fails_alone(here: Here, agent: str, why: str) -> None:
    good = result(here, "quickstart", *SHORT, "--agents", "random", "--engine", "inline", code=0)
    both = ["quickstart", *SHORT, "--agents", f"random,bad_agents:{agent}", "--engine", "inline"]
    limit = ["--run-limit", "0.2"] if "stopped" in why else []
    played = result(here, *both, *limit)
    assert played["leaderboard"] == good["leaderboard"]
    failures = played["failures"]
    assert isinstance(failures, dict)
    assert list(failures) == [agent]
    assert (failures[agent]["failed"], failures[agent]["runs"]) == (3, 3)
    first = failures[agent]["first"]
    assert why in first
    if "bad_agents.py:" in first:
        line = Path("bad_agents.py").read_text().splitlines()[int(first.rpartition(":")[2]) - 1]
        assert line.strip().startswith(("raise ", "sys.exit("))
    printed = here("run", *both, code=1).stdout
    assert f"{agent}: 3 of 3 runs failed" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize("engine", ["processes", "inline"])
def test_what_agents_print_is_no_part_of_the_result(sandbox: Here, engine: str) -> None:
    done = sandbox("run", "quickstart", *SHORT, "--agents", "bad_agents:Prints", "--engine", engine, "--json")
    json.loads(done.stdout)
    for words in ("imported", "hello from the agent", "from a child"):
        assert words in done.stderr
    again = sandbox("replay", "a.db", "additive/Prints/0")
    assert again.stdout == "the same: 1 records, and the same recommendation\n"


@pytest.mark.parametrize("agent", ["Dies", pytest.param("Swallows", marks=pytest.mark.slow)])
def test_an_agent_that_kills_its_process_fails_alone(sandbox: Here, agent: str) -> None:
    done = sandbox(
        "run", "additive.toml", *SHORT, "--agents", f"bad_agents:{agent},random", "--run-limit", "0.3",
        "--jobs", "2", "--json", code=1,
    )  # fmt: skip
    played = json.loads(done.stdout)[0]
    assert played["failures"] == {
        agent: {
            "failed": 1,
            "runs": 1,
            "first": "stopped when its process died (out of memory, or os._exit?)",
        }
    }
    assert [row["agent"] for row in played["leaderboard"]] == ["random"]


@pytest.fixture(autouse=True)
def small(folder: Path) -> None:
    """A scenario with one problem."""
    (folder / "additive.toml").write_text(
        'description = "one pool"\nagents = ["random"]\nbudget = { evaluations = 4 }\n'
        '[[problem]]\noracle = "additive-pool"\n'
    )


def test_a_failed_run_is_played_again_only_on_demand(here: Here) -> None:
    args = ["run", "./additive.toml", *SHORT, "--agents", "bad_agents:Fickle,random", "--engine", "inline"]
    source = Path("bad_agents.py").read_text()
    body = "import os\n        if os.path.exists('broken'):\n            raise ValueError('broken')\n"
    Path("bad_agents.py").write_text(
        f"{source}\n\nclass Fickle(Good):\n    def body(self, task):\n        {body}        return iter(())\n"
    )
    Path("broken").touch()
    here(*args, code=1)
    Path("broken").unlink()
    assert "all 2 matches are in a.db already" in here(*args, code=1).stderr
    done = here(*args, "--retry-failed")
    assert "1 of 2 matches are in a.db already; playing the other 1" in done.stderr
    here(*args)


def test_names_that_look_like_markup_are_printed_as_they_are(here: Here) -> None:
    args = ["./additive.toml", *SHORT, "--agents", "bad_agents:Markup,random", "--engine", "inline"]
    for done in (here("run", *args), here("show", "a.db"), here("show", "a.db", "--runs")):
        assert "[red]x[/red][bold]" in done.stdout
    assert "[red]x[/red][bold]" in here("show", "a.db", "additive-pool/[red]x[/red][bold]/0").stdout


def test_no_escape_sequence_of_a_text_reaches_the_terminal(here: Here) -> None:
    here("run", "./additive.toml", *SHORT, "--agents", "random", "--engine", "inline")
    ugly = json.dumps("\x1b]0;title\x07 [bold]\ud800 \u202e")
    with sqlite3.connect("a.db") as db:
        db.execute("UPDATE runs SET recommended = ?", (ugly,))
        db.execute(
            "UPDATE records SET request = ?",
            (json.dumps({"kind": "evaluate", "candidate": json.loads(ugly)}),),
        )
    db.close()
    shown = [
        here("show", "a.db", "additive-pool/random/0").stdout,
        here("show", "a.db", "--runs").stdout,
        here("replay", "a.db", "additive-pool/random/0", code=1).stdout,
    ]
    for text in shown:
        assert not set(text) & {"\x1b", "\x07", "\ud800", "\u202e"}
        assert r"\x1b]0;title" in text
