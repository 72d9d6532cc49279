"""`sandbox check` and the pytest plugin, as people use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).parent


def run(folder: Path, *words: str, limit: float = 120.0) -> subprocess.CompletedProcess[str]:
    surroundings = dict(os.environ, PYTHONPATH=str(HERE), OMP_NUM_THREADS="1", COLUMNS="110")
    return subprocess.run(
        [sys.executable, "-m", "sandbox.cli", "check", *words],
        cwd=folder, env=surroundings, capture_output=True, text=True, timeout=limit,
    )  # fmt: skip


def test_an_optimizer_that_keeps_its_promises(tmp_path: Path) -> None:
    ran = run(tmp_path, "reference:clean", "--profile", "quick", "--only", "runs,check_in_space,incumbent")
    assert ran.returncode == 0, ran.stderr
    assert "3 pass" in ran.stdout
    assert not (tmp_path / ".conformance").exists()


def test_a_failure_teaches_and_can_be_shown_again(tmp_path: Path) -> None:
    ran = run(tmp_path, "planted:check_nonfinite", "--only", "nonfinite,runs", "--junit", "out.xml")
    assert ran.returncode == 1
    for told in ("NaN and infinite scores neither", "observed : it hands in", "budget=2", "-> nan"):
        assert told in ran.stdout
    (file,) = (tmp_path / ".conformance").glob("check_nonfinite-*.json")
    assert f"sandbox check --replay .conformance/{file.name}" in ran.stdout
    again = run(tmp_path, "--replay", str(file))
    assert (again.returncode, again.stdout.split()[0]) == (1, "FAILED")
    fixed = run(tmp_path, "--replay", str(file), "reference:clean")
    assert (fixed.returncode, fixed.stdout.split()[0]) == (0, "FIXED")
    gone = run(tmp_path, "--replay", str(file), "planted:nobody")
    assert gone.returncode == 2
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_the_result_as_json(tmp_path: Path) -> None:
    ran = run(tmp_path, "strange_agents:Printer", "--profile", "quick", "--only", "runs,hash_seed", "--json")
    told = json.loads(ran.stdout)  # neither the module's words nor the agent's are in it
    assert ran.returncode == 0
    assert told["ok"]
    assert {result["check"]: result["status"] for result in told["results"]} == {
        "check_runs": "pass",
        "check_hash_seed": "pass",
    }


def test_the_list_says_what_each_check_needs(tmp_path: Path) -> None:
    ran = run(tmp_path, "--list")
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 35
    assert "[counts]" in ran.stdout
    assert {"name", "claims"} <= set(json.loads(run(tmp_path, "--list", "--json").stdout)[0])


def test_what_is_expected_to_fail_does_not_fail_the_report(tmp_path: Path) -> None:
    entry = "[[expected]]\nagent = 'planted:check_runs'\ncheck = 'runs'\nreason = 'known since June'\n"
    (tmp_path / "conformance.toml").write_text(entry, "utf-8")
    ran = run(tmp_path, "planted:check_runs", "--only", "runs")
    assert ran.returncode == 0
    assert "xfail" in ran.stdout
    (tmp_path / "conformance.toml").write_text(
        entry.replace("planted:check_runs", "reference:clean"), "utf-8"
    )
    passed = run(tmp_path, "reference:clean", "--only", "runs")
    assert passed.returncode == 1
    assert "remove the entry" in passed.stdout


def test_a_pinned_scene_replaces_the_search(tmp_path: Path) -> None:
    run(tmp_path, "planted:check_runs", "--only", "runs")
    (file,) = (tmp_path / ".conformance").glob("*.json")
    (tmp_path / "conformance.toml").write_text(
        f"[[expected]]\nagent = 'planted:check_runs'\ncheck = 'check_runs'\nreason = 'r'\nscene = '{file}'\n",
        "utf-8",
    )
    ran = run(tmp_path, "planted:check_runs", "--only", "runs", "--json")
    (result,) = json.loads(ran.stdout)["results"]
    assert (result["status"], result["examples"]) == ("xfail", 1)


@pytest.mark.parametrize("agent", ["Leaver", "Forker"])
def test_an_agent_that_leaves_or_forks_harms_nobody(agent: str, tmp_path: Path) -> None:
    ran = run(tmp_path, f"strange_agents:{agent}", "--profile", "quick", "--only", "runs,in_space")
    assert ran.returncode in (0, 2)
    if agent == "Leaver":
        assert ran.stdout.count("kit-error") >= 2
        assert "hang, fork or exit" in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["Sleeper", "Swallower"])
def test_an_agent_that_hangs_is_ended(agent: str, tmp_path: Path) -> None:
    ran = run(tmp_path, f"strange_agents:{agent}", "--profile", "quick", "--only", "runs", limit=200)
    assert ran.returncode == 2
    assert "kit-error" in ran.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "which agent?"),
        (("a", "b"), "one agent at a time"),
        (("strange_agents:nobody",), "has no 'nobody'"),
        (("nowhere:nobody",), "there is no module 'nowhere'"),
        (("strange_agents:broken_factory",), "no agents today"),
        (("strange_agents:no_agent",), "has no 'name'"),
        (("strange_agents:Hostile",), "a text that can be printed"),
        (("strange_agents:Claimant",), "a value of sandbox.claims.Claims"),
        (("random", "--only", "tea"), "no check 'tea'"),
        (("random", "--profile", "tea"), "profile 'tea'"),
        (("--replay", "nowhere.json"), "nowhere.json"),
        (("random", "--expected", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_bad_input_is_named(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    ran = run(tmp_path, *words)
    assert ran.returncode == 2
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    ran = run(tmp_path, "planted:check_runs", "--only", "runs", "--scenes", "file/in")
    assert ran.returncode == 1
    assert "cannot be kept there" in ran.stderr


# --- pytest ---------------------------------------------------------------------------


def pytest_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    surroundings = dict(os.environ, PYTHONPATH=str(HERE), OMP_NUM_THREADS="1")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=folder, env=surroundings, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_pytest_needs_no_test_file(tmp_path: Path) -> None:
    how = (
        "--agent",
        "planted:check_runs",
        "--conformance-profile",
        "quick",
        "-k",
        "runs or in_space or uses",
    )
    ran = pytest_in(tmp_path, *how, "-rA")
    assert "test_conformance[runs]" in ran.stdout
    assert "1 failed, 2 passed" in ran.stdout
    assert "observed : it ended with ZeroDivisionError" in ran.stdout
    assert "search.py" not in ran.stdout  # no frames of the kit


def test_pytest_says_what_is_wrong_with_the_agent(tmp_path: Path) -> None:
    ran = pytest_in(tmp_path, "--agent", "nowhere:nobody")
    assert ran.returncode == 2
    assert "there is no module 'nowhere'" in ran.stdout + ran.stderr


def test_three_lines_in_a_test_file(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "from planted import FailsWithOne\n"
        "from reference import Clean\n"
        "from sandbox.testing import parametrize_with_checks\n"
        "@parametrize_with_checks([Clean(), FailsWithOne(name='fails')],\n"
        "                         profile='quick', only=['runs', 'faults'],\n"
        "                         expected=lambda a: {'runs': 'known'} if a.name == 'fails' else {})\n"
        "def test_conformance(agent, check):\n"
        "    check(agent)\n",
        "utf-8",
    )
    ran = pytest_in(tmp_path, "-rA")
    assert "3 passed, 1 xfailed" in ran.stdout, ran.stdout
    assert "test_conformance[planted-runs]" in ran.stdout
