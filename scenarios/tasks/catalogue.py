"""The instruction-induction tasks by name: which there are, and how their answers are scored."""

from __future__ import annotations

INDUCTION30 = (
    "active_to_passive", "antonyms", "auto_categorization", "auto_debugging", "cause_and_effect",
    "common_concept", "diff", "first_word_letter", "informal_to_formal", "larger_animal",
    "letters_list", "negation", "num_to_verbal", "object_counting", "odd_one_out",
    "orthography_starts_with", "periodic_elements", "rhymes", "second_word_letter", "sentence_similarity",
    "sentiment", "singular_to_plural", "sum", "synonyms", "taxonomy_animal",
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
"""The metrics of Honovich et al. (2022) where they are not exact match."""
DESCRIPTION = "Find the instruction that turns each input into its output."
"""Of every task: it is known by its data alone."""
SIZES = (100, 50, 100)
"""Rows for train, dev and test, where nobody says otherwise."""


def metric(name: str) -> str:
    """The metric of a task; exact match for a name that is not known."""
    return METRIC_OF.get(name, "exact_match")
