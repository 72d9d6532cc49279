"""The yardstick: random soft prompts."""

from __future__ import annotations

import numpy as np
import pytest
from steered import Graded, Steered, play, task

from agents.random_soft_prompt import RandomSoftPrompt


class Silent(Steered):
    """Always says the same."""

    def decode(self, soft: np.ndarray, context: str, **_: object) -> list[str]:  # type: ignore[override]
        self.decoded += len(soft)
        return ["only this." for _ in soft]


@pytest.mark.parametrize("ask", ["statement", "question"])
@pytest.mark.parametrize("evaluations", [1, 24, 60])
def test_it_evaluates_each_text_once_and_hands_in_the_best(ask: str, evaluations: int) -> None:
    graded = Graded(0)
    agent = RandomSoftPrompt(ask=ask)
    story = play(agent.plan(task(Steered(0), evaluations), np.random.default_rng(0)), graded, evaluations)
    texts = [text for text, _ in story.asked]
    assert len(texts) == len(set(texts)) == evaluations
    scores = {text: graded.right(text).mean() for text in texts}
    assert scores[str(story.final)] == max(scores.values())
    assert story.recommended[-1] == story.final
    assert texts[0].startswith("The instruction was to ") == (ask == "statement")


def test_the_first_texts_do_not_depend_on_the_budget() -> None:
    def asked(evaluations: int) -> list[str]:
        plan = RandomSoftPrompt().plan(task(Steered(0), evaluations), np.random.default_rng(0))
        return [text for text, _ in play(plan, Graded(0), evaluations).asked]

    assert asked(60)[:20] == asked(20)


def test_a_white_box_with_one_thing_to_say_ends_the_run() -> None:
    box = Silent()
    story = play(RandomSoftPrompt().plan(task(box, 50), np.random.default_rng(0)), Graded(), 50)
    assert len(story.asked) == 1
    assert story.final == "The instruction was to only this."


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"ask": "questoin"}, {"dimensions": 0}, {"tokens": 0.5}])
def test_wrong_parameters_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RandomSoftPrompt(**wrong)  # type: ignore[arg-type]
