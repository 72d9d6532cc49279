"""Dual: its network, what it reads, and its conversation with a box that writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_white_box import DEMOS, LEVELS, SPACE, Letters, Toy

from agents.dual import Dual, proposed
from agents.dual_features import Reader, fuse
from agents.dual_model import LEAST, MOST, Regulariser, ScoreNet
from agents.soft_prompts import PREFIX
from sandbox.budget import Budget
from sandbox.errors import AnswerFailed, BudgetExhausted
from sandbox.protocol import (
    Asides,
    Complete,
    Completion,
    Evaluate,
    Gather,
    Observation,
    Recommend,
    RowResult,
    Task,
)

FORMS = [("uniform", "log-sigmoid"), ("reward", "log-sigmoid"), ("uniform", "sigmoid")]


@dataclass
class Reads(Toy):
    """The toy, which also has hidden states of texts: of their letters."""

    layers: int = 4
    read: list[tuple[str, int, str]] = field(default_factory=list)

    def hidden(
        self,
        texts: str | Sequence[str] | None = None,
        *,
        soft: np.ndarray | None = None,
        layer: int = -1,
        pooling: str = "last",
    ) -> np.ndarray:
        if soft is not None or texts is None:
            return super().hidden(texts, soft=soft, layer=layer, pooling=pooling)
        texts = [texts] if isinstance(texts, str) else list(texts)
        self.read += [(text, layer, pooling) for text in texts]
        assert all(texts)
        return self.embed([text.rpartition(" ")[2] for text in texts])


@dataclass
class Blackbox:
    """Answers a plan: scores letters, and writes `lines` instructions a request, the first ones broken."""

    budget: int = 60
    lines: int = 40
    broken: int = 0
    writes: bool = True
    answers: bool = False
    asked: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    handed: list[str] = field(default_factory=list)

    def play(self, agent: Dual, box: Any, seed: int = 0) -> str:
        lends = Asides(completions=True, white_box=box)
        task = Task("letters", SPACE, Budget(evaluations=self.budget), DEMOS, 20, lends=lends)
        plan = agent.plan(task, np.random.default_rng(seed))
        request = next(plan)
        try:
            while True:
                try:
                    answer = self.answer(request)
                except BudgetExhausted as refusal:
                    request = plan.throw(refusal)
                else:
                    request = plan.send(answer)
        except StopIteration as end:
            return str(end.value)

    def answer(self, request: Any) -> Any:
        if isinstance(request, Recommend):
            self.handed.append(str(request.candidate))
            return None
        assert isinstance(request, Gather)
        if len(self.asked) + sum(isinstance(r, Evaluate) for r in request.requests) > self.budget:
            raise BudgetExhausted("evaluations", len(request.requests), self.budget - len(self.asked))
        return tuple([self.one(r) for r in request.requests])

    def one(self, request: Any) -> Any:
        if isinstance(request, Complete):
            if not self.writes:
                raise BudgetExhausted("completions", 1, 0)
            assert isinstance(request.prompt, str)
            self.prompts.append(request.prompt)
            if len(self.prompts) <= self.broken:
                return AnswerFailed("timeout", "no answer in time")
            return Completion((self.listed(request.prompt),))
        text = str(request.candidate)
        self.asked.append(text)
        rows = (RowResult(0, 1.0, False, "x", text[-5:], "y"),) if self.answers else ()
        return Observation(Letters().truth(text), rows)

    def listed(self, prompt: str) -> str:
        count = int(re.findall(r"Write (\d+) ", prompt)[0])
        rng = np.random.default_rng(len(self.prompts))
        words = ["-".join(LEVELS[int(i)] for i in rng.integers(0, 8, size=3)) for _ in range(count)]
        lines = [f"{i}. {PREFIX} write {word}" for i, word in enumerate(words[: self.lines], 1)]
        return "\n".join(["Sure, here they are:", *lines])


def net_and_data(seed: int, depth: int = 3) -> tuple[ScoreNet, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    net = ScoreNet(7, depth, rng, hidden=20)
    x = torch.from_numpy(rng.standard_normal((15, 7))).float()
    return net, x, torch.from_numpy(rng.random(15)).float()


def graph(net: ScoreNet, flat: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Z and outputs, with a graph."""
    parts = net.parts(flat)
    for weight, bias in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        x = torch.relu(x @ weight.T + bias)
    return x, (x @ parts[-2].T + parts[-1])[:, 0]


def similarity_loss(
    z: torch.Tensor, y: torch.Tensor, sim_weight: str, similarity: str, fixed: bool = True
) -> torch.Tensor:
    anchor = z[int(y.argmax())]
    cosine = torch.cosine_similarity(z, (anchor.detach() if fixed else anchor)[None], dim=1)
    each = -torch.log(torch.sigmoid(cosine)) if similarity == "log-sigmoid" else 1 - torch.sigmoid(cosine)
    shares = torch.ones_like(y) if sim_weight == "uniform" else y + 1e-6
    return (each * shares).sum() / shares.sum()


@pytest.mark.parametrize(("sim_weight", "similarity"), FORMS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), depth=st.integers(1, 5))
def test_the_gradient_by_hand_is_that_of_autograd_and_of_the_similarity_not_zero(
    sim_weight: str, similarity: str, seed: int, depth: int
) -> None:
    net, x, y = net_and_data(seed, depth)
    flat = net.flat.clone().requires_grad_()
    z, outputs = graph(net, flat, x)
    loss = similarity_loss(z, y, sim_weight, similarity)
    (pull,) = torch.autograd.grad(loss, flat, retain_graph=True)
    assert float(pull.norm()) > 0.0
    regression = (outputs - y).square().mean()
    regulariser = Regulariser(sim_weight, similarity)
    found = torch.zeros_like(net.flat)
    losses = net.gradient(x, y, regulariser, 0.0, net.parts(found))
    assert losses[:2] == pytest.approx((float(regression.detach()), float(loss.detach())), rel=1e-4)
    assert losses.weight == pytest.approx(regulariser.weight(losses.regression, losses.similarity, 0.0))
    (whole,) = torch.autograd.grad(regression + losses.weight * loss, flat)
    torch.testing.assert_close(found, whole, rtol=1e-3, atol=1e-6)
    z0 = z.detach().requires_grad_()
    (dz,) = torch.autograd.grad(similarity_loss(z0, y, sim_weight, similarity), z0)
    by_hand = regulariser.with_gradient(z0.detach(), z0.detach()[int(y.argmax())], y)[1]
    torch.testing.assert_close(by_hand, dz, rtol=1e-3, atol=1e-6)


@given(
    regression=st.floats(0.0, 1e6), similarity=st.floats(0.0, 1e6), progress=st.floats(0.0, 1.0),
    alpha=st.floats(0.0, 1e3), schedule=st.sampled_from(["ratio", "decay", "fixed"]),
)  # fmt: skip
def test_the_dynamic_weight_stays_between_those_of_the_ablation(
    regression: float, similarity: float, progress: float, alpha: float, schedule: str
) -> None:
    weight = Regulariser(schedule=schedule, alpha=alpha).weight(regression, similarity, progress)
    assert LEAST <= weight <= MOST


def test_the_weight_follows_its_schedule() -> None:
    ratio, decay = Regulariser(alpha=0.001), Regulariser(schedule="decay")
    assert ratio.weight(0.5, 0.25, 0.0) == pytest.approx(0.002)
    assert decay.weight(9.0, 9.0, 0.0) == pytest.approx(MOST)
    assert decay.weight(9.0, 9.0, 0.5) == pytest.approx(1e-6)
    assert decay.weight(9.0, 9.0, 1.0) == pytest.approx(LEAST)
    assert Regulariser(schedule="fixed", alpha=1e-4).weight(9.0, 9.0, 0.3) == 1e-4


def test_training_lowers_both_losses_and_restarts_where_it_is_told_to() -> None:
    net, x, y = net_and_data(3)
    heavy = Regulariser(schedule="fixed", alpha=MOST)
    before = net.train(x, y, heavy, 1, 1e-3, True)
    after = net.train(x, y, heavy, 400, 1e-3, True)
    assert after.regression < 0.2 * before.regression
    assert after.similarity < before.similarity
    assert net.train(x, y, heavy, 400, 1e-3, True) == after
    assert net.train(x, y, heavy, 1, 1e-3, False).regression < after.regression + 1e-3
    assert net.train(x, y, heavy, 1, 1e-3, True) == before


def test_more_weight_pulls_the_states_closer_to_the_best() -> None:
    cosines = []
    for alpha in (0.0, MOST):
        net, x, y = net_and_data(4)
        cosines.append(
            net.train(x, y, Regulariser(schedule="fixed", alpha=alpha), 300, 1e-3, True).similarity
        )
    assert cosines[1] < cosines[0]


def test_the_last_layers_width_is_that_of_its_gradients() -> None:
    net, x, _ = net_and_data(5)
    seen = x[:6]
    z, zs = net.layers(x)[-1].double(), net.layers(seen)[-1].double()
    u = 0.3 * torch.eye(20, dtype=torch.float64) + zs.T @ zs
    width = (0.3 * 0.7 * (z * torch.linalg.solve(u, z.T).T).sum(1)).sqrt()
    found = net.worth(x, seen, 0.7, 0.3) - net.worth(x, seen, 0.0)
    torch.testing.assert_close(found.double(), width, rtol=1e-3, atol=1e-4)
    assert found[:6].mean() < found[6:].mean()


def test_both_poolings_average_pairs_of_numbers() -> None:
    h, o = np.array([[1.0, 3.0, 5.0]], np.float32), np.array([[3.0, 5.0, 9.0]], np.float32)
    assert fuse(h, o, "mean").tolist() == [[2.0, 4.0, 7.0]]
    assert fuse(h, o, "concat").tolist() == [[2.0, 4.0, 7.0]]  # (1, 3), (5, 3), (5, 9)


def test_a_text_is_read_once_and_in_its_context() -> None:
    box = Reads()
    reader = Reader(box, "context", "whitebox_instruction", "mean", 2)
    first = reader.read(["Write a-b-c", "Write c-d-e"], {})
    again = reader.read(["Write c-d-e", "Write a-b-c", "Write a-b-c"], {})
    np.testing.assert_array_equal(again, first[[1, 0, 0]])
    assert box.read == [
        ("context write a-b-c", 2, "last"), ("context write c-d-e", 2, "last"),
        ("Write a-b-c", 2, "mean"), ("Write c-d-e", 2, "mean"),
    ]  # fmt: skip


def test_an_unevaluated_text_takes_the_answers_of_its_nearest_neighbour() -> None:
    box = Reads()
    reader = Reader(box, "context", "blackbox_cached", "mean", 1)
    texts = ["Write a-b-c", "Write h-h-h", "Write a-b-c-a"]
    h = Reader(box, "context", "none", "mean", 1).read(texts, {})
    np.testing.assert_array_equal(reader.read(texts, {}), h)  # nobody has answered: fusing changes nothing
    rows = [(RowResult(0, 1.0, False, "in", answer, "out"),) for answer in ("b-b-b", "e-e-e")]
    known = {text: Observation(0.5, r) for text, r in zip(texts, rows, strict=False)}
    found = 2 * reader.read(texts, known) - h
    np.testing.assert_allclose(found[0], box.embed("b-b-b")[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[1], box.embed("e-e-e")[0], rtol=1e-5, atol=1e-5)
    near = np.square(h[2] - h[:2]).sum(1).argmin()
    np.testing.assert_allclose(found[2], found[int(near)], rtol=1e-5, atol=1e-5)


def test_probes_are_answered_by_the_white_box_under_the_instruction() -> None:
    box = Reads()
    Reader(box, "context", "whitebox_probe", "mean", 1, ["one", "two"]).read(["Write a-b-c"], {})
    assert box.contexts == [f"Instruction: Write a-b-c\n\nInput: {x}\nOutput:" for x in ("one", "two")]


def test_a_list_is_read_whatever_its_marks() -> None:
    text = (
        f'Here:\n1. {PREFIX} add them.\n2) {PREFIX} add them.\n- "{PREFIX}: sum up."\n* nothing\n(3) {PREFIX}'
    )
    assert proposed(text) == ["Add them.", "Sum up."]


def test_one_request_writes_forty_and_missing_ones_are_asked_for_again() -> None:
    full = Blackbox()
    full.play(Dual(steps=5), Reads())
    assert len(full.prompts) <= 3  # random letters may repeat
    assert "Write 40 different" in full.prompts[0]
    assert all(f"Input: {x}\nOutput: {y}" in full.prompts[0] for x, y in DEMOS) is False
    assert sum(f"Input: {x}\nOutput: {y}" in full.prompts[0] for x, y in DEMOS) == 5
    short = Blackbox(lines=15)
    short.play(Dual(steps=5), Reads())
    assert len(short.prompts) == 3
    counts = [int(re.findall(r"Write (\d+) ", prompt)[0]) for prompt in short.prompts]
    assert counts[0] == 40 > counts[1] >= 25 > counts[2] >= 10
    broken = Blackbox(broken=1)
    broken.play(Dual(steps=5), Reads())
    assert len(broken.prompts) >= 2


@pytest.mark.parametrize("blackbox", [Blackbox(writes=False), Blackbox(lines=0), Blackbox(broken=9)])
def test_without_proposals_the_white_box_fills_up(blackbox: Blackbox) -> None:
    best = blackbox.play(Dual(steps=5), Reads())
    assert len(blackbox.asked) == 60
    assert best in blackbox.asked


@settings(deadline=None, max_examples=12)
@given(
    budget=st.integers(1, 50), seed=st.integers(0, 99), restart=st.booleans(),
    source=st.sampled_from(["whitebox_instruction", "whitebox_probe", "blackbox_cached", "none"]),
    pooling=st.sampled_from(["mean", "concat"]), acquisition=st.sampled_from(["greedy", "ucb"]),
    schedule=st.sampled_from(["ratio", "decay", "fixed"]), sim_weight=st.sampled_from(["uniform", "reward"]),
    depth=st.integers(1, 5),
)  # fmt: skip
def test_every_option_plays_within_its_budget_and_pays_for_no_text_twice(
    budget: int, seed: int, source: str, **options: Any
) -> None:
    blackbox = Blackbox(budget, answers=True)
    agent = Dual(output_source=source, steps=5, n_cand=8, **options)
    best = blackbox.play(agent, Reads(), seed)
    assert len(blackbox.asked) == len(set(blackbox.asked)) == budget
    assert best in blackbox.asked
    assert Letters().truth(best) == max(map(Letters().truth, blackbox.asked))
    assert blackbox.handed[-1] == best


def test_initial_texts_are_the_proposals_and_the_rest_of_them_stay_candidates() -> None:
    blackbox = Blackbox(budget=200)
    blackbox.play(Dual(start=10, arms=1, steps=5, total=30), Reads())
    first = proposed(Blackbox(prompts=["x"]).listed("Write 40 "))
    assert blackbox.asked[:10] == first[:10]
    assert set(blackbox.asked[10:]) & set(first)
    assert len(blackbox.asked) == 30


def test_the_texts_chosen_are_better_than_the_proposals() -> None:
    gains = []
    for seed in range(3):
        blackbox = Blackbox(budget=40)
        blackbox.play(Dual(), Reads(), seed)
        truths = [Letters().truth(text) for text in blackbox.asked]
        gains.append(np.mean(truths[14:]) - np.mean(truths[:14]))
    assert np.mean(gains) > 0.1


def test_a_threshold_ends_the_search() -> None:
    blackbox = Blackbox(budget=200)
    blackbox.play(Dual(threshold=0.8, start=5, steps=10), Reads())
    scores = [Letters().truth(text) for text in blackbox.asked]
    assert scores[-1] >= 0.8 or max(scores[:5]) >= 0.8
    assert len(scores) < 200


def test_the_same_seed_tells_the_same_story_and_another_another() -> None:
    def story(seed: int) -> list[str]:
        blackbox = Blackbox(budget=24)
        blackbox.play(Dual(steps=5), Reads(), seed)
        return blackbox.asked

    assert story(1) == story(1) != story(2)


@pytest.mark.parametrize("allowance", [0, 10, 200])
def test_when_the_white_box_is_spent_the_best_so_far_is_handed_in(allowance: int) -> None:
    blackbox = Blackbox()
    best = blackbox.play(Dual(steps=5), Reads(allowance=allowance))
    assert best in blackbox.asked
    assert best == blackbox.handed[-1]


def test_presets_are_the_papers_numbers_and_given_ones_win() -> None:
    assert Dual(preset="paper").settings == (40, 165, 10_000, 1000, 1000, 1e-3, True)
    assert Dual(preset="paper", n_cand=9).settings == (40, 165, 10_000, 9, 1000, 1e-3, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "papers"}, {"output_source": "x"}, {"pooling": "max"}, {"sim_weight": "x"},
        {"similarity": "x"}, {"schedule": "x"}, {"acquisition": "x"}, {"proposals": -1}, {"start": 0},
        {"total": -1}, {"arms": 0}, {"n_cand": 0}, {"steps": 0}, {"restart": 1}, {"layer": -2}, {"depth": 0},
        {"rate": 0.0}, {"alpha": -1.0}, {"beta": 0.0}, {"nu": -1.0}, {"threshold": "x"}, {"dimensions": 0},
        {"tokens": 0}, {"demos": -1}, {"max_tokens": 0},
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Dual(**wrong)


def test_it_plays_with_a_real_model(llama_dir: Path) -> None:
    from whitebox_kit import white_box

    for source in ("whitebox_instruction", "whitebox_probe"):
        blackbox = Blackbox(budget=12)
        agent = Dual(arms=24, start=4, n_cand=6, steps=10, max_tokens=8, output_source=source)
        assert blackbox.play(agent, white_box(llama_dir)) in blackbox.asked
        assert len(blackbox.asked) == 12
