"""InstructZero played on a white box of a few lines, in both modes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from steered import Graded, Played, Steered, play, task
from test_random_soft_prompt import Silent

from agents.coupled_gp import CoupledGP, Hyper
from agents.coupled_memory import Memory
from agents.instructzero import InstructZero
from agents.random_soft_prompt import RandomSoftPrompt
from sandbox.errors import MissingExtra
from sandbox.protocol import Plan
from sandbox.spaces import Candidate

BOTH = pytest.mark.parametrize("mode", ["faithful", "repaired"])


def played(
    evaluations: int, seed: int = 0, box: Any = None, rows: int = 20, **parameters: Any
) -> tuple[Played, Graded, Any]:
    box, graded = box or Steered(seed), Graded(seed, rows)
    plan = InstructZero(**parameters).plan(task(box, evaluations, rows), np.random.default_rng(seed))
    return play(plan, graded, evaluations), graded, box


@BOTH
@pytest.mark.parametrize("evaluations", [1, 3, 26, 45])
def test_the_budget_is_spent_on_distinct_texts_and_not_exceeded(mode: str, evaluations: int) -> None:
    story, _, _ = played(evaluations, mode=mode)
    texts = [text for text, _ in story.asked]
    assert len(texts) == len(set(texts)) == evaluations
    assert story.final in texts
    assert story.recommended[-1] == story.final or mode == "repaired"


@BOTH
def test_one_seed_tells_one_story(mode: str) -> None:
    one, other = played(40, mode=mode)[0], played(40, mode=mode)[0]
    assert one == other
    assert one != played(40, seed=1, box=Steered(0), mode=mode)[0]


@BOTH
def test_a_white_box_with_one_thing_to_say_ends_the_run(mode: str) -> None:
    story, _, _ = played(50, box=Silent(), mode=mode)
    assert len(story.asked) == 1
    assert "only this." in str(story.final)


def test_the_published_loop_starts_in_a_corner_of_its_domain_and_scores_the_whole_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[CoupledGP] = []
    original = CoupledGP.__init__

    def spy(self: CoupledGP, *args: Any) -> None:
        seen.append(args[0])
        original(self, *args)

    monkeypatch.setattr(CoupledGP, "__init__", spy)
    story, _, box = played(60, mode="faithful")
    first: Any = seen[0]
    assert (first.points >= 0).all()
    assert first.points.max() > 0.9
    assert (seen[1].points[len(first.points) :] < 0).any()  # type: ignore[attr-defined]
    assert abs(first.scores.mean()) < 1e-9
    assert all(context.startswith("USER: ") for context in box.contexts)
    assert not story.asked[0][0].startswith("The instruction was to")


def test_the_published_loop_draws_rows_anew_for_each_text_and_the_repaired_one_takes_all() -> None:
    story, _, _ = played(30, rows=50, mode="faithful")
    samples = [rows for _, rows in story.asked]
    assert all(rows is not None and len(set(rows)) == len(rows) == 20 for rows in samples)
    assert len(set(samples)) == len(samples)
    assert all(rows is None for _, rows in played(30, rows=50)[0].asked)
    assert all(rows is None for _, rows in played(30, rows=20, mode="faithful")[0].asked)


def test_a_known_text_joins_the_published_model_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    original = CoupledGP.__init__

    def spy(self: CoupledGP, seen: Any, hyper: Any) -> None:
        sizes.append((len(seen.points), len(np.unique(seen.rows, axis=0))))
        original(self, seen, hyper)

    monkeypatch.setattr(CoupledGP, "__init__", spy)
    story, _, _ = played(500, box=Steered(0, roughness=0.1), mode="faithful", iterations=3)
    assert sizes[-1][0] == 25 + 2 * 25
    assert len(story.asked) < 25 + 3 * 25


def test_the_paper_asks_for_a_hundred_and_fifty_soft_prompts_at_most() -> None:
    _, _, box = played(1000, mode="faithful", preset="paper")
    assert box.decoded == 25 + 5 * 25


def test_the_published_incumbent_is_the_latest_of_the_best() -> None:
    story, graded, _ = played(60, mode="faithful")
    scores = [(graded.right(text).mean(), i) for i, (text, _) in enumerate(story.asked)]
    best = max(score for score, _ in scores)
    assert graded.right(str(story.final)).mean() == best


def test_a_batch_is_of_distinct_texts_even_where_one_is_worth_more_than_all_others() -> None:
    graded, box = Graded(), Steered()

    def plan() -> Plan[Candidate]:
        rng = np.random.default_rng(0)
        memory = Memory(task(box, 100))
        points = rng.uniform(-1, 1, (12, 10))
        memory.decoded(points, [f"text {i}" for i in range(12)])
        yield from memory.evaluate([f"text {i}" for i in range(6)])
        seen = memory.seen()
        # Noise so large that a look takes no doubt: nothing but the rule keeps the best from coming again.
        model = CoupledGP(seen, Hyper(0.5, np.full(6, 0.01), 0.1, 1.0, None, 1e-4, True))
        chosen = memory.choose(model, 4, 1e9)
        assert len(set(chosen)) == len(chosen) == 4
        assert set(chosen) <= set(memory.pool) == {f"text {i}" for i in range(6, 12)}
        return "done"

    assert play(plan(), graded, 100).final == "done"


@pytest.mark.slow
def test_repaired_beats_random_soft_prompts_at_equal_evaluations() -> None:
    gains = []
    for seed in range(10):
        graded = Graded(seed)
        told = task(Steered(seed), 80)
        story = play(InstructZero().plan(told, np.random.default_rng(seed)), graded, 80)
        random = play(RandomSoftPrompt().plan(told, np.random.default_rng(seed)), graded, 80)
        gains.append(graded.truth(str(story.final)) - graded.truth(str(random.final)))
    assert np.mean(gains) > 0.03


def test_botorch_plays_the_same_game_as_the_closed_form() -> None:
    pytest.importorskip("botorch")
    ours, theirs = played(12)[0], played(12, model="botorch")[0]
    assert ours.asked[:4] == theirs.asked[:4]
    assert len(theirs.asked) == 12


def test_without_botorch_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(MissingExtra, match=r"botorch.*\[bo\]"):
        played(30, model="botorch")


def test_the_default_model_needs_no_torch() -> None:
    import subprocess

    script = (
        "import sys; sys.path[:0] = ['tests/agents']\n"
        "from test_instructzero import played\n"
        "played(30); played(30, mode='faithful')\n"
        "assert not {'torch', 'botorch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "fixed"}, {"preset": "papr"}, {"model": "gpy"}, {"start": 1}, {"batch": 0}, {"rows": 0}],
)
def test_wrong_parameters_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        InstructZero(**wrong)
