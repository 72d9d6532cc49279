"""A run's key changes with all that can change its result, and with nothing else."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import tournament
from sandbox.budget import Budget
from sandbox.errors import ScenarioError, UsageError
from sandbox.registry import canonical, make_agent, read_spec, split_specs
from sandbox.scenario import Source
from sandbox.tournament import load, matches, play, versions

TOML = """
description = "two pools"
agents = ["random"]
seeds = 3
budget = { evaluations = 10 }

[[noise]]
kind = "gaussian"
sd = 0.05

[[problem]]
name = "one"
oracle = "additive-pool"

[[problem]]
name = "two"
oracle = "nk-pool"
"""
AGENT = """
import beside
from sandbox.protocol import Evaluate, Needs

class Mine:
    name = "mine"
    needs = Needs.POOL

    def plan(self, task, rng):
        yield from Evaluate(task.space.texts[0])
        return task.space.texts[beside.INDEX]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "scene.toml").write_text(TOML)
    (tmp_path / "mine.py").write_text(AGENT)
    (tmp_path / "beside.py").write_text("INDEX = 0\n")
    (tmp_path / "unrelated.py").write_text("")
    forget_modules()
    return tmp_path


def forget_modules() -> None:
    for name in ("mine", "beside", "kit", "kit.agent", "kit.helper"):
        sys.modules.pop(name, None)
    load.cache_clear()


def keys(
    agents: str = "random,ucb", seeds: int = 3, budget: str = "evaluations=10", source: Source | None = None
) -> dict[tuple[str, str, int], str]:
    """The key of each (agent, problem, seed)."""
    forget_modules()
    source = source or Source(str(Path("scene.toml").absolute()))
    found = {}
    for match in matches(load(source), source, split_specs(agents), seeds, Budget.parse(budget)):
        for name, key in zip(match.names, match.keys, strict=True):
            found[name, match.problem, match.seed] = key
    return found


def changed(**settings: str) -> Source:
    changes = tuple((key.replace("__", "."), value) for key, value in settings.items())
    return Source(str(Path("scene.toml").absolute()), None, changes)


def test_every_run_of_a_tournament_has_its_own_key(folder: Path) -> None:
    found = keys("random,ucb,mine:Mine,random(batch=2)", seeds=20)
    assert len(found) == len(set(found.values())) == 4 * 2 * 20


def test_who_else_plays_and_how_often_changes_no_key(folder: Path) -> None:
    found = keys("random,ucb,mine:Mine", seeds=5)
    assert keys("mine:Mine", seeds=2).items() < found.items()
    assert keys(" ucb , random ", seeds=3).items() < found.items()
    assert keys("ucb()").items() < found.items()


def test_where_a_scenario_lies_and_what_it_says_about_itself_changes_no_key(folder: Path) -> None:
    found = keys()
    (folder / "deeper").mkdir()
    moved = (
        TOML.replace("two pools", "other words").replace("seeds = 3", "seeds = 4").replace("random", "ucb")
    )
    (folder / "deeper" / "scene.toml").write_text("# a comment\n" + moved)
    assert keys(source=Source(str(folder / "deeper" / "scene.toml"))) == found


@pytest.mark.parametrize(
    "settings",
    [
        {"noise__sd": "0.06"},
        {"noise__kind": '"heavy-tailed"', "noise": '[{kind = "heavy-tailed"}]'},
        {"rows": "21"},
        {"service__latency__median": "2.0"},
        {"tokens__per_row": "41"},
        {"shared": "true"},
        {"problem__0__parameters__seed": "3"},
        {"problem__0__noise": "[]"},
    ],
)
def test_every_setting_changes_every_key(folder: Path, settings: dict[str, str]) -> None:
    assert not set(keys(source=changed(**settings)).values()) & set(keys().values())


def test_settings_that_json_cannot_tell_apart_are_told_apart(folder: Path) -> None:
    def digest(value: str) -> str:
        return load(changed(problem__0__parameters__x=value)).digest

    assert len({digest(value) for value in ("inf", "-inf", "nan", "1e308", "1", "1.5", '"inf"')}) == 7


def test_the_budget_changes_every_key(folder: Path) -> None:
    budgets = ("evaluations=10", "evaluations=11", "evaluations=10,usd=1", "usd=1", "usd=2")
    assert len({key for budget in budgets for key in keys(budget=budget).values()}) == 5 * 12
    assert keys(budget="usd=1.0") == keys(budget="usd=1")


def test_options_change_every_key_and_their_spelling_changes_none(folder: Path) -> None:
    def only(spec: str) -> set[str]:
        return set(keys(spec).values())

    assert not only("random") & only("random(batch=2)")
    assert not only("random(batch=2)") & only("random(batch=3)")
    assert only("random(batch=2,edits=3)") == only(" random( edits = 3, batch=2 ) ")
    assert not only("random(name='a b')") & only("random(name='ab')")


def test_the_version_changes_every_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(keys().values())
    monkeypatch.setattr(tournament, "versions", lambda: {**versions(), "instruct-sandbox": "9.9"})
    assert not set(keys().values()) & before


def test_the_agents_code_changes_its_keys_and_nobody_elses(folder: Path) -> None:
    before = keys("random,mine:Mine")
    (folder / "unrelated.py").write_text("x = 1\n")
    assert keys("random,mine:Mine") == before
    for file, content in (("mine.py", AGENT + "# edited\n"), ("beside.py", "INDEX = 1\n")):
        (folder / file).write_text(content)
        after = keys("random,mine:Mine")
        assert {run[0] for run, key in after.items() if before[run] != key} == {"mine"}
        before = after


def test_where_the_agents_code_lies_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys("mine:Mine")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    for name in ("mine.py", "beside.py", "scene.toml"):
        shutil.move(name, elsewhere)
    sys.path.remove(str(folder))
    monkeypatch.chdir(elsewhere)
    assert keys("mine:Mine") == before


def test_a_package_counts_what_it_imports_of_itself(folder: Path) -> None:
    kit = folder / "kit"
    kit.mkdir()
    (kit / "__init__.py").write_text("")
    (kit / "agent.py").write_text(AGENT.replace("import beside", "from . import helper as beside"))
    (kit / "helper.py").write_text("INDEX = 0\n")
    (kit / "other.py").write_text("")
    before = keys("kit.agent:Mine")
    (kit / "other.py").write_text("x = 1\n")
    (folder / "beside.py").write_text("x = 1\n")
    assert keys("kit.agent:Mine") == before
    (kit / "helper.py").write_text("INDEX = 1\n")
    assert not set(keys("kit.agent:Mine").values()) & set(before.values())


def test_data_count_by_their_bytes(folder: Path, shared_data: Path) -> None:
    file = shared_data / "multi-prompt" / "LMentry" / "rhyming_word.json"
    for name in ("here", "there", "other"):
        (folder / name).mkdir()
        shutil.copy(file, name)
    with (folder / "other" / file.name).open("a") as stream:
        stream.write("\n")
    here, there, other = (
        keys(source=Source("recorded", str(folder / name))) for name in ("here", "there", "other")
    )
    assert here == there
    assert not set(here.values()) & set(other.values())


def test_data_that_change_under_way_are_noticed(folder: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "multi-prompt" / "LMentry" / "rhyming_word.json", "a.json")
    source = Source("recorded", str(folder / "a.json"))
    match = matches(load(source), source, ["random"], 1, Budget.parse("evaluations=3"))[0]
    with Path("a.json").open("a") as file:
        file.write("\n")
    load.cache_clear()
    with pytest.raises(ScenarioError, match="changed while it was being played"):
        play(match)


def test_a_hundred_thousand_matches_are_prepared_in_seconds(folder: Path) -> None:
    source = Source(str(folder / "scene.toml"))
    started = time.process_time()
    found = matches(load(source), source, ["random", "ucb"], 25_000, Budget.parse("evaluations=10"))
    assert time.process_time() - started < 10
    assert len({key for match in found for key in match.keys}) == len(found) == 100_000
    assert [match.seed for match in found] == sorted(match.seed for match in found)


def test_a_budget_that_only_time_could_end_needs_time_that_passes(folder: Path) -> None:
    still = changed(service__latency__median="0", service__latency__sigma="0", service__latency__tail="0")
    with pytest.raises(ScenarioError, match="never end"):
        keys(budget="seconds=5", source=still)
    with pytest.raises(ScenarioError, match="never end"):
        keys(budget="completions=5")
    assert keys(budget="seconds=5")
    assert keys(budget="seconds=5,evaluations=3", source=still)


words = st.text("abc '\"(),=[]", max_size=6)
values = st.integers() | words | st.lists(st.integers(), max_size=2) | st.booleans() | st.none()


@given(
    st.lists(
        st.tuples(st.sampled_from(["ucb", "m:A"]), st.dictionaries(st.sampled_from("xyz"), values)),
        max_size=4,
    )
)
def test_specs_survive_being_listed_and_spelt(agents: list[tuple[str, dict[str, object]]]) -> None:
    specs = [f"{name}({', '.join(f'{k} = {v!r}' for k, v in options.items())})" for name, options in agents]
    again = split_specs(" , ".join(specs))
    assert [read_spec(spec) for spec in again] == agents
    assert [read_spec(canonical(spec)) for spec in again] == agents
    assert [canonical(canonical(spec)) for spec in again] == [canonical(spec) for spec in specs]


@given(st.text(max_size=20))
def test_any_text_is_an_agent_or_a_usage_error(text: str) -> None:
    for spec in split_specs(text):
        with suppress(UsageError):
            read_spec(spec)


def test_a_bare_word_is_the_text_that_it_would_be_in_quotes() -> None:
    assert canonical("instinct(mode=faithful)") == canonical("instinct( mode='faithful' )")
    assert canonical("a(b=True,c=None,d=x)") == "a(b=True,c=None,d='x')"


def test_an_agent_is_named_by_its_spec(folder: Path) -> None:
    assert make_agent("random( batch = 2 )").name == "random(batch=2)"
    assert make_agent("random(batch=2,name='pairs')").name == "pairs"
