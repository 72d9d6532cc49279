"""What the policy is taught: what a teacher may name, and that a pick is the best of the guesses."""

from __future__ import annotations

import pytest

from agents.templates.meta import spelled
from sandbox.streams import stream
from scenarios.prompt_mii.lessons import CHECKING, TRAINING, Follower, lesson, picked, taught
from scenarios.tasks.classification import HELD_OUT


@pytest.mark.parametrize("seed", list(CHECKING)[:6])
def test_a_teacher_names_cues_of_the_right_label_and_nothing_else(seed: int) -> None:
    one = lesson(seed, 100)
    told = taught(one, stream(0, "t"))
    meant = spelled(told, one.found)
    assert meant is not None
    rules = one.problem.rules
    words = {word for cue, _ in rules.keywords for word in cue.split()}
    words |= {word for _, second, _ in rules.conjunctions for word in second.split()}
    for line in meant.splitlines()[:-1]:
        for term in line.split('"')[1::2]:
            assert {word.removesuffix("s") for word in term.split()} & {w.removesuffix("s") for w in words}
    assert meant.splitlines()[-1] == f"Otherwise, answer {rules.default}."


@pytest.mark.parametrize("seed", list(CHECKING)[:4])
@pytest.mark.parametrize("shots", [5, 100])
def test_a_pick_is_no_worse_than_the_teacher(seed: int, shots: int) -> None:
    one, follower = lesson(seed, shots, rows=40), Follower()
    best = follower.reward(one, picked(one, follower, stream(0, "t")))
    assert best >= follower.reward(one, taught(one, stream(0, "t")))


def test_at_first_the_strongest_words_are_named() -> None:
    one = lesson(TRAINING[0], 20)
    told = taught(one, stream(0, "t"), copied=True).splitlines()
    assert all(line.partition(": ")[2].split(", ")[0] == "1" for line in told[:-1])


def test_tasks_of_training_checks_and_comparisons_are_apart() -> None:
    assert not set(CHECKING) & set(TRAINING)
    assert not set(HELD_OUT) & (set(CHECKING) | set(TRAINING))
