"""INSTINCT in both modes, played on a white box of a few numbers and on a real one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_white_box import SPACE, Letters, Toy, asked, run

from agents.instinct import Instinct
from agents.neural_bandit import PublishedNet, ScaledNet
from agents.soft_arms import SoftArms, imperative, published, within
from agents.soft_prompts import PREFIX
from mocks.noise import Binomial
from mocks.service import Faults, Retry, Service
from sandbox.budget import Budget

FLAKY = Service(faults=Faults(server_error=0.4), retry=Retry(attempts=1))
DEAD = Service(faults=Faults(server_error=1.0), retry=Retry(attempts=1))
SMALL: dict[str, Any] = {"arms": 128, "steps": 20}


@settings(deadline=None, max_examples=8)
@given(
    evaluations=st.integers(1, 60), seed=st.integers(0, 50), mode=st.sampled_from(["repaired", "faithful"])
)
def test_no_budget_is_exceeded_and_no_text_is_paid_twice(evaluations: int, seed: int, mode: str) -> None:
    agent = Instinct(mode=mode, **SMALL)
    one = run(agent, Toy(), seed=seed, budget=Budget(evaluations=evaluations), noises=(Binomial(20),))
    texts = asked(one)
    assert one.ledger.spent.evaluations == len(texts) == len(set(texts)) <= evaluations
    assert one.recommendation in texts
    assert mode == "faithful" or len(texts) == evaluations


def test_the_published_iterations_are_counted_though_a_known_text_is_free() -> None:
    box = Toy(levels=2)  # eight texts at most
    one = run(Instinct(mode="faithful", total=60, **SMALL), box, budget=Budget(evaluations=200))
    assert len(asked(one)) <= 8
    assert sum(map(len, box.decoded)) <= 60


@pytest.mark.parametrize("mode", ["repaired", "faithful"])
def test_a_white_box_that_repeats_itself_ends_the_run(mode: str) -> None:
    class Parrot(Toy):
        def decode(self, soft: np.ndarray | None, context: str | Sequence[str], **how: Any) -> list[str]:
            return [" say it" for _ in super().decode(soft, context, **how)]

    one = run(Instinct(mode=mode, **SMALL), Parrot(), budget=Budget(evaluations=30))
    assert len(asked(one)) == 1
    assert one.recommendation == asked(one)[0]


def test_repaired_every_arm_of_a_text_learns_its_score_and_no_arm_is_decoded_twice() -> None:
    box = Toy(levels=3)
    told: list[int] = []
    observe = ScaledNet.observe

    def counted(net: ScaledNet, arms: list[int]) -> None:
        told.extend(arms)
        observe(net, arms)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScaledNet, "observe", counted)
        one = run(Instinct(**SMALL), box, budget=Budget(evaluations=15))
    assert len(asked(one)) == 15
    assert len(told) > 15
    assert len(told) == len(set(told))
    greedy = np.concatenate(box.decoded)
    assert len(greedy) == len(np.unique(greedy, axis=0))


def test_repaired_arms_are_sampled_anew_when_all_are_spent() -> None:
    one = run(Instinct(arms=16, start=4), Toy(), budget=Budget(evaluations=60))
    assert one.ledger.spent.evaluations == 60


@pytest.mark.parametrize("seed", range(4))
def test_repaired_a_text_that_scored_badly_is_not_handed_in_because_its_arm_is_good(seed: int) -> None:
    one = run(Instinct(arms=16, start=4), Toy(), seed=seed, budget=Budget(evaluations=60))
    truths = [Letters().truth(text) for text in asked(one)]
    assert Letters().truth(str(one.recommendation)) > max(truths) - 0.1


def test_u_is_of_the_chosen_arms_only_in_the_published_loop_and_of_all_in_the_repaired() -> None:
    added: list[int] = []

    def add(net: Any, x: Any, units: Any) -> None:
        added.append(len(x))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.neural_bandit.Diagonal.add", add)
        run(Instinct(mode="faithful", start=10, total=25, **SMALL), Toy(), budget=Budget(evaluations=100))
    assert added == [1] * 15
    nets: list[ScaledNet] = []
    fit = ScaledNet.fit

    def kept(net: ScaledNet, *args: Any) -> Any:
        nets.append(net)
        return fit(net, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScaledNet, "fit", kept)
        run(Instinct(start=10, **SMALL), Toy(levels=99), budget=Budget(evaluations=31))
    assert len(nets[-1].observed) == 31


def test_published_the_first_choice_is_made_untrained_on_raw_features() -> None:
    seen: list[tuple[float, bool]] = []
    worth = PublishedNet.worth

    def noted(net: PublishedNet, x: Any) -> Any:
        seen.append((float(x.abs().max()), bool((net.flat.data == net.start).all())))
        return worth(net, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PublishedNet, "worth", noted)
        run(Instinct(mode="faithful", start=10, total=13, **SMALL), Toy(), budget=Budget(evaluations=100))
    assert [untrained for _, untrained in seen] == [True, False, False]
    assert seen[0][0] <= 1.0 < seen[1][0]  # the toy's features are tanh


def test_modes_differ_in_the_points_they_cover_and_in_what_they_send() -> None:
    boxes = Toy(levels=99), Toy(levels=99)
    sent = [
        asked(run(Instinct(mode=mode, **SMALL), box, budget=Budget(evaluations=20)))
        for mode, box in zip(("repaired", "faithful"), boxes, strict=True)
    ]
    assert all(text.startswith("Write ") for text in sent[0])
    assert all(text.startswith(f"{PREFIX} write ") for text in sent[1])


def test_a_text_is_cut_as_published_or_turned_into_an_order() -> None:
    assert published(" sort it. Then stop. Comment: x") == f"{PREFIX} sort it."
    assert published(" sort it Comment: x") == f"{PREFIX} sort it"
    assert imperative(" sort it. Then stop.\n\nInput: a") == "Sort it. Then stop."
    assert imperative("The instruction was to: sort it.") == "Sort it."
    assert imperative("The instruction was to") == imperative("\n\nInput: a") == ""


def test_a_context_that_is_too_long_loses_its_beginning_and_no_more_than_it_must() -> None:
    class Short(Toy):
        def count(self, text: str) -> int:
            return len(text)

    text = "x" * 60 + "The end."
    assert within(Toy(), text, 10**6) == text
    assert within(Short(positions=100), text, 32) == text
    cut = within(Short(positions=100), text, 50)
    assert cut.endswith("The end.")
    assert 40 < len(cut) <= 50


def test_the_same_seed_tells_the_same_story_and_another_another() -> None:
    for mode in ("repaired", "faithful"):
        agent = Instinct(mode=mode, **SMALL)
        first, again, other = (asked(run(agent, Toy(), seed=seed)) for seed in (1, 1, 2))
        assert first == again != other


def test_repaired_the_arms_chosen_are_better_than_random_ones() -> None:
    gains = []
    for seed in range(4):
        one = run(Instinct(arms=256), Toy(), seed=seed, noises=(Binomial(20),), budget=Budget(evaluations=48))
        truths = [Letters().truth(text) for text in asked(one)]
        gains.append(np.mean(truths[16:]) - np.mean(truths[:16]))
    assert np.mean(gains) > 0.1


def test_failures_are_asked_again_once_and_never_counted_as_scores() -> None:
    one = run(Instinct(**SMALL), Toy(), service=FLAKY, budget=Budget(evaluations=60))
    texts = asked(one)
    assert len(texts) == 60
    assert max(map(texts.count, texts)) == 2
    for mode in ("repaired", "faithful"):
        dead = run(Instinct(mode=mode, **SMALL), Toy(), service=DEAD, budget=Budget(evaluations=25))
        assert dead.recommendation in SPACE


@pytest.mark.parametrize("mode", ["repaired", "faithful"])
@pytest.mark.parametrize("allowance", [0, 100, 300])
def test_when_the_white_box_is_spent_the_best_so_far_is_handed_in(mode: str, allowance: int) -> None:
    one = run(Instinct(mode=mode, **SMALL), Toy(allowance=allowance))
    assert one.recommendation in SPACE
    assert bool(asked(one)) == (allowance == 300)


def test_presets_are_the_papers_numbers_and_given_ones_win() -> None:
    assert Instinct(preset="paper").settings == (10_000, 40, 165, 1000, 1000)
    assert Instinct(preset="paper", arms=99).settings == (99, 40, 165, 1000, 1000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "fixed"}, {"preset": "papers"}, {"arms": 1}, {"start": 0}, {"start": 600}, {"total": -1},
        {"candidates": 0}, {"steps": 0}, {"nu": -1.0}, {"penalty": 0.0}, {"dimensions": 0}, {"tokens": 0},
        {"demos": -1}, {"ahead": 0}, {"max_tokens": 0},
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Instinct(**wrong)


def test_features_do_not_depend_on_how_many_are_lifted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def features() -> np.ndarray:
        return SoftArms(Toy(), "x", 40, 10, 5, np.random.default_rng(0)).features()

    whole = features()
    monkeypatch.setattr("agents.soft_arms._CHUNK", 7)
    np.testing.assert_allclose(features(), whole, rtol=1e-3, atol=1e-6)
    assert whole.shape == (40, Toy.hidden_width)


@pytest.mark.parametrize("mode", ["repaired", "faithful"])
def test_it_plays_with_a_real_model(mode: str, llama_dir: Path) -> None:
    from whitebox_kit import white_box

    agent = Instinct(mode=mode, arms=24, start=4, steps=20, max_tokens=8)
    one = run(agent, white_box(llama_dir), budget=Budget(evaluations=10))
    assert 1 <= len(asked(one)) <= 10
    assert one.recommendation in asked(one)
