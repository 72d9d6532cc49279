"""Scenario files: the ones that come along can be played, and a mistake at any level is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sandbox.budget import Budget
from sandbox.errors import SandboxError, ScenarioError
from sandbox.protocol import unmet
from sandbox.registry import make_agent
from sandbox.scenario import Source
from sandbox.tournament import load, matches, play
from scenarios import CATALOGUE

NAMES = CATALOGUE.names()
GOOD = """
description = "one pool"
agents = ["random"]
budget = { evaluations = 10 }

[[noise]]
kind = "gaussian"

[service.latency]
median = 1.0

[[problem]]
oracle = "additive-pool"
"""


def data_for(name: str, request: pytest.FixtureRequest) -> str | None:
    if not any(
        problem.get("kind") in ("recorded", "surrogate")
        for problem in tomllib.loads(Path(f"scenarios/{name}.toml").read_text())["problem"]
    ):
        return None
    folder: Path = request.getfixturevalue("shared_data")
    return str(folder / "multi-prompt" / "LMentry" / "rhyming_word.json")


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_that_comes_along_can_be_played(name: str, request: pytest.FixtureRequest) -> None:
    source = Source(name, data_for(name, request))
    scenario = load(source)
    assert scenario.name == name
    assert scenario.description == CATALOGUE.about(name)
    assert scenario.seeds >= 1
    for problem_name in scenario.problems:
        problem = scenario.build(problem_name)
        assert problem.baseline < problem.optimum
        assert not problem.endless(scenario.budget)
        for spec in scenario.agents:
            try:
                agent = make_agent(spec)
            except SandboxError as exc:
                pytest.skip(str(exc))
            assert unmet(agent, problem.task(scenario.budget)) is None
    assert matches(scenario, source, ["random"], 1, scenario.budget)


def test_a_scenario_says_what_it_is_about_in_one_line() -> None:
    for name in NAMES:
        about = CATALOGUE.about(name)
        assert about.isprintable()
        assert 20 <= len(about) <= 110, name


def _prepare(source: Source) -> None:
    scenario = load(source)
    matches(scenario, source, list(scenario.agents), 1, scenario.budget)


def mistake(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SandboxError) as caught:
        _prepare(Source(str(path)))
    load.cache_clear()
    said = str(caught.value)
    assert "mine" in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("description", "descripton", "unknown key 'descripton': did you mean description?"),
        ('"one pool"', "3", "description: it should be a valid string, and it is 3"),
        ('["random"]', '"random"', "agents: it should be a valid list, and it is 'random'"),
        ('["random"]', "[]", "agents: List should have at least 1 item"),
        ('["random"]', "[3]", "agents 1: it should be a valid string"),
        ("evaluations", "evalutions", "unknown currency 'evalutions': did you mean evaluations?"),
        ("evaluations = 10", "evaluations = 0", "evaluations=0"),
        ("{ evaluations = 10 }", "10", "budget: it should be a valid dictionary, and it is 10"),
        ("{ evaluations = 10 }", "{}", "budget: Dictionary should have at least 1 item"),
        ("{ evaluations = 10 }", "{ completions = 3 }", "never end"),
        ("[[noise]]", "[[noises]]", "unknown key 'noises': did you mean noise?"),
        ("[[noise]]", "[noise]", "noise: it should be a valid list"),
        ('"gaussian"', '"gausian"', "noise 1: unknown kind 'gausian': did you mean gaussian?"),
        ('kind = "gaussian"', "sd = 1.0", "noise 1: unknown kind None: valid: gaussian"),
        ('"gaussian"', '"gaussian"\nds = 1', "noise 1: unknown key 'ds': valid: sd"),
        ('"gaussian"', '"gaussian"\nsd = "x"', "noise 1: sd='x'"),
        ('"gaussian"', '"gaussian"\nsd = -1.0', "sd=-1.0"),
        ('"gaussian"', '"gaussian"\nsd = true', "sd=True"),
        ("service.latency", "servce.latency", "unknown key 'servce': did you mean service?"),
        ("service.latency", "service.latencies", "service: unknown key 'latencies': did you mean latency?"),
        ("median = 1.0", "meddian = 1.0", "service.latency: unknown key 'meddian': did you mean median?"),
        ("median = 1.0", "median = nan", "median=nan"),
        ("[service.latency]\nmedian = 1.0", "[service]\nlatency = 3", "service.latency: it should be"),
        ("[service.latency]\nmedian = 1.0", '[service.prices]\nprompt = "x"', "prompt='x'"),
        ("[service.latency]\nmedian = 1.0", "[service.limits]\nconcurrency = 1.5", "concurrency=1.5"),
        ("[service.latency]\nmedian = 1.0", "[tokens]\nper_rows = 1", "tokens: unknown key 'per_rows'"),
        ("additive-pool", "additive-pol", "unknown oracle 'additive-pol': did you mean additive-pool?"),
        ("oracle =", "orcale =", "problem 1: unknown key 'orcale': did you mean oracle?"),
        ('oracle = "additive-pool"', 'name = "x"', "problem 1: oracle: Field required"),
        (
            '"additive-pool"',
            '"additive-pool"\nkind = "recordd"',
            "unknown kind 'recordd': did you mean recorded?",
        ),
        (
            '"additive-pool"',
            '"additive-pool"\nparameters = {sed = 1}',
            "unknown key 'sed': did you mean seed?",
        ),
        ('"additive-pool"', '"additive-pool"\nparameters = {seed = "x"}', "seed='x'"),
        ('"additive-pool"', '"additive-pool"\nrows = -1', "problem 1: rows: "),
        ('"additive-pool"', '"additive-pool"\nname = "a\\u001b[31m"', r"'a\x1b[31m' cannot be printed"),
        (
            "[[problem]]",
            '[[problem]]\noracle = "additive-pool"\n[[problem]]',
            "a second problem named 'additive-pool'",
        ),
        ("[[problem]]", "[problem]", "problem: it should be a valid list"),
        ("[[problem]]", "problem = 3\n[[x]]", "problem"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, before: str, after: str, says: str) -> None:
    assert before in GOOD
    assert says in mistake(tmp_path, GOOD.replace(before, after, 1))


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    scenario = load(Source(str(path)))
    assert (scenario.name, scenario.problems, scenario.seeds) == ("mine", ("additive-pool",), 10)
    assert scenario.budget == Budget(evaluations=10)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"noise.sd": "0.2"}, "0.2"),
        ({"noise.0.sd": "0.2"}, "0.2"),
        ({"service.latency.median": "7.5"}, "7.5"),
        ({"problem.rows": "33"}, "33"),
        ({"problem.0.parameters.size": "44"}, "44"),
    ],
)
def test_a_change_on_the_command_line_is_the_same_change_in_the_file(
    tmp_path: Path, changes: dict[str, str], found: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    by_command = load(Source(str(path), None, tuple(changes.items())))
    for key, value in changes.items():
        place = {
            "noise.sd": ('"gaussian"', f'"gaussian"\nsd = {value}'),
            "noise.0.sd": ('"gaussian"', f'"gaussian"\nsd = {value}'),
            "service.latency.median": ("median = 1.0", f"median = {value}"),
            "problem.rows": ('"additive-pool"', f'"additive-pool"\nrows = {value}'),
            "problem.0.parameters.size": (
                '"additive-pool"',
                f'"additive-pool"\nparameters = {{ size = {value} }}',
            ),
        }[key]
        path.write_text(path.read_text().replace(*place))
    load.cache_clear()
    assert load(Source(str(path))).digest == by_command.digest
    assert found in path.read_text()


@pytest.mark.parametrize("key", ["description.x", "seeds.x.y", "agents.x", "problem.oracle.x"])
def test_a_change_that_leads_nowhere_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("budget", "seeds = 3\nbudget"))
    with pytest.raises(ScenarioError, match="--set"):
        load(Source(str(path), None, ((key, "1"),)))


def test_decimals_are_taken_exactly(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + '[service.prices]\nprompt = "0.075"\ncompletion = 0.3\n')
    load(Source(str(path))).build("additive-pool")


@pytest.mark.parametrize(("own", "expected"), [("", 40), ("rows = 7", 7)])
def test_binomial_noise_counts_the_rows_of_an_evaluation_unless_it_says_otherwise(
    tmp_path: Path, own: str, expected: int
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'description = "x"\nagents = ["random"]\nbudget = { evaluations = 3 }\nrows = 40\n'
        f'[[noise]]\nkind = "binomial"\n{own}\n[[problem]]\noracle = "additive-pool"\n'
    )
    source = Source(str(path))
    scenario = load(source)
    (match,) = matches(scenario, source, ["random"], 1, scenario.budget)
    (run,) = play(match)
    for record in run.records:
        rights = record.answer.score * expected
        assert rights == pytest.approx(round(rights))
        assert record.charge.rows == 40
