"""The command from the first run to the last export, as a person uses it."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Here = Callable[..., Result]
TABLES = ("runs", "records", "steps")
QUICK = ["run", "quickstart", "--agents", "random,ucb,thompson", "--seeds", "2", "--budget", "evaluations=30"]
INLINE = ["--engine", "inline"]


def stored(path: str = "quickstart.db") -> list[tuple[object, ...]]:
    """What each stored run is, and when it was played."""
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT key, truth, played_at, cpu_seconds FROM runs ORDER BY key").fetchall()
    db.close()
    return found


def exports(here: Here, store: str) -> list[str]:
    """All tables of a store as CSV."""
    return [here("export", store, "--what", what).stdout for what in TABLES]


def test_a_tournament_is_played_once(sandbox: Here) -> None:
    first = sandbox(*QUICK)
    assert "quickstart, evaluations=30" in first.stdout
    assert "18/18 matches, 0 s left" in first.stderr
    before = stored()
    again = sandbox(*QUICK)
    assert again.stdout == first.stdout
    assert again.stderr == "all 18 matches are in quickstart.db already; --fresh plays them again\n"
    assert stored() == before
    shown = sandbox("show", "quickstart.db").stdout
    assert first.stdout.startswith(shown)
    assert len(before) == 18


def test_a_larger_tournament_plays_only_what_is_missing(here: Here) -> None:
    here(*QUICK, *INLINE)
    before = stored()
    more = here(*QUICK, "--seeds", "3", "--agents", "thompson,random,ucb,round-robin", *INLINE)
    assert "18 of 36 matches are in quickstart.db already; playing the other 18" in more.stderr
    assert set(before) < set(stored())
    less = here(*QUICK, *INLINE)
    assert less.stderr.startswith("all 18")


def test_fresh_plays_everything_again_with_the_same_result(here: Here) -> None:
    first = here(*QUICK, *INLINE)
    before = [row[:2] for row in stored()]
    again = here(*QUICK, "--fresh", *INLINE)
    assert "18/18 matches" in again.stderr
    assert again.stdout == first.stdout
    assert [row[:2] for row in stored()] == before


def test_jobs_engines_and_the_order_of_agents_change_no_byte(sandbox: Here, here: Here) -> None:
    sandbox(*QUICK, "--jobs", "2", "--out", "a.db")
    sandbox(*QUICK, "--jobs", "3", "--agents", "thompson,ucb,random", "--out", "b.db")
    here(*QUICK, *INLINE, "--agents", "ucb, random, thompson", "--out", "c.db")
    for what in TABLES:
        for form in ("csv", "jsonl", "parquet"):
            content = set()
            for store in ("a.db", "b.db", "c.db"):
                here("export", store, "--what", what, "--format", form, "-o", "table")
                content.add(Path("table").read_bytes())
            assert len(content) == 1


def test_json_is_for_scripts(here: Here) -> None:
    done = here(*QUICK, *INLINE, "--json")
    (tournament,) = json.loads(done.stdout)
    assert tournament["scenario"] == "quickstart"
    assert {row["agent"] for row in tournament["leaderboard"]} == {"random", "ucb", "thompson"}
    assert json.loads(here("show", "quickstart.db", "--json").stdout) == [tournament]
    run = json.loads(here("show", "quickstart.db", "additive/ucb/1", "--json").stdout)
    assert run["run"]["agent"] == "ucb"
    assert len(run["records"]) == 30


def test_two_scenarios_share_a_command(here: Here) -> None:
    args = ["--agents", "random", "--seeds", "1", "--budget", "evaluations=3", *INLINE]
    done = here("run", "quickstart", "additive", "quickstart", *args, "--json")
    assert [tournament["scenario"] for tournament in json.loads(done.stdout)] == ["additive", "quickstart"]
    assert len(stored("tournament.db")) == 4


def test_agents_that_share_a_service_are_one_match(here: Here) -> None:
    args = ["run", "quickstart", "--set", "shared=true", "--agents", "random,ucb", "--seeds", "2"]
    done = here(*args, "--budget", "seconds=20", *INLINE, "--json")
    assert "6/6 matches" in done.stderr
    assert {row["agent"] for row in json.loads(done.stdout)[0]["leaderboard"]} == {"random", "ucb"}
    for name in ("additive/random/0", "rugged/ucb/1"):
        assert here("replay", "quickstart.db", name).stdout.startswith("the same: ")


def test_every_run_of_a_troublesome_service_replays(here: Here) -> None:
    args = [
        "--agents",
        "random(batch=7),sequential-halving",
        "--seeds",
        "2",
        "--budget",
        "evaluations=90,seconds=60",
    ]
    here("run", "flaky", *args, *INLINE)
    runs = list(csv.DictReader(here("export", "flaky.db").stdout.splitlines()))
    assert len(runs) == 4
    fates = {
        row["fate"]
        for row in csv.DictReader(here("export", "flaky.db", "--what", "records").stdout.splitlines())
    }
    assert {"answered", "retried"} < fates
    for run in runs:
        assert here("replay", "flaky.db", run["run"]).stdout.startswith("the same: ")


def test_a_replay_notices_that_the_agent_has_changed(here: Here) -> None:
    args = ["--agents", "bad_agents:Good", "--seeds", "1", *INLINE, "--out", "a.db"]
    here("run", "quickstart", *args)
    assert here("replay", "a.db", "rugged/Good/0").stdout.startswith("the same: 1 records")
    source = Path("bad_agents.py").read_text()

    def now(body: str) -> str:
        changed = source.replace("        yield from Evaluate(first)\n", body, 1)
        assert changed != source
        Path("bad_agents.py").write_text(changed)
        return here("replay", "a.db", "rugged/Good/0", code=1).stdout

    said = now("        yield from Evaluate(task.space.texts[1])\n")
    assert said.startswith("differs at request 0: Evaluate(candidate=")
    assert "was asked, now it asks Evaluate(candidate=" in said
    assert now("").startswith("differs at request 0: Evaluate(candidate=")
    twice = "        yield from Evaluate(first)\n        yield from Evaluate(first)\n"
    assert "request 1: nothing was asked, now it asks Evaluate" in now(twice)
    assert "now AgentCrashed: ValueError" in now(
        "        yield from Evaluate(first)\n        raise ValueError\n"
    )
    crash = now("        raise ValueError('early')\n")
    assert "was asked, now it is not (ValueError: early at bad_agents.py:" in crash
    other = "        yield from Evaluate(first)\n        return task.space.texts[1]\n"
    assert "was recommended, now" in now(other)
    with sqlite3.connect("a.db") as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    db.close()


def test_an_agent_that_is_gone_cannot_be_replayed(here: Here) -> None:
    here("run", "quickstart", "--agents", "bad_agents:Good", "--seeds", "1", *INLINE, "--out", "a.db")
    Path("bad_agents.py").unlink()
    said = here("replay", "a.db", "rugged/Good/0", code=2).stderr
    assert "cannot be replayed: agent 'bad_agents:Good': there is no module 'bad_agents' here" in said


def test_a_run_that_left_no_records_cannot_be_replayed(here: Here) -> None:
    args = [
        "--agents",
        "bad_agents:NeverEnds",
        "--seeds",
        "1",
        "--run-limit",
        "0.1",
        *INLINE,
        "--out",
        "a.db",
    ]
    here("run", "quickstart", *args, code=1)
    assert "left no records" in here("replay", "a.db", "rugged/NeverEnds/0", code=2).stderr


def test_a_failure_replays_as_a_failure(here: Here) -> None:
    args = [
        "--agents",
        "bad_agents:RaisesMidRun,bad_agents:KeepsAsking",
        "--seeds",
        "1",
        *INLINE,
        "--out",
        "a.db",
    ]
    here("run", "quickstart", *args, code=1)
    for agent in ("RaisesMidRun", "KeepsAsking"):
        assert "and the same failure" in here("replay", "a.db", f"rugged/{agent}/0").stdout


def test_a_terminal_that_lacks_characters_is_no_reason_to_fail(sandbox: Here) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "120"}
    args = [
        "--agents",
        "random",
        "--seeds",
        "1",
        *INLINE,
        "--out",
        b"\xff.db".decode(errors="surrogateescape"),
    ]
    assert r"\udcff.db" in sandbox("run", "quickstart", *args, env=environment).stdout


def test_an_edited_agent_is_played_again_and_shown_alone(here: Here) -> None:
    args = [
        "run",
        "quickstart",
        "--agents",
        "bad_agents:Good",
        "--seeds",
        "1",
        *INLINE,
        "--out",
        "a.db",
        "--json",
    ]
    here(*args)
    with Path("bad_agents.py").open("a") as file:
        file.write("\n# edited\n")
    done = here(*args)
    assert "3/3 matches" in done.stderr
    shown = here("show", "a.db", "--json")
    assert "3 runs of earlier code left out" in shown.stderr
    assert json.loads(shown.stdout) == json.loads(done.stdout)
    assert len(here("show", "a.db", "--runs").stdout.splitlines()) == 6
    assert len(here("export", "a.db").stdout.splitlines()) == 7


def test_exports_hold_what_was_played(here: Here) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    here(*QUICK, *INLINE)
    for what in TABLES:
        for form in ("csv", "jsonl", "parquet"):
            here("export", "quickstart.db", "--what", what, "--format", form, "-o", f"{what}.{form}")
        lines = [json.loads(line) for line in Path(f"{what}.jsonl").read_text().splitlines()]
        table = pq.read_table(f"{what}.parquet")
        assert table.to_pylist() == lines
        with Path(f"{what}.csv").open(newline="") as file:
            cells = list(csv.DictReader(file))
        assert cells == [{key: "" if x is None else str(x) for key, x in line.items()} for line in lines]
    runs = [json.loads(line) for line in Path("runs.jsonl").read_text().splitlines()]
    assert [run["spent_evaluations"] for run in runs] == [30] * 18
    assert {float(run["spent_usd"]) > 0 for run in runs} == {True}


def test_the_columns_of_an_export_do_not_depend_on_what_is_in_it(here: Here) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    short = [
        "--agents",
        "bad_agents:NeverEnds",
        "--seeds",
        "1",
        "--run-limit",
        "0.1",
        *INLINE,
        "--out",
        "a.db",
    ]
    here("run", "quickstart", *short, code=1)
    here(*QUICK, *INLINE)
    for what in TABLES:
        heads, schemas = set(), set()
        for store in ("a.db", "quickstart.db"):
            heads.add(here("export", store, "--what", what).stdout.splitlines()[0])
            here("export", store, "--what", what, "--format", "parquet", "-o", "x.parquet")
            schemas.add(str(pq.read_schema("x.parquet")))
        assert len(heads) == len(schemas) == 1
    assert len(here("export", "a.db", "--what", "records").stdout.splitlines()) == 1


def test_a_failing_export_leaves_the_old_file(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here(*QUICK, *INLINE)
    Path("runs.csv").write_text("precious")
    monkeypatch.setattr("sandbox.export._step_rows", lambda run: 1 / 0)
    with pytest.raises(AssertionError):
        here("export", "quickstart.db", "--what", "steps", "-o", "runs.csv")
    assert Path("runs.csv").read_text() == "precious"
    assert [path.name for path in Path().iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_curves_are_drawn_the_same_each_time(here: Here, ending: str) -> None:
    pytest.importorskip("matplotlib")
    here(*QUICK, *INLINE, "--plot", f"a.{ending}")
    assert f"curves: b.{ending}" in here("show", "quickstart.db", "--plot", f"b.{ending}").stderr
    assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()
    assert Path(f"a.{ending}").stat().st_size > 5_000


def test_no_curves_are_no_reason_to_hide_the_failure(here: Here) -> None:
    pytest.importorskip("matplotlib")
    args = ["--agents", "bad_agents:RaisesInPlan", "--seeds", "1", *INLINE, "--plot", "a.png"]
    done = here("run", "quickstart", *args, code=1)
    assert "no curves" in done.stderr


def test_what_there_is_can_be_listed(here: Here) -> None:
    text = here("list").stdout
    for word in ("agents:", "  random ", "scenarios:", "  quickstart ", "oracles:", "noises:", "  binomial "):
        assert word in text
    assert json.loads(here("list", "scenarios", "--json").stdout)["recorded"]


def test_the_doctor_says_what_is_installed(here: Here) -> None:
    from sandbox.browse import examine

    done = here("doctor", code=examine())
    assert "extra parquet" in done.stdout
    assert "problems" in done.stdout


def test_really_measured_scores_are_played(here: Here, shared_data: Path) -> None:
    source = shared_data / "multi-prompt" / "LMentry"
    shutil.copytree(source, "first/place")
    args = [
        "run",
        "recorded",
        "--agents",
        "random,ucb",
        "--seeds",
        "2",
        "--budget",
        "evaluations=40",
        *INLINE,
    ]
    first = here(*args, "--data", "first/place")
    assert "recorded, evaluations=40" in first.stdout
    name = f"{sorted(path.stem for path in source.glob('*.json'))[0]}/ucb/1"
    assert "the same: 40 records" in here("replay", "recorded.db", name).stdout
    Path("first/place").rename("moved")
    again = here(*args, "--data", str(Path("moved").absolute()))
    assert again.stderr.startswith("all 32 matches are in recorded.db already")
    assert again.stdout == first.stdout
    said = here("replay", "recorded.db", name, code=2).stderr
    assert "no such file or folder" in said
    assert "--data" in said
    assert "the same: 40 records" in here("replay", "recorded.db", name, "--data", "moved").stdout
    file = next(Path("moved").glob("*.json"))
    file.write_text(file.read_text().replace("0.5", "0.51", 1))
    changed = here("replay", "recorded.db", name, "--data", "moved", code=0)
    assert "have changed since" in changed.stderr
    assert "32/32 matches" in here(*args, "--data", "moved").stderr


def test_a_scenario_of_ones_own_is_found_from_everywhere(sandbox: Here, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "small.toml").write_text(
        'description = "one pool"\nagents = ["random", "bad_agents:Good"]\nseeds = 2\n'
        'budget = { evaluations = 4 }\n[[problem]]\noracle = "additive-pool"\n'
    )
    done = sandbox("run", "mine/small.toml", "--seeds", "1", "--jobs", "50")
    assert "2/2 matches" in done.stderr
    (folder / "else").mkdir()
    again = sandbox("replay", "../small.db", "additive-pool/random/0", cwd=folder / "else")
    assert again.stdout.startswith("the same")
