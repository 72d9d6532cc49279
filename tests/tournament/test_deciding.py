"""A tournament that plays where the ranking is open: who plays on, when it ends, what it may spend."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.budget import FREE, Budget
from sandbox.cli import main
from sandbox.deciding import Terms, Tournament, render
from sandbox.errors import UsageError
from sandbox.scenario import Source
from sandbox.streams import stream
from sandbox.tournament import Match, Run

PROBLEMS = ("p", "q")
TEN = Budget(evaluations=10)


def match(names: tuple[str, ...], problem: str, seed: int) -> Match:
    keys = tuple([f"{name} {problem} {seed}" for name in names])
    return Match(Source("none", None, ()), "s", "", problem, seed, names, names, names, TEN, keys)


def ended(played: Match, name: str, truth: float | None) -> Run:
    return Run(
        key=name, scenario="s", digest="", problem=played.problem, agent=name, seed=played.seed, budget=TEN,
        rivals=(), error="it broke" if truth is None else None, recommended="", truth=truth,
        spent=FREE._replace(evaluations=7), steps=(), records=(), optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip


def play(
    means: Mapping[str, float | None], terms: Terms, luck: int = 0, shared: bool = False
) -> tuple[Tournament, str, list[Match]]:
    """Scores are a mean and a luck that both runs of a pair share in part."""
    teams = [tuple(means)] if shared else [(name,) for name in means]
    wanted = [
        match(team, problem, seed) for seed in range(terms.seeds) for problem in PROBLEMS for team in teams
    ]
    tournament = Tournament(wanted, terms, shared)
    log: list[Match] = []
    while True:
        todo, why = tournament.next_round()
        if not todo:
            return tournament, why, log
        log += todo
        for one in todo:
            runs = []
            for name in one.names:
                mean = means[name]
                noise = stream(luck, name, one.problem, one.seed).random() / 4
                runs.append(ended(one, name, None if mean is None else mean + noise))
            tournament.take(runs)
        tournament.give_up()


def seeds_of(log: list[Match], name: str) -> int:
    return len({one.seed for one in log if name in one.names})


def test_whoever_is_decided_against_everybody_plays_no_more() -> None:
    tournament, why, log = play({"far": 0.0, "a": 0.70, "b": 0.72}, Terms(seeds=300))
    winners = {(duel.a, duel.b): duel.winner for duel in tournament.duels()}
    assert winners["a", "far"] == "a"
    assert winners["b", "far"] == "b"
    assert seeds_of(log, "far") < seeds_of(log, "a") == seeds_of(log, "b")
    if winners["a", "b"] is not None:
        assert why == "everything is decided"
    else:
        assert why == "the limit of 300 seeds is reached"


def test_for_the_best_alone_the_beaten_need_no_order() -> None:
    means = {"best": 0.9, "x": 0.3, "y": 0.301}
    _, why, log = play(means, Terms("best", seeds=200))
    assert why == "everything is decided"
    assert seeds_of(log, "best") < 20
    assert seeds_of(play(means, Terms(seeds=200))[2], "x") > 100


@settings(max_examples=20, deadline=None)
@given(luck=st.integers(0, 1000), limit=st.integers(1, 2000))
def test_the_tournaments_budget_holds_even_if_each_run_spends_all_it_may(luck: int, limit: int) -> None:
    terms = Terms(seeds=60, total=Budget(evaluations=limit))
    tournament, why, log = play({"a": 0.5, "b": 0.5, "c": 0.5}, terms, luck)
    spent = 7 * len(log)
    assert spent <= limit
    if "budget" in why:
        assert spent + 3 * len(PROBLEMS) * 10 > limit  # not one seed more would have been safe
    assert len(tournament.duels()) == (3 if log else 0)


def test_a_pair_is_given_up_when_a_worthwhile_effect_would_have_been_seen() -> None:
    tournament, why, log = play({"a": 0.5, "b": 0.5}, Terms(seeds=400, effect=0.1))
    assert why == "what is open could show no effect of 0.1 or more any more"
    assert seeds_of(log, "a") < 100
    (verdict,) = tournament.verdicts()
    assert verdict.duel.winner is None
    assert verdict.visible is not None
    assert verdict.visible <= 0.1
    assert "the smallest effect that could have been seen is" in verdict.sentence(0.05)


def test_an_agent_that_fails_is_out_and_named() -> None:
    tournament, why, _ = play({"a": 0.9, "b": 0.1, "broken": None}, Terms(seeds=100))
    assert why == "everything is decided"
    decision = tournament.decision("s", why)
    assert decision.left_out == ("broken",)
    assert [verdict.duel.winner for verdict in decision.verdicts] == ["a"]
    json.dumps(decision.as_data(), allow_nan=False)
    render(decision)


def test_where_agents_share_a_service_all_play_until_the_end() -> None:
    _, _, log = play({"far": 0.0, "a": 0.7, "b": 0.75}, Terms(seeds=40), shared=True)
    assert all(len(one.names) == 3 for one in log)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (lambda: Terms(alpha=0.0), "--alpha 0"),
        (lambda: Terms(effect=-1.0), "--effect -1"),
        (lambda: Tournament([match(("a",), "p", 0)], Terms(total=Budget(usd=5)), False), "--budget usd="),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(terms: Callable[[], object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        terms()


def test_the_command_decides_and_goes_on_where_it_was(tmp_path: Path) -> None:
    out = str(tmp_path / "d.db")
    command = ["decide", "quickstart", "--agents", "evolution,sequential-halving", "--engine", "inline"]
    few = CliRunner().invoke(main, [*command, "--seeds", "4", "--out", out, "--json"])
    assert few.exit_code == 0, few.output
    more = CliRunner().invoke(main, [*command, "--seeds", "30", "--out", out, "--json"])
    anew = CliRunner().invoke(main, [*command, "--seeds", "30", "--out", str(tmp_path / "e.db"), "--json"])
    assert json.loads(more.stdout) == json.loads(anew.stdout)
    found = json.loads(more.stdout)
    assert found["pairs"][0]["winner"] == "evolution"
    assert found["ended"] == "everything is decided"
    assert "evolution beats sequential-halving at level 0.05 after" in found["pairs"][0]["sentence"]
    text = CliRunner().invoke(main, [*command, "--seeds", "30", "--out", out])
    assert found["pairs"][0]["sentence"] in " ".join(text.stdout.split())
    shown = CliRunner().invoke(main, ["show", out])
    assert shown.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["quickstart", "--agents", "random"], "at least two agents"),
        (["quickstart", "--total", "usd=1"], "--budget usd="),
        (["quickstart", "--alpha", "2"], "--alpha 2"),
        (["nowhere"], "nowhere"),
    ],
)
def test_bad_input_ends_with_a_sentence_and_code_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["decide", *arguments, "--out", str(tmp_path / "x.db")])
    assert ended.exit_code == 2, ended.output
    assert told in ended.stderr
    assert not (tmp_path / "x.db").exists()
