"""The tasks of the papers, generated here or read from the published files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from mocks.skills.sentences import GRADES
from sandbox.dataset import Dataset, Row
from sandbox.errors import UsageError, nearest
from scenarios.tasks import sentences, words
from scenarios.tasks.space import Stock

INDUCTION30 = (
    "active_to_passive", "antonyms", "auto_categorization", "auto_debugging", "cause_and_effect", "common_concept",
    "diff", "first_word_letter", "informal_to_formal", "larger_animal", "letters_list", "negation", "num_to_verbal",
    "object_counting", "odd_one_out", "orthography_starts_with", "periodic_elements", "rhymes", "second_word_letter",
    "sentence_similarity", "sentiment", "singular_to_plural", "sum", "synonyms", "taxonomy_animal",
    "translation_en-de", "translation_en-es", "translation_en-fr", "word_sorting", "word_unscrambling",
)  # fmt: skip
"""The thirty tasks of the papers' table."""
TASKS = tuple(sorted([*INDUCTION30, "word_in_context"]))
"""Every task that is generated here."""

METRIC_OF = {
    "common_concept": "f1",
    "informal_to_formal": "f1",
    "orthography_starts_with": "exact_set",
    "taxonomy_animal": "exact_set",
    "synonyms": "contains",
}
"""The metrics of Honovich et al. (2022) that are not exact match."""
LABELS_OF = {
    "sentiment": ("positive", "negative"),
    "word_in_context": ("same", "not the same"),
    "sentence_similarity": GRADES,
}
"""The valid answers of tasks that classify."""
DESCRIPTION = "Find the instruction that turns each input into its output."
"""Of every task: it is known by its data alone."""
SIZES = (100, 50, 100)
"""Rows for train, dev and test, where nobody says otherwise."""


def stock(name: str, seed: int = 0, *, copy_hole: bool = True) -> Stock:
    """All rows that can be generated for a task.

    Args:
        name: one of TASKS.
        seed: decides the order of the sentences in cause_and_effect, and nothing else.
        copy_hole: let rhymes accept the input itself, as the published files do.

    Raises:
        UsageError: if there is no such task.
    """
    if name == "rhymes":
        return words.rhymes(copy_hole)
    if name == "cause_and_effect":
        return sentences.causes(seed)
    opened = words.STOCKS.get(name) or sentences.STOCKS.get(name)
    if opened is None:
        raise UsageError(f"task {name!r} is not known: {nearest(name, TASKS)}")
    return opened()


def available(name: str) -> int:
    """How many rows with different inputs can be generated for a task."""
    return sum(1 for _ in stock(name).shuffled(0, name))


def make(
    name: str,
    *,
    seed: int = 0,
    train: int | None = None,
    dev: int | None = None,
    test: int | None = None,
    copy_hole: bool = True,
) -> Dataset:
    """A task with rows that are generated here; the splits share no input.

    Another size of `train` leaves dev and test as they are, another size of `dev` leaves test.

    Args:
        name: one of TASKS.
        seed: which rows, and in which order.
        train, dev, test: numbers of rows. Left out: 100, 50 and 100, and proportionally fewer
            where a task has fewer rows than that (periodic_elements, with 118).
        copy_hole: let rhymes accept the input itself, as the published files do.

    Raises:
        UsageError: if there is no such task, a number is below one, or there are fewer rows.
    """
    rows = stock(name, seed, copy_hole=copy_hole).shuffled(seed, name)
    wanted = [size if given is None else given for given, size in zip((train, dev, test), SIZES, strict=True)]
    for split, count in zip(("train", "dev", "test"), wanted, strict=True):
        if count < 1:
            raise UsageError(f"{name}: {split}={count}: at least 1 row")
    found = list(islice(rows, sum(wanted)))
    if len(found) < sum(wanted):
        if (train, dev, test) != (None, None, None):
            raise UsageError(
                f"{name}: train={wanted[0]}, dev={wanted[1]}, test={wanted[2]} are {sum(wanted)} rows; "
                f"there are {len(found)}"
            )
        wanted = [count * len(found) // sum(wanted) for count in wanted]
    return dataset(name, iter(found), *wanted)


def dataset(name: str, rows: Iterator[Row], train: int, dev: int, test: int) -> Dataset:
    """A dataset whose test rows come first out of `rows`, then dev, then train."""
    last = tuple(islice(rows, test))
    middle = tuple(islice(rows, dev))
    return Dataset(
        name,
        DESCRIPTION,
        tuple(islice(rows, train)),
        middle,
        last,
        METRIC_OF.get(name, "exact_match"),
        LABELS_OF.get(name, ()),
    )
