"""Prompts of EvoPrompt and CAPO: a model crosses and mutates instructions."""

from __future__ import annotations

_EXAMPLE = """\
Follow the steps.
1. Crossover the prompts below:
Prompt 1: Make the text simpler.
Prompt 2: Rewrite in easy words.
2. Mutate it and give the final prompt in <prompt> and </prompt>.

1. Crossover: Make the text simple, and use easy words.
2. <prompt>Rewrite the text so that everybody understands it.</prompt>

"""
_DIFFERENCE = """\
Follow the steps.
1. Find where Prompt 1 and Prompt 2 differ:
Prompt 1: Make the text simpler.
Prompt 2: Rewrite in easy words.
2. Mutate the parts that differ
3. Combine them with Prompt 3:
Prompt 3: Say the same so that a child understands it.
4. Crossover the result with the basic prompt and write the final prompt between <prompt> and </prompt>:
Basic Prompt: Write a version that is easy to read.

1. "simpler" and "in easy words"
2. "shorter" and "in the plainest words"
3. Say the same in the plainest words, so that a child understands it.
4. <prompt>Write a version in plain words that a child can read.</prompt>

"""


def genetic(first: str, second: str) -> str:
    """EvoPrompt GA: cross two parents, mutate the result, answer in tags; with one worked example."""
    return (
        f"{_EXAMPLE}Follow the steps.\n1. Crossover the prompts below:\nPrompt 1: {first}\n"
        f"Prompt 2: {second}\n"
        "2. Mutate it and give the final prompt in <prompt> and </prompt>.\n\n1."
    )


def differential(base: str, first: str, second: str, third: str) -> str:
    """EvoPrompt DE: what differs between two is mutated, joined with a third, and crossed with the base."""
    return (
        f"{_DIFFERENCE}Follow the steps.\n1. Find where Prompt 1 and Prompt 2 differ:\nPrompt 1: {first}\n"
        f"Prompt 2: {second}\n2. Mutate the parts that differ\n3. Combine them with Prompt 3:\n"
        f"Prompt 3: {third}\n"
        "4. Crossover the result with the basic prompt and write the final prompt between <prompt> and "
        f"</prompt>:\nBasic Prompt: {base}\n\n1."
    )


def merge(about: str, first: str, second: str) -> str:
    """CAPO, crossover: one prompt out of two."""
    return (
        f"You get two prompts for this task: {about}\nMerge the two prompts into a single one.\n"
        f"Prompt 1: {first}\nPrompt 2: {second}\n\nUse this format:\n<prompt>the merged prompt</prompt>"
    )


def mutate(about: str, text: str) -> str:
    """CAPO, mutation: a prompt that says the same task differently, perhaps better."""
    return (
        f"You get a prompt for this task: {about}\nModify the prompt below so that it is a bit different.\n"
        f"Prompt: {text}\n\nUse this format:\n<prompt>the modified prompt</prompt>"
    )
