"""Laws of the generated tasks: right answers, disjoint splits, keyed luck, sizes that are told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mocks.skills import SKILLS
from sandbox.errors import UsageError
from sandbox.metrics import normalise
from scenarios.tasks import DESCRIPTION, INDUCTION30, TASKS, available, fitting, holes, make, stock
from scenarios.tasks.catalogue import metric

tasks = pytest.mark.parametrize("name", TASKS)


@tasks
def test_gold_answers_are_what_the_skill_works_out(name: str) -> None:
    dataset = make(name, seed=3)
    for row in (*dataset.train, *dataset.dev, *dataset.test):
        found = SKILLS[name].execute(row.input)
        assert found is not None, row
        assert dataset.score(found, row.answers) == 1, (row, found)
        assert all(normalise(answer) for answer in row.answers), row


@tasks
def test_splits_share_no_input_and_have_their_sizes(name: str) -> None:
    dataset = make(name, seed=1, train=31, dev=17, test=29)
    splits = (dataset.train, dataset.dev, dataset.test)
    inputs = [row.input for split in splits for row in split]
    assert [len(split) for split in splits] == [31, 17, 29]
    assert len(set(inputs)) == len(inputs)
    assert dataset.metric == metric(name)


@tasks
def test_the_seed_decides_everything(name: str) -> None:
    assert make(name, seed=5).digest == make(name, seed=5).digest
    assert make(name, seed=5).digest != make(name, seed=6).digest


@tasks
def test_a_size_leaves_the_splits_behind_it_alone(name: str) -> None:
    small, large = make(name, train=5, dev=6, test=7), make(name, train=40, dev=6, test=7)
    assert large.test == small.test
    assert large.dev == small.dev
    assert large.train[:5] == small.train
    assert make(name, train=5, dev=9, test=7).test == small.test


@tasks
def test_there_are_rows_enough(name: str) -> None:
    assert available(name, 250) == (118 if name == "periodic_elements" else 250)


@given(st.sampled_from(TASKS), st.integers(0, 10**9))
@settings(max_examples=60)
def test_any_row_of_any_stock_has_an_answer(name: str, number: int) -> None:
    rows = stock(name)
    row = rows.at(number % rows.size)
    assert row.input.strip()
    assert row.answers
    assert all(answer.strip() for answer in row.answers)


def test_what_is_said_of_a_stock_being_distinct_is_true() -> None:
    for name in TASKS:
        rows = stock(name)
        if rows.distinct and rows.size <= 20_000:
            assert len({rows.at(number).input for number in range(rows.size)}) == rows.size, name


@pytest.mark.parametrize("name", ["periodic_elements", "informal_to_formal", "word_sorting"])
def test_more_rows_than_there_are_is_an_error_that_names_how_many(name: str) -> None:
    there = available(name)
    assert len(make(name, train=there - 2, dev=1, test=1).train) == there - 2
    with pytest.raises(UsageError, match=f"there are {there}$"):
        make(name, train=there - 1, dev=1, test=1)


def test_sizes_that_nobody_gave_shrink_in_proportion() -> None:
    dataset = make("periodic_elements")
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [47, 23, 47]
    assert fitting("periodic_elements", 50, 20, 100) == {"train": 34, "dev": 13, "test": 69}
    assert fitting("sum", 50, 20, 100) == {"train": 50, "dev": 20, "test": 100}


@pytest.mark.parametrize("sizes", [{"train": 0}, {"dev": -1}, {"test": 0}])
def test_a_size_below_one_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        make("sum", **sizes)


def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean antonyms"):
        make("antonym")


def test_descriptions_give_nothing_away() -> None:
    assert len(INDUCTION30) == 30
    assert len(TASKS) == 31
    assert {make(name, train=1, dev=1, test=1).description for name in TASKS} == {DESCRIPTION}


@tasks
def test_copying_and_constants_solve_only_the_tasks_that_are_known_for_it(name: str) -> None:
    found = holes.measure(make(name, train=1, test=1, dev=100).dev, make(name).score)
    known = {
        "rhymes": (0.99, 1.0), "cause_and_effect": (0.35, 0.65), "informal_to_formal": (0.35, 0.6),
    }  # fmt: skip
    low, high = known.get(name, (0.0, 0.15))
    assert low <= found.copying <= high
    assert found.constant <= (0.65 if name in ("sentiment", "word_in_context") else 0.3)


def test_the_copy_hole_of_rhymes_can_be_closed() -> None:
    rhymes = make("rhymes")
    closed = holes.closed(rhymes)
    assert holes.holes(rhymes).copying == 1
    assert holes.holes(closed).copying == 0
    assert all(SKILLS["rhymes"].execute(row.input) in row.answers for row in closed.test)
    assert holes.closed(make("sum")) == make("sum")


def test_similarity_grades_and_moods_are_evenly_spread() -> None:
    for name, kinds in (("sentence_similarity", 6), ("sentiment", 2), ("word_in_context", 2)):
        dataset = make(name, train=600, dev=1, test=1)
        counts = [
            sum(row.answers[0] == label for row in dataset.train)
            for label in {row.answers[0] for row in dataset.train}
        ]
        assert len(counts) == kinds
        assert min(counts) > 0.7 * 600 / kinds


def test_nothing_depends_on_the_hash_seed() -> None:
    code = (
        "import hashlib\n"
        "from mocks.skills import SKILLS\n"
        "from scenarios.tasks import TASKS, make\n"
        "told = []\n"
        "for name in TASKS:\n"
        "    dataset = make(name, train=6, dev=5, test=5)\n"
        "    told.append(dataset.digest)\n"
        "    for row in dataset.train:\n"
        "        for skill in SKILLS.values():\n"
        "            found = skill.execute(row.input)\n"
        "            told.append(f'{found} {skill.slip(row.input, found, 0.4) if found else None}')\n"
        "print(hashlib.sha256('\\n'.join(told).encode()).hexdigest())\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "77")
    }
    assert len(told) == 1
