"""Whose luck decides a match: the agent draws by seed, problem and name, the world by the seed alone."""

from __future__ import annotations

from pathlib import Path

from sandbox.codec import dump_answer, dump_request
from sandbox.scenario import Source
from sandbox.tournament import Run, load, matches, play

QUIET = """
description = "no noise: whatever differs, the agent drew"
agents = ["random"]
budget = { evaluations = 20 }
[[problem]]
name = "one"
oracle = "additive-pool"
[[problem]]
name = "other"
oracle = "additive-pool"
"""
NOISY = """
description = "an agent that draws nothing: whatever differs, the world drew"
agents = ["round-robin"]
budget = { evaluations = 20 }
[[noise]]
kind = "gaussian"
[[problem]]
oracle = "additive-pool"
"""


def played(tmp_path: Path, content: str, agents: list[str]) -> list[Run]:
    """Two seeds of a scenario file."""
    path = tmp_path / "scenario.toml"
    path.write_text(content)
    source = Source(str(path))
    scenario = load(source)
    return [run for match in matches(scenario, source, agents, 2, scenario.budget) for run in play(match)]


def test_every_seed_problem_and_name_draws_for_itself(tmp_path: Path) -> None:
    runs = played(tmp_path, QUIET, ["random", "random(name='twin')"])
    asked = [tuple(dump_request(record.ticket.request) for record in run.records) for run in runs]
    assert [len(requests) for requests in asked] == [20] * 8
    assert len(set(asked)) == 8


def test_rivals_of_one_seed_share_the_worlds_luck_and_seeds_do_not(tmp_path: Path) -> None:
    runs = played(tmp_path, NOISY, ["round-robin", "round-robin(name='twin')"])
    seen = {
        (run.agent, run.seed): [
            (dump_answer(r.answer), r.answered_at - r.ticket.sent_at) for r in run.records
        ]
        for run in runs
    }
    for seed in (0, 1):
        assert seen["round-robin", seed] == seen["twin", seed]
    scores, latencies = ([[pair[part] for pair in seen["twin", seed]] for seed in (0, 1)] for part in (0, 1))
    assert not any(a == b for a, b in zip(*scores, strict=True))
    assert not any(a == b for a, b in zip(*latencies, strict=True))
