"""Commands that look at what was played, or at what others have published."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Here = Callable[..., Result]
INDUCTION = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "published" / "induction30-test-accuracy.csv"
)


@pytest.mark.skipif(not INDUCTION.is_file(), reason=f"needs {INDUCTION}")
def test_a_published_table_has_a_leaderboard(sandbox: Here) -> None:
    shown = sandbox("show", str(INDUCTION)).stdout
    for words in (
        "dual          0.695",
        "2.90",
        "3.57",
        "No pair is decided after Holm's correction",
        "30 problems",
    ):
        assert words in shown
    assert "seed" not in shown.replace("seeded", "")
    assert "evaluations" not in shown
    (told,) = json.loads(sandbox("show", str(INDUCTION), "--json").stdout)
    assert {pair["verdict"] for pair in told["comparisons"]} == {"undecided"}


def test_a_table_that_is_none_says_where(here: Here) -> None:
    Path("t.csv").write_text("task,a,b\np,1,x\n")
    assert "t.csv: line 2: b is 'x', and must be a finite number" in here("show", "t.csv", code=2).stderr
    Path("t.csv").write_text("task,a,b\np,1,2\n")
    for options in (["--runs"], ["--axis", "usd"], ["--plot", "x.png"]):
        assert "it has no runs and no costs" in here("show", "t.csv", *options, code=2).stderr
    assert "a beats" not in here("show", "t.csv").stdout


QUICK = ["run", "quickstart", "--agents", "random,ucb", "--seeds", "8", "--engine", "inline"]


def test_two_stores_are_compared(here: Here, sandbox: Here) -> None:
    here(*QUICK, "--budget", "evaluations=20", "--out", "a.db")
    here(*QUICK, "--budget", "evaluations=120", "--out", "b.db")
    shown = sandbox("compare", "a.db", "b.db").stdout
    assert "ucb is better, by +" in shown
    assert "the budget was evaluations=20" in shown
    sandbox("compare", "a.db", "b.db", "--fail-on-regression")
    sandbox("compare", "b.db", "a.db", "--fail-on-regression", code=1)
    sandbox("compare", "b.db", "a.db")
    told = json.loads(here("compare", "b.db", "a.db", "--json").stdout)
    assert told["regressed"]
    assert {one["verdict"] for one in told["tournaments"][0]["agents"]} <= {"worse", "undecided"}
    assert "every run has the same score" in here("compare", "a.db", "a.db", "--fail-on-regression").stdout
    assert "no such store" in here("compare", "a.db", "c.db", code=2).stderr
    assert "a number between 0 and 1" in here("compare", "a.db", "b.db", "--alpha", "5", code=2).stderr


def test_a_tournament_is_watched_from_before_its_beginning_to_its_end(
    program: list[str], sandbox: Here, folder: Path
) -> None:
    watching = subprocess.Popen(
        [*program, "watch", "quickstart.db", "--wait", "--every", "0.1"], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        playing = sandbox(*QUICK, "--budget", "evaluations=100")
        out, err = watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert (watching.returncode, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1].startswith("quickstart.db: complete")
    assert lines[-2].startswith("48/48 runs, 0 s left")
    assert "48/48 matches, 0 s left" in playing.stderr
    assert "spent, " in playing.stderr
    counts = [int(line.split("/")[0]) for line in lines[:-1]]
    assert counts == sorted(set(counts))
    once = sandbox("watch", "quickstart.db", "--once").stdout
    assert "agent so far" in once
    assert "48 runs" in once
    assert "--wait waits for it" in sandbox("watch", "absent.db", code=2).stderr


def test_ctrl_c_ends_watching(program: list[str], sandbox: Here, folder: Path) -> None:
    sandbox(*QUICK, "--budget", "evaluations=10")
    watching = subprocess.Popen(
        [*program, "watch", "quickstart.db", "--every", "0.1"], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("48 runs")
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=30)
        assert watching.returncode == 130
    finally:
        watching.kill()
    assert err.startswith("48 runs")


def test_a_scenario_is_swept_over_levels_of_noise(here: Here, sandbox: Here) -> None:
    noise = ["noise.sd=0,0.4", "--set", 'noise=[{kind="gaussian"}]', "--seeds", "10"]
    options = [*noise, "--agents", "random,ucb", "--budget", "evaluations=60"]
    first = sandbox("sweep", "quickstart", *options, "--plot", "r.svg")
    assert "120/120 matches" in first.stderr
    assert "worse than at 0, in points of gap:" in first.stdout
    assert "By mean rank, which is not tested," in first.stdout
    assert Path("r.svg").read_text().startswith("<?xml")
    again = here("sweep", "quickstart", *options)
    assert again.stderr == "120 of 120 matches are in quickstart-sweep.db already\n"
    assert again.stdout == first.stdout
    told = json.loads(here("sweep", "quickstart", *options, "--json").stdout)
    assert [level["level"] for level in told["levels"]] == ["0", "0.4"]
    assert told["levels"][1]["agents"]["random"]["change"]["verdict"] == "worse"
    # Each level is a tournament of its own in the store.
    assert len(json.loads(here("show", "quickstart-sweep.db", "--json").stdout)) == 2


def test_faults_are_swept_and_what_cannot_be_is_refused(here: Here) -> None:
    options = ["--agents", "random", "--seeds", "2", "--budget", "evaluations=10", "--engine", "inline"]
    told = json.loads(here("sweep", "flaky", "service.faults.server_error=0,0.5", *options, "--json").stdout)
    assert told["key"] == "service.faults.server_error"
    for levels, word in (
        ("noise.sd=1", "two levels or more"),
        ("service.faults.server_eror=0,1", "did you mean server_error?"),
        ("rows=20,20.0", "rows"),
        ("noise.0.amplitude=0.5,0.50", "are the same level"),
    ):
        assert word in here("sweep", "flaky", levels, *options, code=2).stderr
